"""One scan's readouts to frames: sorts, opens and ends frames, and makes the image when the last line is in."""

import logging
import math
from collections import Counter, OrderedDict
from collections.abc import Iterator
from dataclasses import dataclass, replace
from itertools import pairwise

import numpy as np
from numpy.typing import NDArray

from engine import acquisition as acq
from engine.acquisition import Readouts
from engine.errors import PeerError
from engine.reconstruct.assemble import OpenFrame, Placement, placement
from engine.reconstruct.combine import root_sum_of_squares
from engine.reconstruct.plan import Plan, plan_encoding
from engine.reconstruct.pool import FramePool, frame_bytes
from engine.reconstruct.whiten import NoiseScan, estimate_noise, whitening_matrix
from engine.seams import Clock
from engine.types import (
    Completeness,
    Frame,
    FrameIndex,
    Geometry,
    KSpace,
    Noise,
    Scan,
    Timings,
    Unreconstructed,
)

log = logging.getLogger(__name__)

_REMEMBERED_FRAMES = 4096

EXCLUDED = (
    ("noise_readouts", acq.NOISE_MEASUREMENT),
    ("calibration_readouts", acq.PARALLEL_CALIBRATION),
    ("navigator_readouts", acq.NAVIGATION),
    ("phase_correction_readouts", acq.PHASE_CORRECTION),
    ("feedback_readouts", acq.HP_FEEDBACK | acq.RT_FEEDBACK),
    ("dummy_readouts", acq.DUMMY),
    ("surface_coil_correction_readouts", acq.SURFACE_COIL_CORRECTION),
    ("phase_stabilization_readouts", acq.PHASE_STABILIZATION_REFERENCE | acq.PHASE_STABILIZATION),
)
"""Kinds of readouts that never enter an image, by the name of their counter."""

_COUNTERS = ("slice", "contrast", "phase", "repetition", "set")
_KEY = (
    "encoding_space_ref",
    "number_of_samples",
    "active_channels",
    "center_sample",
    "discard_pre",
    "discard_post",
)


@dataclass(frozen=True, slots=True)
class Budget:
    """Memory that one scan may take."""

    max_open_frames: int = 64
    max_frame_bytes: int = 1 << 30
    max_pool_bytes: int = 2 << 30


@dataclass(frozen=True, slots=True)
class Reconstructed:
    """A frame and the raw data that it was made of; release the latter when judged."""

    kspace: KSpace
    frame: Frame


@dataclass
class _Unmade:
    """A frame that is only counted, because no image can be made of it."""

    index: FrameIndex
    plan: Plan
    first_readout: float
    last_readout: float = 0.0
    received: int = 0


Done = Reconstructed | Unreconstructed


