"""Pairs of frames as the network sees them: samples of the pool in SNR units, with fresh noise."""

import numpy as np
from numpy.typing import NDArray

from models.data.noise import noisy_magnitude
from models.quality.pool import Group
from models.quality.sample import CLEAN

SNR = (8.0, 150.0)
COILS = (1, 33)

_LEAST_VISIBLE = 0.7
"""Noise sd that the most changed cell changes by at least: what is below nobody can see."""
_MISJUDGED = (0.8, 1.5)
"""Noise of the image over what was measured: real scans are not exact."""
_MOST_FILTERED = 8
"""Coils of frames whose k-space has gaps: each needs its own transform."""
_ALONE, _STEADY = 0.4, 0.3
"""Share of pairs without a frame before, and with one that looks the same."""
_SHIFTED, _MOST_SHIFT = 0.3, 0.4
"""Share of the sound pairs whose object moved between the frames, and by how many pixels at most."""


def draw_pairs(
    group: Group, numbers: NDArray[np.intp], rng: np.random.Generator, alone: bool = False
) -> NDArray[np.float32]:
    """`[number, 2, y, x]` frame and the frame before, in SNR units; `alone`: there is none before."""
    return np.stack([_pair(group, int(number), rng, alone) for number in numbers])


def least_snr(peak: float) -> float:
    """SNR of the object's median from which a change of `peak` % in a cell can be seen."""
    return float(np.clip(100 * _LEAST_VISIBLE / max(peak, 1e-3), *SNR))


def _pair(group: Group, number: int, rng: np.random.Generator, alone: bool) -> NDArray[np.float32]:
    sound = group.kind[number] == CLEAN
    low = SNR[0] if sound else least_snr(float(group.where[number].max()))
    snr = float(np.exp(rng.uniform(np.log(low), np.log(SNR[1]))))
    coils = int(rng.integers(*COILS))
    factor = float(np.exp(rng.uniform(*np.log(_MISJUDGED)))) if rng.random() < 0.5 else 1.0
    gaps = not (group.rows[number].all() and group.columns[number].all())

    def noisy(amplitude: NDArray[np.float16], filtered: bool) -> NDArray[np.float32]:
        signal = amplitude.astype(np.float32) * np.float32(snr / factor)
        if filtered:
            frame = noise_with_gaps(signal, group.rows[number], group.columns[number], coils, rng)
        else:
            frame = noisy_magnitude(signal, coils, rng)
        return frame * np.float32(factor)

    frame = noisy(group.image[number], gaps)
    which = 0.0 if alone else rng.random()
    if which < _ALONE:
        return np.stack([frame, frame])
    if which < _ALONE + _STEADY:
        return np.stack([frame, noisy(group.image[number], gaps)])
    before = group.before[number]
    if sound and rng.random() < _SHIFTED:
        before = _shifted(before, rng.uniform(-_MOST_SHIFT, _MOST_SHIFT, 2)).astype(np.float16)
    # Faults that hold from the start are in the frame before as well, with the gaps that they leave.
    return np.stack([frame, noisy(before, gaps and group.fault[number] == "gibbs")])


def noise_with_gaps(
    signal: NDArray[np.float32],
    rows: NDArray[np.bool_],
    columns: NDArray[np.bool_],
    coils: int,
    rng: np.random.Generator,
) -> NDArray[np.float32]:
    """A noisy magnitude `[y, x]` whose k-space holds noise only in `rows [y]` and `columns [x]`; at most 8 coils."""
    held = np.fft.ifftshift(rows)[:, None] & np.fft.ifftshift(columns)
    power = np.zeros(signal.shape, np.float32)
    for coil in range(min(coils, _MOST_FILTERED)):
        parts = rng.standard_normal((*signal.shape, 2), np.float32)
        white = parts.view(np.complex64)[..., 0]
        noise = np.fft.ifft2(np.fft.fft2(white) * held)
        power += np.abs(noise + signal if coil == 0 else noise) ** 2
    return np.sqrt(power)


def _shifted(image: NDArray[np.float16], shift: NDArray[np.float64]) -> NDArray[np.float32]:
    """`image [y, x]` moved by a part of a pixel, exactly for what is band-limited."""
    height, width = image.shape
    ramp = np.exp(-2j * np.pi * (shift[0] * np.fft.fftfreq(height)[:, None] + shift[1] * np.fft.rfftfreq(width)))
    moved = np.fft.irfft2(np.fft.rfft2(image.astype(np.float32)) * ramp, s=image.shape)
    return np.maximum(moved, 0).astype(np.float32)
