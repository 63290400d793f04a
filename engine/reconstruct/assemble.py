"""One open frame: where its readouts go, what it still waits for."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from engine.acquisition import Readouts
from engine.reconstruct.plan import Plan
from engine.reconstruct.pool import FrameBuffers, FramePool
from engine.reconstruct.transform import ReadoutTransform
from engine.types import Completeness, FrameIndex

_RECEIVER_RANGE = np.float32(1e20)
"""No receiver gives samples beyond this; squares of larger ones overflow single precision."""


@dataclass(frozen=True, slots=True)
class Placement:
    """Where the samples of a readout lie in the transform's input; equal for all readouts of one kind."""

    source: slice
    target: slice
    plain: bool
    """The whole readout fills the whole transform."""


def placement(length: int, plan: Plan, center_sample: int, discard: tuple[int, int], reverse: bool) -> Placement:
    """MRD's rule kx = transform // 2 - center_sample + s, with what scanners do to it.

    A centre of 0 or beyond the readout is not set (some converters and OpenRecon): the middle then. A readout with
    exactly the reconstructed width had its oversampling removed by the scanner (see `transform_length`).
    """
    size = transform_length(length, plan)
    center = center_sample if 0 < center_sample < length else length // 2
    if reverse:
        center = length - 1 - center
        discard = discard[1], discard[0]
    first, last = discard[0], length - discard[1]
    offset = size // 2 - center
    start, stop = max(first, -offset), min(last, size - offset)
    plain = start == 0 and stop == length == size
    return Placement(slice(start, stop), slice(start + offset, stop + offset), plain)


def transform_length(length: int, plan: Plan) -> int:
    """Samples of the readout transform: the reconstructed width if the scanner removed the oversampling."""
    removed = length == plan.width and length != plan.samples
    return plan.width if removed else plan.readout_transform