class Reconstruction:
    """Takes batches of readouts in order of arrival; gives each frame the moment it is complete.

    A frame ends when all expected lines are there; when a newer repetition of the same slice, contrast, phase and set
    begins; at the first end flag if more than half of the lines are there; at the end of the stream. Flags alone prove
    little: some sequences set them on every line or segment, others never, so a second flag in a frame is ignored.
    """

    def __init__(self, scan: Scan, clock: Clock, budget: Budget | None = None) -> None:
        self._scan, self._clock, self._budget = scan, clock, budget or Budget()
        self._plans = [plan_encoding(encoding) for encoding in scan.encodings]
        self._pool = FramePool()
        self._open: OrderedDict[FrameIndex, OpenFrame] = OrderedDict()
        self._unmade: OrderedDict[FrameIndex, _Unmade] = OrderedDict()
        self._ended: OrderedDict[FrameIndex, None] = OrderedDict()
        self._noise_scan = NoiseScan()
        self._whitening: NDArray[np.complex64] | None = None
        self._noise_settled = False
        self._number = 0
        self._coils: dict[int, int] = {}
        self._placements: dict[tuple[int, ...], Placement] = {}
        self.noise: Noise | None = None
        self.counters: Counter[str] = Counter()

    def add(self, readouts: Readouts) -> Iterator[Done]:
        """Yields each frame as soon as its last line is in; raises PeerError when the data contradict themselves."""
        now = self._clock.monotonic()
        for run in _runs(readouts):
            yield from self._add_run(run, now)

    def close(self, ended_by: str) -> Iterator[Done]:
        """The frames still open, as they are."""
        for index in list(self._open):
            yield self._finish(index, ended_by)
        for index in list(self._unmade):
            yield self._give_up(index, ended_by)

    def release(self, kspace: KSpace) -> None:
        """Give a frame's raw data back for the next one; from any thread, twice does nothing."""
        self._pool.give_back(kspace.hybrid)

    # --- where a run of readouts goes --------------------------------------------------------------

    def _add_run(self, run: Readouts, now: float) -> Iterator[Done]:
        head = run.head[0]
        flags = int(head["flags"])
        if flags & acq.NOT_IMAGING:
            self._take_excluded(run, flags)
            return
        encoding = int(head["encoding_space_ref"])
        if encoding >= len(self._plans):
            raise PeerError(
                f"a readout names encoding space {encoding}, the header has {len(self._plans)}",
                mend="send data that match the header",
                reason="encoding_space",
            )
        plan = self._plans[encoding]
        index = FrameIndex(encoding, *(int(head["idx"][name]) for name in _COUNTERS))
        if not self._counters_allowed(index, plan):
            self._misplaced(len(run))
            return
        if index in self._ended:
            self._late(index, len(run))
            return
        if index not in self._open and index not in self._unmade:
            yield from self._finish_older(index)
        if plan.refusal is not None:
            yield from self._count_only(run, index, plan, now)
        else:
            yield from self._place(run, index, plan, now)

    def _take_excluded(self, run: Readouts, flags: int) -> None:
        for name, mask in EXCLUDED:
            if flags & mask:
                self.counters[name] += len(run)
        if flags & acq.NOISE_MEASUREMENT and not self._noise_settled:
            self._noise_scan.add(run.data, float(run.head["sample_time_us"][0]))

    def _counters_allowed(self, index: FrameIndex, plan: Plan) -> bool:
        limits = plan.encoding.limits
        values = {name: getattr(index, name) for name in _COUNTERS}
        return all(values[name] <= limits[name].maximum for name in values if name in limits)

    def _misplaced(self, count: int) -> None:
        self.counters["misplaced_readouts"] += count
        if self._open:
            self._open[next(reversed(self._open))].misplaced += count

    def _late(self, index: FrameIndex, count: int) -> None:
        if not self.counters["late_readouts"]:
            log.warning("scan=%s readouts came for a frame that had ended: %s", self._scan.id, index)
        self.counters["late_readouts"] += count

    def _finish_older(self, index: FrameIndex) -> Iterator[Done]:
        """A new repetition begins: older frames of the same slice, contrast, phase and set are over."""
        stratum = replace(index, repetition=0)
        for other in [o for o in self._open if replace(o, repetition=0) == stratum]:
            yield self._finish(other, "next_frame")
        for other in [o for o in self._unmade if replace(o, repetition=0) == stratum]:
            yield self._give_up(other, "next_frame")
        if len(self._open) >= self._budget.max_open_frames:
            self.counters["evicted_frames"] += 1
            yield self._finish(next(iter(self._open)), "evicted")
        if len(self._unmade) >= self._budget.max_open_frames:
            yield self._give_up(next(iter(self._unmade)), "evicted")

    # --- frames with an image ----------------------------------------------------------------------

    def _place(self, run: Readouts, index: FrameIndex, plan: Plan, now: float) -> Iterator[Done]:
        head = run.head[0]
        frame = self._open.get(index)
        if frame is None:
            frame = self._begin(run, index, plan, now)
        coils, length = run.data.shape[1:]
        if (coils, length) != (frame.coils, frame.length):
            changed = "channels" if coils != frame.coils else "samples"
            frame.misplaced += len(run)
            raise PeerError(
                f"the number of {changed} changes inside a frame, from {frame.coils} x {frame.length} "
                f"(channels x samples) to {coils} x {length}",
                mend="send every line of a frame alike",
                reason=f"{changed}_change",
            )
        reverse = bool(int(head["flags"]) & acq.REVERSE)
        where = self._placement(run, plan, reverse)
        lines = run.head["idx"]["kspace_encode_step_1"].astype(np.intp) + plan.line_shift
        inside = (lines >= 0) & (lines < plan.lines)
        if not inside.all():
            frame.misplaced += int(np.count_nonzero(~inside))
            self.counters["misplaced_readouts"] += int(np.count_nonzero(~inside))
            run, lines = Readouts(run.head[inside], run.data[inside]), lines[inside]
        if len(lines):
            frame.add(run, lines, where, reverse)
            frame.last_readout = now
        if self._is_over(frame, run):
            yield self._finish(index, "all_lines" if frame.all_lines else _flag_name(run))

    def _begin(self, run: Readouts, index: FrameIndex, plan: Plan, now: float) -> OpenFrame:
        coils, length = run.data.shape[1:]
        if coils != self._coils.setdefault(index.encoding, coils):
            raise PeerError(
                f"the number of channels changes from {self._coils[index.encoding]} to {coils}",
                mend="keep the coil selection through a scan",
                reason="channels_change",
            )
        size = frame_bytes(plan.lines, coils, max(length, plan.readout_transform), plan.width)
        if size > self._budget.max_frame_bytes:
            raise PeerError(
                f"a frame of {plan.lines} lines, {coils} channels and {length} samples needs {size >> 20} MiB",
                mend="raise the frame memory limit, or send fewer channels",
                reason="frame_too_large",
            )
        if not self._noise_settled:
            self._settle_noise(run, coils)
        frame = OpenFrame(index, plan, coils, length, self._pool, self._whitening, now)
        self._open[index] = frame
        return frame

    def _settle_noise(self, run: Readouts, coils: int) -> None:
        """From the first imaging readout on the noise scan is over: scaling never changes within a series."""
        self._noise_settled = True
        if not self._noise_scan.samples:
            return
        if self._noise_scan.coils != coils:
            log.warning(
                "scan=%s noise scan has %d channels, the image %d: noise unknown",
                self._scan.id,
                self._noise_scan.coils,
                coils,
            )
            self.counters["noise_scan_unusable"] += 1
            return
        dwell = float(run.head["sample_time_us"][0])
        self.noise = self._noise_scan.noise(dwell, self._scan.relative_noise_bandwidth)
        if self.noise is not None:
            self._whitening = whitening_matrix(self.noise.covariance)
        if self._whitening is None:
            self.noise = None
            self.counters["noise_scan_unusable"] += 1
            log.warning("scan=%s noise scan too short or empty: noise unknown", self._scan.id)

    def _placement(self, run: Readouts, plan: Plan, reverse: bool) -> Placement:
        head = run.head[0]
        key = (*(int(head[name]) for name in _KEY), reverse)
        known = self._placements.get(key)
        if known is None:
            discard = int(head["discard_pre"]), int(head["discard_post"])
            known = placement(run.data.shape[2], plan, int(head["center_sample"]), discard, reverse)
            if len(self._placements) < 256:
                self._placements[key] = known
        return known

    def _is_over(self, frame: OpenFrame, run: Readouts) -> bool:
        if frame.all_lines:
            return True
        if not int(run.head["flags"][-1]) & acq.END_OF_FRAME:
            return False
        frame.end_flags += 1
        more_than_half = 2 * frame.received > int(frame.plan.expected.sum())
        return frame.end_flags == 1 and more_than_half and not frame.plan.segmented

    def _finish(self, index: FrameIndex, ended_by: str) -> Done:
        frame = self._open.pop(index)
        self._remember(index)
        if frame.center_head is None:
            self._pool.give_back(frame.buffers.hybrid)
            return self._unreconstructed(
                index,
                ("no_lines", "no line of this image lies inside the matrix of the header"),
                Completeness(int(frame.plan.expected.sum()), 0, misplaced=frame.misplaced, ended_by=ended_by),
                (frame.first_readout, frame.last_readout),
            )
        frame.buffers.clear_missing()
        plan = frame.plan
        snr_units = self._whitening is not None
        scale = _snr_scale(frame) if snr_units else 1.0
        image = root_sum_of_squares(frame.buffers.hybrid, plan.height, plan.line_transform, scale)
        ready = self._clock.monotonic()
        completeness = frame.completeness(ended_by)
        if self.noise is None and not self._noise_scan.samples and not completeness.missing:
            self.noise = estimate_noise(frame.buffers.hybrid, frame.buffers.counts > 0)
        kspace = self._kspace(frame, completeness)
        number, self._number = self._number, self._number + 1
        return Reconstructed(
            kspace,
            Frame(
                number=number,
                index=index,
                data=image[None],
                noise_sd=_noise_sd(frame, self.noise, snr_units),
                snr_units=snr_units,
                coils=frame.coils,
                geometry=_geometry(frame.center_head, plan),
                completeness=completeness,
                header=frame.center_head,
                timings=Timings(frame.first_readout, frame.last_readout, ready),
            ),
        )

    def _kspace(self, frame: OpenFrame, completeness: Completeness) -> KSpace:
        buffers, plan = frame.buffers, frame.plan
        return KSpace(
            index=frame.index,
            data=buffers.raw.transpose(1, 0, 2)[:, None],
            hybrid=buffers.hybrid,
            counts=buffers.counts,
            time_stamps=buffers.time_stamps,
            order=buffers.order,
            whitening=self._whitening,
            noise=self.noise,
            center=(plan.lines // 2, buffers.raw.shape[2] // 2),
            readout_oversampling=buffers.raw.shape[2] / plan.width,
            completeness=completeness,
        )

    def _remember(self, index: FrameIndex) -> None:
        self._ended[index] = None
        if len(self._ended) > _REMEMBERED_FRAMES:
            self._ended.popitem(last=False)

    # --- frames without an image -------------------------------------------------------------------

    def _count_only(self, run: Readouts, index: FrameIndex, plan: Plan, now: float) -> Iterator[Done]:
        unmade = self._unmade.setdefault(index, _Unmade(index, plan, now))
        unmade.received += len(run)
        unmade.last_readout = now
        self.counters["unreconstructed_readouts"] += len(run)
        if int(run.head["flags"][-1]) & (acq.LAST_IN_REPETITION | acq.LAST_IN_MEASUREMENT):
            yield self._give_up(index, _flag_name(run))

    def _give_up(self, index: FrameIndex, ended_by: str) -> Unreconstructed:
        unmade = self._unmade.pop(index)
        self._remember(index)
        refusal = unmade.plan.refusal or ("unknown", "no image is made of this frame")
        expected = int(unmade.plan.expected.sum())
        completeness = Completeness(expected, unmade.received, ended_by=ended_by)
        return self._unreconstructed(index, refusal, completeness, (unmade.first_readout, unmade.last_readout))

    def _unreconstructed(
        self,
        index: FrameIndex,
        refusal: tuple[str, str],
        completeness: Completeness,
        readout_times: tuple[float, float],
    ) -> Unreconstructed:
        number, self._number = self._number, self._number + 1
        timings = Timings(*readout_times, image_ready=self._clock.monotonic())
        return Unreconstructed(number, index, *refusal, completeness, timings)


def _runs(readouts: Readouts) -> Iterator[Readouts]:
    """Split a batch where the frame, the kind of readout or an end flag changes."""
    head = readouts.head
    if len(head) == 1:
        yield readouts
        return
    flags = head["flags"]
    kind = flags & np.uint64(acq.NOT_IMAGING | acq.REVERSE)
    change = kind[1:] != kind[:-1]
    for name in _KEY:
        change |= head[name][1:] != head[name][:-1]
    for name in (*_COUNTERS, "kspace_encode_step_2"):
        change |= head["idx"][name][1:] != head["idx"][name][:-1]
    change |= (flags[:-1] & np.uint64(acq.END_OF_FRAME)) != 0
    starts = [0, *(np.flatnonzero(change) + 1).tolist(), len(head)]
    for begin, end in pairwise(starts):
        yield Readouts(head[begin:end], readouts.data[begin:end])


def _flag_name(run: Readouts) -> str:
    flags = int(run.head["flags"][-1])
    if flags & acq.LAST_IN_MEASUREMENT:
        return "last_in_measurement"
    return "last_in_repetition" if flags & acq.LAST_IN_REPETITION else "last_in_slice"


def _snr_scale(frame: OpenFrame) -> float:
    """Makes the noise sd 1 in a complete frame: zero-filled samples carry no noise, averages carry less.

    Fixed by what is expected, never by what arrived, so that frames of one series stay comparable.
    """
    plan = frame.plan
    size = frame.buffers.raw.shape[2]
    lines = plan.line_transform / max(1, min(int(plan.expected.sum()), plan.line_transform))
    return math.sqrt(lines * size / frame.placed_samples * plan.averages)


def _noise_sd(frame: OpenFrame, noise: Noise | None, snr_units: bool) -> float | None:
    """Standard deviation per real and imaginary part in the image's unit, root mean square over coils."""
    if noise is None:
        return None
    counts = frame.buffers.counts[frame.buffers.counts > 0]
    share = float((1 / counts).sum()) / frame.plan.line_transform * frame.placed_samples / frame.buffers.raw.shape[2]
    if snr_units:
        return math.sqrt(share) * _snr_scale(frame)
    return math.sqrt(share * float(np.real(np.trace(noise.covariance))) / len(noise.covariance) / 2)


def _geometry(head: NDArray[np.void], plan: Plan) -> Geometry:
    """Directions from the header; a header without any (all zero) gets an axial slice."""
    position = np.nan_to_num(np.asarray(head["position"], np.float64), posinf=0.0, neginf=0.0)
    return Geometry(
        (float(position[0]), float(position[1]), float(position[2])),
        _direction(head["read_dir"], (1.0, 0.0, 0.0)),
        _direction(head["phase_dir"], (0.0, 1.0, 0.0)),
        _direction(head["slice_dir"], (0.0, 0.0, 1.0)),
        plan.encoding.recon.field_of_view,
    )


def _direction(vector: NDArray[np.float32], default: tuple[float, float, float]) -> tuple[float, float, float]:
    values = [float(v) for v in vector]
    length = math.hypot(*values)
    usable = all(map(math.isfinite, values)) and 0.5 < length < 2
    return (values[0], values[1], values[2]) if usable else default
