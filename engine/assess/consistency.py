"""m11: motion during the acquisition, by the consistency of adjacent lines between the coil elements.

The elements' sensitivities are smooth, so a line can be predicted from the samples of all elements on the lines beside
it (GRAPPA's kernel, Griswold et al. 2002, Magn Reson Med 47:1202; adjacent segments as in Mendes and Parker 2011, Magn
Reson Med 66:1467). The kernel comes from the series' first complete frame. When the object moves between two lines,
both fail to predict each other: it is the change between lines that shows, not the new position, and the line tells
when it happened.

    q(l) = sum |y(l) - G y(l-1, l+1)|^2 / (n + e E(l))

n is what noise alone would leave, 2 S sum_v (1 + |g_v|^2) for S samples of white noise with sd 1 per part; e E(l) is
what the kernel itself misses, in proportion to the energy of the three lines, fitted once. The scale of q still varies
from scan to scan in vivo, so it is divided by the median of the frame's lines; and where the lines of the first frame
scatter more than noise explains (few elements, estimated noise), the limit is a quarter above the worst of them.

Lines are taken as they come: `LineProgress.advance` does what is possible with the lines that are there. To keep a line
cheap the elements are compressed to the eight strongest combinations and the readout to its central samples.
"""

from dataclasses import dataclass, field, replace

import numpy as np
from numpy.typing import NDArray

from engine.assess.memory import StratumMemory
from engine.assess.view import FrameView
from engine.reconstruct.whiten import whitening_matrix
from engine.types import FrameIndex, Measurement, Noise, OpenLines, Where

_LEAST_COILS = 4
_MOST_COMBINATIONS = 8
_HALF_SAMPLES = 32
_HALF_LINES = 40
_RIDGE = 1e-4
_TAPS = 3
_LEAST_LINES = 16
_LEAST_LIMIT = 1.5
_ABOVE_FIRST = 1.25


@dataclass(frozen=True, slots=True)
class LineKernel:
    """How a line follows from the two beside it."""

    shape: tuple[int, ...]
    """(lines, coils, samples) of the frames it is for."""
    compression: NDArray[np.complex64]
    """`[combination, coil]`, of raw samples to the strongest combinations in noise units."""
    weights: NDArray[np.complex64]
    """`[combination, source]`; sources are combinations x taps of the line before, then of the line after."""
    samples: slice
    """Of the readout: the central ones, at the spacing of the reconstructed field of view, one more at either end."""
    noise: float
    """What noise alone leaves of a line (0: noise unknown)."""
    missed: float
    """Share of the lines' energy that the kernel itself misses."""
    limit: float = _LEAST_LIMIT
    """Limit of a line's q over the median of its frame."""

    def compressed(self, raw: NDArray[np.complex64]) -> NDArray[np.complex64]:
        """`[line, combination, sample]` of raw `[line, coil, sample]`."""
        return np.asarray(np.matmul(self.compression, raw[..., self.samples]))

    def inconsistency(self, lines: NDArray[np.complex64], at: NDArray[np.intp]) -> NDArray[np.float64]:
        """q of the lines `at` of compressed `lines`; the lines on both sides must be there."""
        left = _energy(lines[at][..., 1:-1] - np.matmul(self.weights, _sources(lines, at)))
        energy = _energy(lines[at]) + _energy(lines[at - 1]) + _energy(lines[at + 1])
        return np.asarray(left / np.maximum(self.noise + self.missed * energy, 1e-30))


@dataclass
class LineProgress:
    """The lines of one frame as far as they have come."""

    index: FrameIndex
    kernel: LineKernel
    lines: NDArray[np.complex64]
    """`[line, combination, sample]` compressed."""
    there: NDArray[np.bool_]
    quality: NDArray[np.float64] = field(init=False)
    """`[line]` q; NaN where it cannot be told yet."""

    def __post_init__(self) -> None:
        self.quality = np.full(len(self.there), np.nan)

    def advance(self, lines: OpenLines) -> None:
        """Take the lines that came since the last call."""
        fresh = np.flatnonzero((lines.counts > 0) & ~self.there)
        if not len(fresh):
            return
        self.lines[fresh] = self.kernel.compressed(lines.data[fresh])
        self.there[fresh] = True
        ready = _between(self.there)
        ready = ready[np.isnan(self.quality[ready])]
        if len(ready):
            self.quality[ready] = self.kernel.inconsistency(self.lines, ready)


def line_consistency(view: FrameView, memory: StratumMemory) -> Measurement:
    """Largest q of a line over the median of the frame's; where: the lines that do not fit together."""
    if view.coils < _LEAST_COILS:
        return Measurement("m11", "line_consistency", None, "1", why_missing="few_coils")
    if not view.kspace.completeness.complete:
        return Measurement("m11", "line_consistency", None, "1", why_missing="incomplete")
    if view.why_no_object == "low_snr":
        return Measurement("m11", "line_consistency", None, "1", why_missing="low_snr")
    if not view.central_power > 0:
        return Measurement("m11", "line_consistency", None, "1", why_missing="no_signal")
    if memory.kernel is None:
        stride = max(1, round(view.kspace.readout_oversampling))
        if _half_samples(view.raw.shape[2], view.kspace.center[1], stride) < 1:
            return Measurement("m11", "line_consistency", None, "1", why_missing="echo_at_the_edge")
        memory.kernel = calibrate(view.raw, view.acquired, view.kspace.center, stride, view.noise)
        return Measurement("m11", "line_consistency", None, "1", why_missing="first_frame")
    if int(view.kspace.counts.max()) > 1:
        memory.progress = None  # averaging changed lines that were taken already
    progress = follow_lines(OpenLines(view.kspace.index, view.raw, view.kspace.counts), memory)
    if progress is None:
        return Measurement("m11", "line_consistency", None, "1", why_missing="size_changed")
    told = ~np.isnan(progress.quality)
    if int(told.sum()) < _LEAST_LINES:
        return Measurement("m11", "line_consistency", None, "1", why_missing="too_few_lines")
    usual = float(np.median(progress.quality[told]))
    if not usual > 0:
        return Measurement("m11", "line_consistency", None, "1", why_missing="no_signal")
    relative = progress.quality / usual
    worst = int(np.nanargmax(relative))
    estimated = view.noise is None or view.noise.estimated
    where = Where(lines=(worst,))
    value, limit = float(relative[worst]), progress.kernel.limit
    return Measurement("m11", "line_consistency", value, "1", detect_limit=limit, where=where, estimated=estimated)