class OpenFrame:
    """Collects the readouts of one frame; the readout transform runs as they come."""

    def __init__(
        self,
        index: FrameIndex,
        plan: Plan,
        coils: int,
        length: int,
        pool: FramePool,
        whitening: NDArray[np.complex64] | None,
        now: float,
    ) -> None:
        size = transform_length(length, plan)
        self.index, self.plan, self.coils, self.length = index, plan, coils, length
        self.buffers: FrameBuffers = pool.take(plan.lines, coils, size, plan.width)
        self._whitening = whitening
        self._transform = ReadoutTransform(size, plan.width)
        self.first_readout = self.last_readout = now
        self.received = 0
        self.waiting_for = int(plan.expected.sum())
        self.duplicates = self.misplaced = self.non_finite = 0
        self.end_flags = 0
        self.center_head: NDArray[np.void] | None = None
        self._center_distance = 1 << 30
        self.placed_samples = size

    def add(self, readouts: Readouts, lines: NDArray[np.intp], place: Placement, reverse: bool) -> None:
        """Put readouts onto their k-space lines (already inside the matrix)."""
        counts = self.buffers.counts
        fresh = counts[lines] == 0
        if len(lines) > 1 and (not fresh.all() or len(np.unique(lines)) < len(lines)):
            for n in range(len(lines)):
                one = slice(n, n + 1)
                self._add_one_by_one(Readouts(readouts.head[one], readouts.data[one]), lines[one], place, reverse)
        elif fresh.all():
            self._store(readouts, lines, place, reverse)
        else:
            self._add_one_by_one(readouts, lines, place, reverse)

    def _add_one_by_one(self, readout: Readouts, line: NDArray[np.intp], place: Placement, reverse: bool) -> None:
        have = int(self.buffers.counts[line[0]])
        if have == 0:
            self._store(readout, line, place, reverse)
        elif have < self.plan.averages and int(readout.head["idx"]["average"][0]) > 0:
            self._average(readout, line, place, reverse)
        else:
            self.duplicates += 1

    def _store(self, readouts: Readouts, lines: NDArray[np.intp], place: Placement, reverse: bool) -> None:
        buffers = self.buffers
        count = len(lines)
        first = int(lines[0])
        consecutive = int(lines[-1]) - first == count - 1 and (count < 3 or bool((np.diff(lines) == 1).all()))
        where: slice | NDArray[np.intp] = slice(first, first + count) if consecutive else lines
        data = readouts.data[..., ::-1] if reverse else readouts.data
        if consecutive:
            block = buffers.raw[where]
            self._copy(data, block, place)
        else:
            block = np.empty((count, *buffers.raw.shape[1:]), np.complex64)
            self._copy(data, block, place)
        self._mask_impossible(block)
        if not consecutive:
            buffers.raw[where] = block
        if consecutive:
            self._to_hybrid(block, buffers.hybrid[where])
        else:
            hybrid = np.empty((count, *buffers.hybrid.shape[1:]), np.complex64)
            self._to_hybrid(block, hybrid)
            buffers.hybrid[where] = hybrid
        buffers.counts[where] = 1
        buffers.time_stamps[where] = readouts.head["acquisition_time_stamp"]
        buffers.order[where] = np.arange(self.received, self.received + count)
        self.received += count
        self.waiting_for -= count if self.plan.expected.all() else int(self.plan.expected[where].sum())
        self._remember_center(readouts, lines)

    def _copy(self, data: NDArray[np.complex64], block: NDArray[np.complex64], place: Placement) -> None:
        if place.plain:
            block[...] = data
        else:
            block[...] = 0
            block[..., place.target] = data[..., place.source]
            self.placed_samples = place.target.stop - place.target.start

    def _mask_impossible(self, block: NDArray[np.complex64]) -> None:
        """Count and zero readouts with NaN, infinite or absurd samples."""
        values = block.view(np.float32)
        high, low = values.max(), values.min()
        if high < _RECEIVER_RANGE and low > -_RECEIVER_RANGE:
            return
        wrong = ~(np.abs(values) < _RECEIVER_RANGE)
        self.non_finite += int(np.count_nonzero(wrong))
        block[wrong.any(axis=(1, 2))] = 0

    def _to_hybrid(self, block: NDArray[np.complex64], out: NDArray[np.complex64]) -> None:
        self._transform(block, out)
        if self._whitening is not None:
            out[...] = np.matmul(self._whitening, out)

    def _average(self, readout: Readouts, line: NDArray[np.intp], place: Placement, reverse: bool) -> None:
        """Running mean of repeated lines."""
        block = np.empty((1, *self.buffers.raw.shape[1:]), np.complex64)
        self._copy(readout.data[..., ::-1] if reverse else readout.data, block, place)
        self._mask_impossible(block)
        hybrid = np.empty((1, *self.buffers.hybrid.shape[1:]), np.complex64)
        self._to_hybrid(block, hybrid)
        row = int(line[0])
        self.buffers.counts[row] += 1
        share = np.float32(1 / self.buffers.counts[row])
        self.buffers.raw[row] += (block[0] - self.buffers.raw[row]) * share
        self.buffers.hybrid[row] += (hybrid[0] - self.buffers.hybrid[row]) * share

    def _remember_center(self, readouts: Readouts, lines: NDArray[np.intp]) -> None:
        """Keep the header of the readout nearest to the k-space centre: it describes the image."""
        if self._center_distance == 0:
            return
        distance = np.abs(lines - self.plan.lines // 2)
        nearest = int(distance.argmin())
        if distance[nearest] < self._center_distance:
            self._center_distance = int(distance[nearest])
            self.center_head = readouts.head[nearest].copy()

    @property
    def averages_complete(self) -> bool:
        """Every expected line came as often as the averages ask."""
        counts = self.buffers.counts[self.plan.expected]
        return bool((counts >= self.plan.averages).all())

    @property
    def all_lines(self) -> bool:
        """Nothing is missing any more."""
        return self.waiting_for <= 0 and (self.plan.averages == 1 or self.averages_complete)

    def completeness(self, ended_by: str) -> Completeness:
        """What came, what did not, and how much that matters."""
        counts = self.buffers.counts
        missing = np.flatnonzero(self.plan.expected & (counts == 0))
        return Completeness(
            expected=int(self.plan.expected.sum()),
            received=self.received,
            missing=tuple(int(line) for line in missing),
            duplicates=self.duplicates,
            non_finite=self.non_finite,
            misplaced=self.misplaced,
            missing_central_energy=missing_energy(self.buffers.hybrid, counts, missing),
            ended_by=ended_by,
        )


def missing_energy(hybrid: NDArray[np.complex64], counts: NDArray[np.int32], missing: NDArray[np.intp]) -> float:
    """Share (0..1) of the k-space energy that the missing lines would hold.

    Each missing line is given the energy of its mirror line about the centre if that came (k-space of a real object is
    conjugate symmetric), else of the nearest line that did.
    """
    if not len(missing):
        return 0.0
    came = np.flatnonzero(counts > 0)
    if not len(came):
        return 1.0
    values = hybrid[came].view(np.float32)
    energy = np.zeros(len(counts))
    energy[came] = np.einsum("lcx,lcx->l", values, values, dtype=np.float64)
    center = len(counts) // 2
    lost = 0.0
    for line in missing:
        mirror = 2 * center - line
        known = 0 <= mirror < len(counts) and counts[mirror] > 0
        nearest = mirror if known else came[np.abs(came - line).argmin()]
        lost += energy[nearest]
    total = lost + energy.sum()
    return float(lost / total) if total > 0 else 0.0
