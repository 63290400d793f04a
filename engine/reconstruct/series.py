"""One scan's readouts to frames: opens and ends frames, and makes the image when the last line is in."""

from collections import Counter, deque
from collections.abc import Iterator
from dataclasses import dataclass, replace

from engine.acquisition import NOISE_MEASUREMENT, PHASE_CORRECTION, Readouts
from engine.errors import PeerError
from engine.reconstruct.assemble import OpenFrame
from engine.reconstruct.batch import Run, runs
from engine.reconstruct.counted import CountedFrame
from engine.reconstruct.ending import flag_name
from engine.reconstruct.excluded import Excluded, excluded
from engine.reconstruct.finish import estimated_noise, image_of, raw_of
from engine.reconstruct.k_order import center_in_k_order
from engine.reconstruct.odd_even import Navigators
from engine.reconstruct.plan import AxisPlan, FramePlan, plan_frame, plan_readout, unsupported
from engine.reconstruct.pool import FramePool, PoolExhausted
from engine.reconstruct.setup import FrameSetup
from engine.reconstruct.whiten import NoiseCollector, at_dwell
from engine.seams import Clock
from engine.types import Encoding, Frame, FrameIndex, KSpace, Noise, OpenLines, Scan, Timings, Unreconstructed

_MOST_SETUPS = 16
_FRAMES_REMEMBERED = 256


@dataclass(frozen=True, slots=True)
class Budget:
    """Memory that one scan may take."""

    max_open_frames: int = 64
    """Beyond it the oldest goes out as it is, `ended_by` evicted."""
    max_frame_bytes: int = 1 << 30
    """A larger frame is not reconstructed (reason frame_size)."""
    max_pool_bytes: int = 2 << 30
    """All frames together, those that are being judged included; beyond it: not reconstructed (reason memory)."""


@dataclass(frozen=True, slots=True)
class Reconstructed:
    """A frame and the raw data that it was made of; give the latter back when judged."""

    kspace: KSpace
    frame: Frame


Done = Reconstructed | Unreconstructed