def follow_lines(lines: OpenLines, memory: StratumMemory) -> LineProgress | None:
    """Take the lines of an open or finished frame that have come since the last call; None before the first frame."""
    kernel, progress, shape = memory.kernel, memory.progress, lines.data.shape
    if kernel is None or shape != kernel.shape:
        return None
    if progress is None or progress.index != lines.index:
        length = len(range(*kernel.samples.indices(shape[2])))
        empty = np.zeros((shape[0], len(kernel.compression), length), np.complex64)
        progress = memory.progress = LineProgress(lines.index, kernel, empty, np.zeros(shape[0], bool))
    progress.advance(lines)
    return progress


def calibrate(
    raw: NDArray[np.complex64], acquired: NDArray[np.bool_], center: tuple[int, int], stride: int, noise: Noise | None
) -> LineKernel:
    """The kernel of a complete frame `[line, coil, sample]`, by regularised least squares over its central lines.

    `acquired` `[line]` says which lines the prescription has, `center` is the (line, sample) of the k-space centre,
    `stride` the readout oversampling in whole samples.
    """
    line, sample = center
    half = _half_samples(raw.shape[2], sample, stride)
    samples = slice(sample - (half + 1) * stride, sample + (half + 1) * stride + 1, stride)
    between = _between(acquired)  # beside a line that was not asked for no kernel fits
    at = between[np.abs(between - line) <= _HALF_LINES]
    compression = _compression(raw[at][..., samples], noise)
    lines = np.matmul(compression, raw[..., samples])
    sources = _sources(lines, at)
    flat = sources.transpose(1, 0, 2).reshape(sources.shape[1], -1)
    target = lines[at][..., 1:-1].transpose(1, 0, 2).reshape(len(compression), -1)
    gram = flat @ flat.conj().T
    ridge = _RIDGE * float(np.trace(gram).real) / len(gram)
    weights = np.linalg.solve(gram + ridge * np.eye(len(gram)), flat @ target.conj().T).conj().T.astype(np.complex64)
    expected = 0.0
    if noise is not None:
        expected = 2.0 * target.shape[1] / len(at) * float(len(weights) + (np.abs(weights) ** 2).sum())
    left = _energy(lines[at][..., 1:-1] - np.matmul(weights, sources))
    energy = _energy(lines[at]) + _energy(lines[at - 1]) + _energy(lines[at + 1])
    missed = max(float((left - expected).sum()) / float(energy.sum()), 0.0)
    kernel = LineKernel(raw.shape, compression, weights, samples, expected, missed)
    quality = kernel.inconsistency(kernel.compressed(raw), between)
    usual = float(np.median(quality))
    worst = float(quality.max()) / usual if usual > 0 else 0.0
    return replace(kernel, limit=max(_LEAST_LIMIT, _ABOVE_FIRST * worst))


def _between(there: NDArray[np.bool_]) -> NDArray[np.intp]:
    """Lines that are there with both neighbours."""
    return np.flatnonzero(there[:-2] & there[1:-1] & there[2:]) + 1


def _half_samples(samples: int, center: int, stride: int) -> int:
    """Samples of the reconstructed field of view's spacing on either side of the echo, less the taps' margin."""
    return min(_HALF_SAMPLES, (min(center, samples - center) - 1) // stride - 1)


def _compression(raw: NDArray[np.complex64], noise: Noise | None) -> NDArray[np.complex64]:
    """The strongest combinations of whitened elements: orthonormal, so noise stays white."""
    whitening = whitening_matrix(noise.covariance) if noise is not None else np.eye(raw.shape[1], dtype=np.complex64)
    samples = np.matmul(whitening, raw).transpose(1, 0, 2).reshape(raw.shape[1], -1)
    _, vectors = np.linalg.eigh(samples @ samples.conj().T)
    strongest = vectors[:, ::-1][:, :_MOST_COMBINATIONS]
    return np.asarray(strongest.conj().T @ whitening, np.complex64)


def _sources(lines: NDArray[np.complex64], at: NDArray[np.intp]) -> NDArray[np.complex64]:
    """`[line, source, sample]` of the lines before and after `at`."""
    length = lines.shape[2] - (_TAPS - 1)
    shifted = [lines[at + side][..., tap : tap + length] for side in (-1, 1) for tap in range(_TAPS)]
    return np.concatenate(shifted, axis=1)


def _energy(lines: NDArray[np.complex64]) -> NDArray[np.float64]:
    """`[line]` sum of the squares."""
    parts = np.ascontiguousarray(lines).view(np.float32).reshape(len(lines), -1)
    return np.asarray(np.einsum("ls,ls->l", parts, parts, dtype=np.float64))
