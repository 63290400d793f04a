"""m04: coil elements that lost their signal, and what that costs where it is worst.

An element's signal is the energy of the central k-space it sees, noise removed, beside the same element in the first
complete frame of the series, and beside what all elements lost together. Without such a frame an element is still
recognised when it carries noise only.

Impact: with whitened coils, SNR at a pixel is the root of the summed signal power, so losing the elements L costs 1 -
sqrt(1 - sum_L |I_c|^2 / sum |I_c|^2) there. The 75th percentile over the object is taken: a quarter of the image
loses at least that much. Measured on a real 16-channel head coil, brain and phantom: at most 7.5 % for any single
element, at least 18 % for any connector of four (the 95th percentile, 33.5 and 26.3 %, does not separate them). Pairs
lie between.
"""

import numpy as np
from numpy.typing import NDArray

from engine.assess.memory import StratumMemory
from engine.assess.view import FrameView
from engine.types import Measurement, Where

WEAK_DB = 6.0
"""Loss from which an element counts as weak or lost."""
_HALF = 10
_SILENT_SIGMAS = 5.0
_QUARTER = 75


def coil_element(view: FrameView, memory: StratumMemory) -> Measurement:
    """Loss of the worst element in dB; impact: loss of SNR over the worst quarter, in %."""
    if view.coils < 2:
        return Measurement("m04", "coil_element", None, "dB", why_missing="one_coil")
    energy, spread = _center_energy(view)
    silent = energy <= _SILENT_SIGMAS * spread
    if memory.coil_energy is None and view.kspace.completeness.complete:
        _remember(view, memory, energy, silent)
    if memory.coil_energy is None or len(memory.coil_energy) != view.coils:
        return Measurement("m04", "coil_element", None, "dB", why_missing="first_frame_incomplete")
    alive_then = memory.coil_energy > 0
    floor = np.maximum(spread, 1e-30)
    change = 10 * np.log10(np.maximum(energy, floor) / np.where(alive_then, memory.coil_energy, floor))
    if not alive_then.any():
        return Measurement("m04", "coil_element", None, "dB", why_missing="no_signal")
    # What all elements lose together is the object's (a drop-out), not an element's: the upper quartile of them tells.
    together = min(float(np.percentile(change[alive_then], _QUARTER, method="higher")), 0.0)
    loss = np.where(alive_then, together - change, 0.0)
    loss[silent & ~alive_then] = 99.0  # was silent from the start
    lost = np.flatnonzero(loss >= WEAK_DB)
    memory.lost = tuple(int(c) for c in lost)
    return Measurement(
        "m04",
        "coil_element",
        float(loss.max()),
        "dB",
        impact=_impact(memory, lost, silent & ~alive_then, loss),
        impact_unit="%",
        where=Where(coils=memory.lost),
    )


def _center_energy(view: FrameView) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Per coil: energy of the central 20 x 20 samples less the noise's, and the spread of that noise energy."""
    line, sample = view.kspace.center
    block = view.raw[max(0, line - _HALF) : line + _HALF, :, max(0, sample - _HALF) : sample + _HALF]
    energy = (np.abs(block) ** 2).sum(axis=(0, 2), dtype=np.float64)
    count = block.shape[0] * block.shape[2]
    if view.noise is None:
        return energy, np.full(view.coils, 1e-6 * float(energy.max()))
    variance = np.real(np.diag(view.noise.covariance))
    return np.maximum(energy - count * variance, 0.0), np.sqrt(count) * variance


def _remember(view: FrameView, memory: StratumMemory, energy: NDArray[np.float64], silent: NDArray[np.bool_]) -> None:
    image = np.fft.fftshift(np.fft.ifft(view.white_hybrid, axis=0, norm="ortho"), axes=0)[::2, :, ::2]
    power = np.abs(image) ** 2
    total = power.sum(axis=1)
    inside = total > 0.1 * np.percentile(total, 99)
    memory.coil_maps = power.transpose(1, 0, 2)[:, inside].astype(np.float32)
    memory.coil_energy = np.where(silent, 0.0, energy)


def _impact(
    memory: StratumMemory, lost: NDArray[np.intp], silent_from_start: NDArray[np.bool_], loss: NDArray[np.float64]
) -> float:
    if not len(lost):
        return 0.0
    if silent_from_start[lost].any():
        # What these elements would have seen is not known: their share of the coil stands for it.
        return 100 * (1 - float(np.sqrt(1 - len(lost) / len(loss)))) if len(lost) < len(loss) else 100.0
    assert memory.coil_maps is not None
    kept = 10 ** (-loss[lost] / 10)
    total = memory.coil_maps.sum(axis=0)
    gone = np.tensordot(1 - kept, memory.coil_maps[lost], axes=1)
    local = 1 - np.sqrt(np.clip(1 - gone / np.maximum(total, 1e-30), 0, 1))
    return float(100 * np.percentile(local, _QUARTER))
