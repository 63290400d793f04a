"""m13: displacement of the object between frames, by phase correlation of low-passed coil images.

Kuglin and Hines 1975. Each coil is correlated with itself in the series' first complete frame and the cross-spectra
are summed, so coil shading takes no part, and elements that failed since are left out: their loss must not look like
motion.
"""

import math

import numpy as np
from numpy.typing import NDArray

from engine.assess.memory import StratumMemory
from engine.assess.view import FrameView
from engine.types import Measurement

_BAND = 24
"""Lines and samples on either side of the k-space centre that are compared."""
_MOST_COILS = 32
_PAD = 256
_LEAST_PEAK = 0.3


def displacement(view: FrameView, memory: StratumMemory) -> Measurement:
    """In-plane translation against the first complete frame, mm."""
    memory.moved_pixels = math.inf  # not known to lie still until it is measured
    if not memory.kept:
        return Measurement("m13", "displacement", None, "mm", why_missing="too_many_slices")
    if not view.kspace.completeness.complete:
        return Measurement("m13", "displacement", None, "mm", why_missing="incomplete")
    if view.why_no_object == "low_snr":
        return Measurement("m13", "displacement", None, "mm", why_missing="low_snr")
    spectrum = _central_spectrum(view)
    if memory.reference is None:
        memory.reference = spectrum
        return Measurement("m13", "displacement", None, "mm", why_missing="first_frame")
    if memory.reference.shape != spectrum.shape:
        return Measurement("m13", "displacement", None, "mm", why_missing="size_changed")
    kept = [c for c in range(spectrum.shape[1]) if c not in memory.lost]
    if not kept:
        return Measurement("m13", "displacement", None, "mm", why_missing="no_signal")
    cross = (spectrum[:, kept] * memory.reference[:, kept].conj()).sum(axis=1)
    if not float(np.abs(cross).max()) > 0:
        return Measurement("m13", "displacement", None, "mm", why_missing="no_signal")
    shift_y, shift_x, peak = _shift(cross)
    if peak < _LEAST_PEAK:
        return Measurement("m13", "displacement", None, "mm", why_missing="images_differ")
    lines = view.raw.shape[0]
    field_of_view = view.frame.geometry.field_of_view
    encoded_y = field_of_view[1] * lines / max(view.frame.data.shape[1], 1)
    encoded_x = field_of_view[0] * view.kspace.readout_oversampling
    memory.moved_pixels = abs(shift_x) * encoded_x / view.pixel_mm[1]
    return Measurement(
        "m13",
        "displacement",
        float(np.hypot(shift_y * encoded_y, shift_x * encoded_x)),
        "mm",
    )


def _central_spectrum(view: FrameView) -> NDArray[np.complex64]:
    """`[line, coil, sample]` about the k-space centre."""
    line, sample = view.kspace.center
    lines, coils, samples = view.raw.shape
    half_y, half_x = min(_BAND, line, lines - line), min(_BAND, sample, samples - sample)  # an echo may be asymmetric
    block = view.raw[line - half_y : line + half_y, : min(coils, _MOST_COILS), sample - half_x : sample + half_x]
    return block.astype(np.complex64)


def _shift(cross: NDArray[np.complex64]) -> tuple[float, float, float]:
    """Shift as a share of the field of view along (line, sample), and how alike the images are (0..1).

    The phase of the cross-spectrum, tapered and weighted by the square root of its magnitude so that samples without
    signal say little; its transform peaks at the shift. The peak is refined by the phase's slope about it.
    """
    magnitude = np.abs(cross)
    weight = np.sqrt(magnitude) * np.outer(np.hanning(cross.shape[0] + 2)[1:-1], np.hanning(cross.shape[1] + 2)[1:-1])
    unit = np.where(magnitude > 0, cross / np.maximum(magnitude, 1e-30), 0)
    surface = np.abs(np.fft.ifft2(weight * unit, s=(_PAD, _PAD)))
    y, x = np.unravel_index(int(surface.argmax()), surface.shape)
    ky = np.arange(cross.shape[0]) - cross.shape[0] // 2
    kx = np.arange(cross.shape[1]) - cross.shape[1] // 2
    coarse_y, coarse_x = _signed(int(y)) / _PAD, _signed(int(x)) / _PAD
    turned = unit * np.exp(2j * np.pi * (coarse_y * ky[:, None] + coarse_x * kx))
    center = (weight * turned).sum()
    turned = turned * np.exp(-1j * np.angle(center))
    angle = np.angle(turned)
    near = weight * (np.abs(angle) < 2)
    fine_y = _slope(angle, near, ky[:, None])
    fine_x = _slope(angle, near, kx[None, :])
    peak = float(np.abs((weight * turned).sum()) / weight.sum())
    return coarse_y - fine_y, coarse_x - fine_x, peak


def _signed(index: int) -> int:
    return index - _PAD if index > _PAD // 2 else index


def _slope(angle: NDArray[np.float64], weight: NDArray[np.float64], k: NDArray[np.int64]) -> float:
    """Weighted least-squares slope of phase along one axis, in turns per sample."""
    return float((weight * angle * k).sum() / max(float((weight * k * k).sum()), 1e-30)) / (2 * np.pi)
