"""One open frame: puts lines where they belong as they arrive, and knows which are still missing."""

import numpy as np
from numpy.typing import NDArray

from engine.acquisition import ACQUISITION_HEADER, RECEIVER_RANGE, REVERSE
from engine.reconstruct.batch import Run
from engine.reconstruct.ending import Ending
from engine.reconstruct.epi import PhaseShifted, RowTransform
from engine.reconstruct.k_order import center_in_k_order, used_samples
from engine.reconstruct.odd_even import OddEvenPhase
from engine.reconstruct.pool import FrameBuffers
from engine.reconstruct.setup import FrameSetup
from engine.types import Completeness, FrameIndex

_ENERGY_LIMIT = RECEIVER_RANGE**2


class OpenFrame:
    """The frame that readouts of one index are placed in."""

    def __init__(self, index: FrameIndex, setup: FrameSetup, buffers: FrameBuffers, run: Run, now: float) -> None:
        plan = setup.plan
        self.index, self.setup, self.plan, self.buffers = index, setup, plan, buffers
        self.first_readout = self.last_readout = now
        self.ending = Ending()
        self._header = b""
        self.center_sample = center_in_k_order(run, symmetric=setup.echo_planar)
        self.phase: OddEvenPhase | None = None
        """Correction of the echo-planar lines that come next."""
        self.correction: NDArray[np.float32] | None = None
        self.uncorrected = self.reversed = False
        self.samples_used = setup.samples - run.discard_pre - run.discard_post
        self.duplicates = self.non_finite = self.misplaced = 0
        self._taken = 0
        self._averages_seen = 1
        self._lines_left = len(plan.expected)
        self._repeats = 0
        self._header_distance = plan.lines + 1
        self._repeated: set[tuple[int, int]] = set()
        self._unusable: set[int] = set()
        self._scratch: NDArray[np.complex64] | None = None

    @property
    def complete(self) -> bool:
        """Every expected line is there, as often as the header prescribes or as any line came (whichever is more)."""
        if self._lines_left:
            return False
        averages = max(self.plan.averages, self._averages_seen)
        return averages == 1 or self._repeats >= (averages - 1) * len(self.plan.expected)

    @property
    def received(self) -> int:
        """Distinct lines that arrived."""
        return int(np.count_nonzero(self.buffers.counts))

    def holds(self, run: Run) -> bool:
        """Whether the run's first line is in the frame already, with the same average and segment."""
        line = int(run.head["idx"]["kspace_encode_step_1"][0]) + self.plan.line_shift
        if not 0 <= line < self.plan.lines or not self.buffers.counts[line]:
            return False
        return int(self.buffers.identity[line]) == run.identity or (line, run.identity) in self._repeated

    def place(self, run: Run) -> None:
        """Store a run's readouts and transform them; duplicates and misplaced ones are only counted."""
        reverse = bool(run.flags & REVERSE)
        center = center_in_k_order(run, symmetric=self.setup.echo_planar)
        transform = self.setup.transform(center, used_samples(run), reverse=reverse)
        if self.setup.echo_planar:
            transform = self._corrected(transform, run, reverse=reverse)
        count, position = len(run.head), self._taken
        self._taken += count
        lines = run.head["idx"]["kspace_encode_step_1"].astype(np.intp)
        lines += self.plan.line_shift
        start, stop = int(lines[0]), int(lines[0]) + count
        in_order = start >= 0 and stop <= self.plan.lines and (count == 1 or bool((np.diff(lines) == 1).all()))
        if in_order and not run.partition and not self.buffers.counts[start:stop].any():
            where = slice(start, stop)
            self._store(run, where, run.data, run.head, lines, position, transform, reverse=reverse)
        else:
            self._place_any(run, lines, position, transform, reverse=reverse)

    def _corrected(self, transform: RowTransform, run: Run, *, reverse: bool) -> RowTransform:
        """The transform with half the phase between both directions added; keeps account of what was added."""
        self.reversed |= reverse
        if self.phase is None:
            self.uncorrected = True
            return transform
        if self.correction is None:
            self.correction = np.zeros((self.plan.lines, 2), np.float32)
        lines = run.head["idx"]["kspace_encode_step_1"].astype(np.intp) + self.plan.line_shift
        lines = lines[(lines >= 0) & (lines < self.plan.lines)]
        self.correction[lines] = self.phase.added(reverse=reverse)
        return PhaseShifted(transform, self.phase.ramp(self.setup.readout.image, reverse=reverse))

    def _place_any(
        self, run: Run, lines: NDArray[np.intp], position: int, transform: RowTransform, *, reverse: bool
    ) -> None:
        inside = (lines >= 0) & (lines < self.plan.lines) & (run.partition == 0)
        self.misplaced += len(lines) - int(np.count_nonzero(inside))
        readouts = np.flatnonzero(inside)
        first_of_line = np.zeros(len(lines), bool)
        first_of_line[readouts[np.unique(lines[readouts], return_index=True)[1]]] = True
        fresh = np.flatnonzero(first_of_line)
        fresh = fresh[self.buffers.counts[lines[fresh]] == 0]
        repeated = np.setdiff1d(readouts, fresh)
        if len(fresh):
            where = lines[fresh]
            data, head = run.data[fresh], run.head[fresh]
            self._store(run, where, data, head, where, position + fresh, transform, reverse=reverse)
        for readout in repeated.tolist():
            self._repeat(run, int(lines[readout]), run.data[readout : readout + 1], transform, reverse=reverse)

    def _store(
        self,
        run: Run,
        where: slice | NDArray[np.intp],
        data: NDArray[np.complex64],
        head: NDArray[np.void],
        lines: NDArray[np.intp],
        position: int | NDArray[np.intp],
        transform: RowTransform,
        *,
        reverse: bool,
    ) -> None:
        """Lines that come for the first time: one copy into the frame, then the transform."""
        buffers, count = self.buffers, len(lines)
        if isinstance(where, slice):
            rows, hybrid = buffers.raw[where], buffers.hybrid[where]
        else:
            rows = np.empty((count, *buffers.raw.shape[1:]), np.complex64)
            hybrid = np.empty((count, *buffers.hybrid.shape[1:]), np.complex64)
        self._fill(rows, data, run, lines, reverse=reverse)
        transform.apply(rows, hybrid)
        if not isinstance(where, slice):
            buffers.raw[where], buffers.hybrid[where] = rows, hybrid
            self._lines_left -= sum(line in self.plan.expected for line in lines.tolist())
            order = position
        else:
            expected = self.plan.expected
            self._lines_left -= max(0, min(where.stop, expected.stop) - max(where.start, expected.start))
            order = np.arange(int(position), int(position) + count)
        buffers.counts[where] = 1
        buffers.identity[where] = run.identity
        buffers.order[where] = order
        buffers.time_stamps[where] = head["acquisition_time_stamp"]
        self._keep_header(head, lines)

    def _repeat(
        self, run: Run, line: int, data: NDArray[np.complex64], transform: RowTransform, *, reverse: bool
    ) -> None:
        """A line once more: another average or segment enters the running mean, the same one is a duplicate."""
        buffers = self.buffers
        if int(buffers.identity[line]) == run.identity or (line, run.identity) in self._repeated:
            self.duplicates += 1
            return
        self._repeated.add((line, run.identity))
        self._repeats += line in self.plan.expected
        if self._scratch is None:
            self._scratch = np.empty((1, *buffers.raw.shape[1:]), np.complex64)
        bad = self._fill(self._scratch, data, run, None, reverse=reverse)
        usable = int(buffers.counts[line]) - (line in self._unusable)
        buffers.counts[line] += 1
        self._averages_seen = max(self._averages_seen, int(buffers.counts[line]))
        if bad:
            buffers.counts[line] -= 1
            return
        if line in self._unusable:
            self._unusable.remove(line)
            buffers.counts[line] -= 1
        self._scratch[0] -= buffers.raw[line]
        self._scratch[0] *= np.float32(1 / (usable + 1))
        buffers.raw[line] += self._scratch[0]
        transform.apply(buffers.raw[line : line + 1], buffers.hybrid[line : line + 1])

    def _fill(
        self,
        rows: NDArray[np.complex64],
        data: NDArray[np.complex64],
        run: Run,
        lines: NDArray[np.intp] | None,
        *,
        reverse: bool,
    ) -> bool:
        """Copy readouts in k order, discarded samples zero; a readout with impossible samples becomes zero (True)."""
        np.copyto(rows, data[..., ::-1] if reverse else data)
        pre, post = (run.discard_post, run.discard_pre) if reverse else (run.discard_pre, run.discard_post)
        rows[..., :pre] = 0
        rows[..., rows.shape[-1] - post :] = 0
        flat = rows.reshape(-1).view(np.float32)
        with np.errstate(over="ignore", invalid="ignore"):
            energy = np.dot(flat, flat)  # one pass; NaN, infinite and absurd samples all fail the comparison
        if energy < _ENERGY_LIMIT:
            return False
        wrong = ~(np.abs(rows) < RECEIVER_RANGE)
        self.non_finite += int(np.count_nonzero(wrong))
        bad = wrong.any(axis=(1, 2))
        rows[bad] = 0
        if lines is not None:
            self._unusable.update(lines[bad].tolist())
        return bool(bad.any())

    def _keep_header(self, head: NDArray[np.void], lines: NDArray[np.intp]) -> None:
        """The header nearest to the k-space centre describes the image."""
        if not self._header_distance:
            return
        distance = np.abs(lines - self.plan.center_line)
        nearest = int(distance.argmin())
        if distance[nearest] < self._header_distance:
            self._header_distance = int(distance[nearest])
            self._header = head[nearest].tobytes()  # copying a structured scalar takes ten times as long

    @property
    def header(self) -> NDArray[np.void] | None:
        """Header (0-dimensional copy) nearest to the k-space centre; None while no line was placed."""
        if not self._header:
            return None
        return np.frombuffer(self._header, ACQUISITION_HEADER).reshape(()).copy()

    def finish(self, ended_by: str) -> Completeness:
        """Zero what never came and say what did. Lines that lack averages count as missing."""
        counts, expected = self.buffers.counts, self.plan.expected
        absent = np.flatnonzero(counts == 0)
        self.buffers.raw[absent] = 0
        self.buffers.hybrid[absent] = 0
        short = np.flatnonzero(counts < self.plan.averages)
        missing = tuple(line for line in short.tolist() if line in expected)
        gone = [line for line in absent.tolist() if line in expected]
        return Completeness(
            expected=len(expected),
            received=self.received,
            missing=missing,
            duplicates=self.duplicates,
            non_finite=self.non_finite,
            misplaced=self.misplaced,
            missing_central_energy=missing_energy(self.buffers.hybrid, gone) if gone else 0.0,
            ended_by=ended_by,
        )


def missing_energy(hybrid: NDArray[np.complex64], missing: list[int]) -> float:
    """Share (0..1) of the k-space energy that `missing` lines of `hybrid` `[line, coil, x]` would hold.

    k-space of an object is nearly conjugate symmetric, so a missing line is given the energy of its mirror line about
    the centre; where that is missing too, the geometric mean of the nearest lines on both sides.
    """
    pairs = hybrid.reshape(len(hybrid), -1).view(np.float32)
    energy = np.array([float(np.dot(row, row)) for row in pairs])
    absent = set(missing)
    there = np.array([line for line in range(len(hybrid)) if line not in absent and energy[line] > 0])
    if not len(there):
        return 1.0
    lost = 0.0
    for line in missing:
        mirror = 2 * (len(hybrid) // 2) - line
        if 0 <= mirror < len(hybrid) and mirror not in absent:
            lost += energy[mirror]
            continue
        place = int(np.searchsorted(there, line))
        near = there[[max(place - 1, 0), min(place, len(there) - 1)]]
        lost += float(np.sqrt(energy[near[0]] * energy[near[1]]))
    return float(lost / (lost + energy.sum()))