class Reconstruction:
    """Takes batches of readouts in order of arrival; yields each frame the moment it is over (see `ending`).

    One thread calls `add`, `settle` and `close`; any thread may call `release`. `counters` holds what was excluded,
    misplaced, doubled or refused, by spelled-out name.
    """

    def __init__(self, scan: Scan, clock: Clock, budget: Budget | None = None) -> None:
        self._scan, self._clock, self._budget = scan, clock, budget or Budget()
        self.counters: Counter[str] = Counter()
        self.noise: Noise | None = None
        """From noise readouts, else estimated from the first complete frame, else None."""
        self.excluded = Excluded(self.counters)
        self._pool = FramePool(self._budget.max_pool_bytes)
        self._lent: dict[int, tuple[KSpace, OpenFrame]] = {}
        self._plans: dict[int, FramePlan] = {}
        self._setups: dict[tuple[int, AxisPlan, int, int, float], FrameSetup] = {}
        self._open: dict[FrameIndex, OpenFrame | CountedFrame] = {}
        self._complete: deque[FrameIndex] = deque(maxlen=_FRAMES_REMEMBERED)
        self._coils: dict[int, int] = {}
        self._noise_readouts = NoiseCollector()
        self._navigators = Navigators()
        self._latest: OpenFrame | None = None
        self._imaging_began = False
        self._position = 0
        self._number = 0

    def add(self, readouts: Readouts) -> Iterator[Done]:
        """Take consecutive readouts; raises PeerError when channels or encoding contradict header or scan."""
        now = self._clock.monotonic()
        if not readouts.data.shape[1]:
            raise PeerError("a readout has no channels", mend="send at least one channel", reason="no_channels")
        for run in runs(readouts):
            if excluded(run.flags):
                self._take_excluded(run)
            else:
                yield from self._take(run, now)

    @property
    def open_lines(self) -> OpenLines | None:
        """Lines of the frame that the latest readout belongs to; None when it is over or has no image."""
        frame = self._latest
        if frame is None or self._open.get(frame.index) is not frame:
            return None
        return OpenLines(frame.index, frame.buffers.raw, frame.buffers.counts, frame.setup.whitening)

    def settle(self) -> Iterator[Done]:
        """The connection is quiet: end the frames whose end flag came while lines were missing."""
        yield from [self._end(frame, frame.ending.flag) for frame in list(self._open.values()) if frame.ending.flag]

    def close(self, ended_by: str) -> Iterator[Done]:
        """The stream is over: every frame still open, in the order in which they began, as it is."""
        for frame in list(self._open.values()):
            if not self._is_late_duplicate(frame):
                yield self._end(frame, ended_by)

    def with_noise(self, done: Reconstructed) -> Reconstructed:
        """The same frame with the noise estimated, where no noise readouts came; from the thread that judges.

        Not part of `add`, because it takes milliseconds that the image need not wait for. The first complete frame
        serves the whole series; before it the noise stays unknown.
        """
        lent = self._lent.get(id(done.kspace))
        if done.kspace.noise is not None or lent is None:
            return done
        frame = lent[1]
        if self.noise is None and frame.complete:
            self.noise = estimated_noise(frame)
        if self.noise is None:
            return done
        kspace = replace(done.kspace, noise=self.noise)
        self._lent[id(kspace)] = kspace, frame
        del self._lent[id(done.kspace)]
        noise_sd = frame.setup.noise_sd(frame.buffers.counts, frame.samples_used, self.noise)
        return Reconstructed(kspace, replace(done.frame, noise_sd=noise_sd))

    def release(self, kspace: KSpace) -> None:
        """Give a frame's raw data back to the pool; from any thread, a second time does nothing."""
        lent = self._lent.pop(id(kspace), None)
        if lent is not None:
            self._pool.release(lent[1].buffers)

    # --- readouts ----------------------------------------------------------------------------------

    def _take_excluded(self, run: Run) -> None:
        self.excluded.take(run)
        if run.flags & PHASE_CORRECTION and run.index.encoding < len(self._scan.encodings):
            self._navigators.take(run, self._scan.encodings[run.index.encoding])
        if not run.flags & NOISE_MEASUREMENT:
            return
        if self._imaging_began:
            self.counters["late_noise_readouts"] += len(run.head)  # the image scale is fixed by now
            return
        used = self._noise_readouts.add(run.data, float(run.head["sample_time_us"][0]))
        self.counters["unusable_noise_readouts"] += len(run.head) - used

    def _take(self, run: Run, now: float) -> Iterator[Done]:
        self._check(run)
        self._position += len(run.head)
        frame = self._open.get(run.index)
        if frame is not None and self._starts_over(frame, run):
            yield self._end(frame, frame.ending.flag)
            frame = None
        if frame is None:
            yield from self._make_room(run.index)
            frame = self._begin(run, now)
        if isinstance(frame, OpenFrame) and run.data.shape[2] != frame.setup.samples:
            detail = f"the readouts change from {frame.setup.samples} to {run.data.shape[2]} samples inside the frame"
            frame = self._give_up(frame, "sample_count", detail)
        if isinstance(frame, CountedFrame):
            frame.count(run)
            self.counters["unreconstructed_readouts"] += len(run.head)
        else:
            self._latest = frame
            self._place(frame, run)
        frame.last_readout = now
        frame.ending.note(run.flags, self._position)
        if frame.complete:
            yield self._end(frame, flag_name(run.flags) or "all_lines")
        yield from self._end_overdue()

    def _check(self, run: Run) -> None:
        encoding, coils = run.index.encoding, run.data.shape[1]
        if encoding >= len(self._scan.encodings):
            raise PeerError(
                f"a readout names encoding {encoding}, the header has {len(self._scan.encodings)}",
                mend="send readouts that match the header",
                reason="encoding_space",
            )
        known = self._coils.setdefault(encoding, coils)
        if coils != known:
            raise PeerError(
                f"the number of channels changes from {known} to {coils} within the scan",
                mend="keep one coil selection for all imaging readouts",
                reason="channel_count",
            )

    def _place(self, frame: OpenFrame, run: Run) -> None:
        if run.discard_pre + run.discard_post >= run.data.shape[2]:
            frame.misplaced += len(run.head)
            self.counters["fully_discarded_readouts"] += len(run.head)
            return
        before = frame.duplicates, frame.misplaced
        if frame.setup.echo_planar:
            frame.phase = self._navigators.phase(run.index)
        frame.place(run)
        if frame.duplicates != before[0]:
            self.counters["duplicate_readouts"] += frame.duplicates - before[0]
        if frame.misplaced != before[1]:
            self.counters["misplaced_readouts"] += frame.misplaced - before[1]

    # --- beginning of a frame ----------------------------------------------------------------------

    def _make_room(self, index: FrameIndex) -> Iterator[Done]:
        """End older repetitions of a frame that begins, and the oldest frame where too many are open."""
        place = replace(index, repetition=0)
        for frame in list(self._open.values()):
            older = frame.index.repetition < index.repetition and replace(frame.index, repetition=0) == place
            if older and not self._is_late_duplicate(frame):
                yield self._end(frame, frame.ending.flag or "next_frame")
        if len(self._open) >= self._budget.max_open_frames:
            self.counters["evicted_frames"] += 1
            yield self._end(next(iter(self._open.values())), "evicted")

    def _begin(self, run: Run, now: float) -> OpenFrame | CountedFrame:
        self._imaging_began = True
        encoding = self._scan.encodings[run.index.encoding]
        begun = unsupported(encoding) or self._begin_image(run, encoding, now)
        frame = begun if isinstance(begun, OpenFrame) else CountedFrame(run.index, encoding, *begun, now)
        self._open[run.index] = frame
        return frame

    def _begin_image(self, run: Run, encoding: Encoding, now: float) -> OpenFrame | tuple[str, str]:
        """A frame with memory for its lines, or (reason, sentence) why there will be no image."""
        samples = run.data.shape[2]
        if run.discard_pre + run.discard_post >= samples:
            return "discarded", f"the header of the readouts discards all {samples} samples"
        plan = self._plans.get(run.index.encoding) or plan_frame(encoding)
        self._plans[run.index.encoding] = plan
        readout = plan_readout(plan, encoding, samples, center_in_k_order(run))
        if readout is None:
            return "sample_count", f"{samples} samples do not fit the encoded matrix of {encoding.encoded.matrix[0]}"
        setup = self._setup(run, encoding, plan, readout)
        if setup.shape.bytes > self._budget.max_frame_bytes:
            return "frame_size", f"one frame needs {setup.shape.bytes >> 20} MiB, more than the limit allows"
        try:
            buffers = self._pool.acquire(setup.shape)
        except PoolExhausted:
            return "memory", "frames come faster than they are judged, no memory is left for this one"
        return OpenFrame(run.index, setup, buffers, run, now)

    def _setup(self, run: Run, encoding: Encoding, plan: FramePlan, readout: AxisPlan) -> FrameSetup:
        coils, samples = run.data.shape[1:]
        dwell = float(run.head["sample_time_us"][0])
        key = (run.index.encoding, readout, coils, samples, dwell)
        if key not in self._setups:
            if len(self._setups) >= _MOST_SETUPS:
                self._setups.clear()
            noise = self._measured_noise(coils, dwell)
            self.noise = self.noise or noise
            self._setups[key] = FrameSetup(plan, readout, encoding, coils, samples, noise)
        return self._setups[key]

    def _measured_noise(self, coils: int, dwell: float) -> Noise | None:
        collected = self._noise_readouts
        covariance = collected.result(coils)
        if covariance is None:
            return None
        scaled = at_dwell(covariance, collected.dwell, dwell, self._scan.relative_noise_bandwidth)
        return Noise(scaled, collected.samples, estimated=False)

    # --- end of a frame ----------------------------------------------------------------------------

    def _starts_over(self, frame: OpenFrame | CountedFrame, run: Run) -> bool:
        """A sender that does not count repetitions begins the next one."""
        return frame.ending.flagged_once_and_last and frame.received > 1 and frame.holds(run)

    def _end_overdue(self) -> Iterator[Done]:
        for frame in list(self._open.values()):
            if not frame.ending.flag:
                continue
            expected = len(frame.plan.expected) if isinstance(frame, OpenFrame) else frame.expected
            patience = max(expected, self._budget.max_open_frames) * max(len(self._open) - 1, 1)
            if frame.ending.overdue(self._position, patience):
                yield self._end(frame, frame.ending.flag)

    def _is_late_duplicate(self, frame: OpenFrame | CountedFrame) -> bool:
        """One readout sent again after its frame was complete looks like a new frame; it is counted, not delivered."""
        if frame.index not in self._complete or frame.received > 1:
            return False
        del self._open[frame.index]
        if isinstance(frame, OpenFrame):
            self._pool.release(frame.buffers)
        self.counters["duplicate_readouts"] += 1
        return True

    def _end(self, frame: OpenFrame | CountedFrame, ended_by: str) -> Done:
        if self._open.get(frame.index) is frame:
            del self._open[frame.index]
        if isinstance(frame, OpenFrame) and frame.header is None:
            counted = self._give_up(frame, "no_lines", "no line of this frame lies inside the matrix of the header")
            del self._open[frame.index]
            return self._unreconstructed(counted, ended_by, frame.misplaced)
        if isinstance(frame, CountedFrame):
            return self._unreconstructed(frame, ended_by, 0)
        completeness = frame.finish(ended_by)
        if frame.complete:
            self._complete.append(frame.index)
        noise = frame.setup.noise or self.noise
        image = image_of(frame, self._next_number(), noise, completeness, self._clock)
        self.counters.update(image.reservations)
        kspace = raw_of(frame, noise, completeness)
        self._lent[id(kspace)] = kspace, frame
        return Reconstructed(kspace, image)

    def _give_up(self, frame: OpenFrame, reason: str, detail: str) -> CountedFrame:
        """Go on counting a frame of which there will be no image."""
        self._pool.release(frame.buffers)
        encoding = self._scan.encodings[frame.index.encoding]
        counted = CountedFrame(frame.index, encoding, reason, detail, frame.first_readout)
        counted.last_readout, counted.ending = frame.last_readout, frame.ending
        self._open[frame.index] = counted
        return counted

    def _unreconstructed(self, frame: CountedFrame, ended_by: str, misplaced: int) -> Unreconstructed:
        timings = Timings(frame.first_readout, frame.last_readout, self._clock.monotonic())
        completeness = replace(frame.completeness(ended_by), misplaced=misplaced)
        return Unreconstructed(self._next_number(), frame.index, frame.reason, frame.detail, completeness, timings)

    def _next_number(self) -> int:
        self._number += 1
        return self._number - 1
