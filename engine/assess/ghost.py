"""m09: the N/2 ghost, a copy of the object half a field of view along the phase direction.

Alternate lines that differ by a phase phi (echo-planar trains, interleaved segments) put i tan(phi / 2) times the
object half a view away, in every coil alike. So what lies where that copy falls is projected onto the copy, column by
column and over all coils at once; with A the image of the lines with alternating signs, the image moved by N/2:

    g(x) = sum_y,c I_c(y, x) conj(A_c(y, x)) / E(x),   E(x) = sum_y,c |A_c(y, x)|^2,
    ghost^2 = sum_x ((Im g)^2 - (Re g)^2) E / sum_x E

over pixels y of air onto which the copy falls. It is a ratio of powers, not of mean magnitudes. Noise and whatever else
lies there (pulsation, motion, dim tissue) averages out, and what is left of it by chance is as large in the real part,
where a phase between the lines leaves nothing: the real part takes the place of the other air's power. (Lines that
alternate in size instead of phase put their copy there: not seen by this row.)

The impact is the figure of QA tables, to be compared with published ones: the mean magnitude where the copy falls into
air, over that of the object (what is above 0.3 of the 99th percentile), noise and all. It says nothing on its own: a
clean brain reads 14 %.
"""

import numpy as np
from numpy.typing import NDArray
from scipy import fft

from engine.assess.memory import StratumMemory
from engine.assess.view import FrameView
from engine.types import Measurement, Where

_PIXELS = 1 << 14
"""Of a larger image every second, third, ... column is looked at: g is smooth in x."""
_OBJECT = 0.3
_MARGIN = 0.02
"""Share of the view beside the object that does not count as air: its edge is blurred."""
_LEAST_PIXELS = 200
_DIMMER = 0.9
_ONE_COIL = 4.0
"""One element alone averages chance poorly: without it 4 of 78 clean anatomies read 5 to 8 %."""
_PLAIN = 4.0
"""Where there is no air: so many times as much in the imaginary as in the real part, or it may be chance."""


def half_view_ghost(view: FrameView, memory: StratumMemory) -> Measurement:
    """N/2 ghost of the image as delivered, % of the object; impact: mean magnitude in its place, % of the object's.

    `estimated` where an echo-planar frame came without navigators: the scanner's own image need not have this ghost.
    """
    del memory
    doubtful = "phase_not_corrected" in view.frame.reservations
    return _measured(view, view.white_hybrid[:, :, :: _step(view)], "m09", "ghost", estimated=doubtful)


def ghost_uncorrected(view: FrameView, memory: StratumMemory) -> Measurement:
    """The same without the correction by navigators that an echo-planar frame got: how well the gradients are timed."""
    del memory
    added = view.kspace.correction
    if added is None:
        return Measurement("m27", "ghost_uncorrected", None, "%", why_missing="no_phase_correction")
    step = _step(view)
    x = np.arange(0, view.white_hybrid.shape[2], step) - view.white_hybrid.shape[2] // 2
    undone = np.exp(-1j * (added[:, :1] + added[:, 1:] * x)).astype(np.complex64)
    thin = view.white_hybrid[:, :, ::step] * undone[:, None, :]
    return _measured(view, thin, "m27", "ghost_uncorrected", estimated=False)


def _step(view: FrameView) -> int:
    """Every how many columns are looked at."""
    lines, _, width = view.white_hybrid.shape
    return max(1, round(float(lines * width) / _PIXELS))


def _measured(view: FrameView, thin: NDArray[np.complex64], row: str, name: str, *, estimated: bool) -> Measurement:
    """The ghost of every so many columns of the hybrid, `[line, coil, x]`."""
    if view.why_no_object:
        return Measurement(row, name, None, "%", why_missing=view.why_no_object)
    step = _step(view)
    signs = np.where(np.arange(len(thin)) % 2, -1, 1).astype(np.float32)
    image, copy = _transformed(thin), _transformed(thin * signs[:, None, None])
    power, copy_power = _coil_sum(image, image).real, _coil_sum(copy, copy).real
    level = _OBJECT**2 * np.percentile(power, 99)
    found, copied = power > level, copy_power > level
    cross = _coil_sum(image, copy)
    air = copied & ~_grown(found, max(1, round(_MARGIN * len(found))))
    plain = True
    if air.sum() * step < _LEAST_PIXELS:  # the object fills the view, or its ghost is as bright as the object
        air, plain = copied & found & (power < _DIMMER * copy_power), False
    energy = (copy_power * air).sum(axis=0)
    along = (cross * air).sum(axis=0) / np.maximum(energy, np.float32(1e-30))
    total = float(energy.sum())
    imaginary, real = (float((part**2 * energy).sum()) for part in (along.imag, along.real))
    if air.sum() * step < _LEAST_PIXELS or (not plain and imaginary < _PLAIN**2 * real):
        return Measurement(row, name, None, "%", why_missing="object_fills_view")
    chance = _ONE_COIL if view.coils == 1 else 1.0
    around = copied & ~found
    return Measurement(
        row,
        name,
        100 * float(np.sqrt(max(imaginary - chance * real, 0.0) / total)),
        "%",
        impact=100 * float(np.sqrt(power[around]).mean() / np.sqrt(power[found]).mean()) if around.any() else None,
        impact_unit="%",
        where=Where(box=_box(view, cross.imag * air, step)),
        estimated=estimated,
    )


def _transformed(hybrid: NDArray[np.complex64]) -> NDArray[np.complex64]:
    """Coil images `[y, coil, x]` of `[line, coil, x]`, but for a phase along y that both images have."""
    return np.asarray(fft.fftshift(fft.ifft(hybrid, axis=0, norm="ortho", workers=1), axes=0))


def _coil_sum(one: NDArray[np.complex64], other: NDArray[np.complex64]) -> NDArray[np.complex64]:
    """Sum over coils of one x conj(other), `[y, coil, x]` to `[y, x]`."""
    return np.asarray((one * other.conj()).sum(axis=1))


def _grown(mask: NDArray[np.bool_], by: int) -> NDArray[np.bool_]:
    """The mask grown along y by so many pixels."""
    sums = np.cumsum(np.pad(mask, ((by + 1, by), (0, 0))), axis=0, dtype=np.int32)
    return np.asarray(sums[2 * by + 1 :] > sums[: -2 * by - 1])


def _box(view: FrameView, part: NDArray[np.float32], step: int) -> tuple[int, int, int, int]:
    """Bounds of the ghost in the half of the view, above or below the middle, that holds more of it."""
    lines = len(part)
    halves = slice(0, lines // 2), slice(lines // 2, lines)
    strongest = max(halves, key=lambda half: float(np.abs(part[half].sum(axis=0)).sum()))
    rows = np.flatnonzero(part[strongest].any(axis=1)) + strongest.start
    columns = np.flatnonzero(part[strongest].any(axis=0)) * step
    _, height, width = view.frame.data.shape
    pixels = max(height / lines, 1.0)  # more lines than rows: cropped, fewer: interpolated
    top, bottom = ((edge - lines // 2) * pixels + height // 2 for edge in (int(rows[0]), int(rows[-1]) + 1))
    left, right = int(columns[0]), min(int(columns[-1]) + step, width)
    return left, int(np.clip(top, 0, height)), right, int(np.clip(bottom, 0, height))
