"""A scan in a file judged by the same rows and limits as a live one: no threads, no journal, no sinks, no networks."""

from dataclasses import dataclass

from engine.assess.assessor import Assessor
from engine.assess.selection import ExamMemory
from engine.decide.decider import Decider
from engine.decide.limits import Limits
from engine.reconstruct.series import Reconstructed, Reconstruction
from engine.seams import Clock, Source
from engine.types import Decision, Frame, FrameIndex, Measurement, Scan, Unreconstructed


@dataclass(frozen=True, slots=True)
class FrameReport:
    """One frame judged offline; `image` is None where no image is made."""

    decision: Decision
    image: Frame | None
    index: FrameIndex


@dataclass(frozen=True, slots=True)
class ScanReport:
    """A whole scan judged offline."""

    scan: Scan
    frames: tuple[FrameReport, ...]
    series: Decision
    counters: dict[str, int]

    @property
    def measurements(self) -> tuple[Measurement, ...]:
        """Of the last frame that has any."""
        return next((f.decision.measurements for f in reversed(self.frames) if f.decision.measurements), ())


def judge_source(
    source: Source, clock: Clock, limits: Limits | None = None, exam: ExamMemory | None = None
) -> ScanReport:
    """The same path without threads, journal or sinks, for files; raises InputRefused."""
    scan = source.scan()
    reconstruction = Reconstruction(scan, clock)
    assessor, decider = Assessor(scan, exam), Decider(scan, limits)
    frames: list[FrameReport] = []

    def judge(done: Reconstructed | Unreconstructed) -> None:
        if isinstance(done, Unreconstructed):
            decision = decider.unjudged(done, done.reason, done.detail)
            frames.append(FrameReport(decision, None, done.index))
            return
        done = reconstruction.with_noise(done)
        decision = decider.frame(done.frame, assessor.measure(done))
        frames.append(FrameReport(decision, done.frame, done.frame.index))
        reconstruction.release(done.kspace)

    for readouts in source.readouts():
        for done in reconstruction.add(readouts):
            judge(done)
    for done in reconstruction.close(source.ended_by):
        judge(done)
    return ScanReport(scan, tuple(frames), decider.close(source.ended_by), dict(reconstruction.counters))
