"""Echo-planar readouts to rows of the hybrid buffer: regridded from the gradient's ramps, odd against even corrected.

While the gradient ramps, samples lie closer together in k-space. Where the header describes the trapezoid, each sample
is put where the gradient's area says and weighed by the area of its dwell time, one dense matrix `[sample, x]`:

    image(x) = sum_s w[s] d[s] exp(2 pi i k[s] (x - X/2) / T)

(k in cycles per encoded field of view, T: transform length). Its scale is that of Gadgetron's echo-planar chain: the
area under all samples is as many cycles as the encoded matrix has samples. Every second line is read backwards; what
is left of the timing and phase errors between both directions is a phase linear in x, half of which is added to
either. Lines are given in k order (reversed ones already flipped).
"""

import math
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from engine.reconstruct.plan import AxisPlan, usable_trapezoid
from engine.reconstruct.readout import ReadoutTransform
from engine.types import Encoding, Trapezoid


class RowTransform(Protocol):
    """Whatever turns samples `[readout, coil, sample]` into rows `[readout, coil, x]`."""

    def apply(self, samples: NDArray[np.complex64], rows: NDArray[np.complex64]) -> None:
        """Fill `rows`."""


class Regridding:
    """Samples on a trapezoid to rows; the same interface and scale as `ReadoutTransform`."""

    def __init__(self, matrix: NDArray[np.complex64], whitening: NDArray[np.complex64] | None) -> None:
        self._matrix, self._whitening = matrix, whitening

    def apply(self, samples: NDArray[np.complex64], rows: NDArray[np.complex64]) -> None:
        """Transform `[readout, coil, sample]` into `rows`, `[readout, coil, x]`."""
        image = samples @ self._matrix
        if self._whitening is None:
            rows[...] = image
        else:
            np.matmul(self._whitening, image, out=rows)


class PhaseShifted:
    """A row transform whose rows are then multiplied by a phase `[x]`."""

    def __init__(self, inner: RowTransform, phase: NDArray[np.complex64]) -> None:
        self._inner, self._phase = inner, phase

    def apply(self, samples: NDArray[np.complex64], rows: NDArray[np.complex64]) -> None:
        """Transform `[readout, coil, sample]` into `rows`, `[readout, coil, x]`."""
        self._inner.apply(samples, rows)
        np.multiply(rows, self._phase, out=rows)


def area(trapezoid: Trapezoid, time: NDArray[np.floating]) -> NDArray[np.float64]:
    """Area under the gradient from its start until `time` (microseconds; flat top 1)."""
    up, flat, down = trapezoid.ramp_up, trapezoid.flat_top, trapezoid.ramp_down
    rising = 0.5 * np.minimum(time, up) ** 2 / max(up, 1e-9)
    level = np.clip(time - up, 0, flat)
    falling = np.clip(time - up - flat, 0, down)
    return np.asarray(rising + level + falling - 0.5 * falling**2 / max(down, 1e-9))


def regridding_matrix(
    trapezoid: Trapezoid, axis: AxisPlan, encoded: int, scale: float, used: slice, *, reverse: bool
) -> NDArray[np.complex64]:
    """Matrix `[sample, x]` from samples in k order to image columns; samples outside `used` are left out.

    `encoded` is the encoded matrix along x. The mean square of the weights is 1, so noise comes out as from a plain
    transform of scale `scale`.
    """
    edges = trapezoid.delay + np.arange(trapezoid.samples + 1) * trapezoid.dwell
    edge_area = area(trapezoid, edges)
    weight = np.diff(edge_area)
    middle = area(trapezoid, edges[:-1] + 0.5 * trapezoid.dwell)
    half = 0.5 * float(area(trapezoid, np.array([trapezoid.ramp_up + trapezoid.flat_top + trapezoid.ramp_down]))[0])
    k = (middle - half) * encoded / (edge_area[-1] - edge_area[0])
    if reverse:  # traversed from the far end and flipped since
        k, weight = -k[::-1], weight[::-1]
    kept = np.zeros(trapezoid.samples)
    kept[used] = 1
    weight = weight * kept
    weight = weight / math.sqrt(float((weight**2).sum()) / max(float(kept.sum()), 1.0))
    x = np.arange(axis.image) - axis.image // 2
    return np.asarray(scale * weight[:, None] * np.exp(2j * np.pi / axis.transform * np.outer(k, x)), np.complex64)


def row_transform(
    encoding: Encoding,
    axis: AxisPlan,
    shape: tuple[int, int],
    center: int,
    scale: float,
    used: slice,
    whitening: NDArray[np.complex64] | None,
    *,
    reverse: bool,
) -> RowTransform:
    """For readouts of `shape` (coils, samples): regridded where the trapezoid is known, else a plain transform."""
    coils, samples = shape
    trapezoid = usable_trapezoid(encoding, samples)
    if trapezoid is None:
        return ReadoutTransform(axis, coils, center, scale, whitening)
    matrix = regridding_matrix(trapezoid, axis, encoding.encoded.matrix[0], scale, used, reverse=reverse)
    return Regridding(matrix, whitening)
