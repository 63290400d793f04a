"""The frame loop: source -> reconstruct -> image back -> assess, beside it the networks -> decide -> journal.

The thread that receives also reconstructs, so nothing stands between the last readout and the image. Judging
happens in a second thread per scan with a short bounded queue; the journal's writer is the third. An image never
waits for a verdict, a verdict is never shown before it is on disk, and neither needs a network. Pictures for people
are handed on by the judge, and nothing waits for those.
"""

import logging
import queue
import threading
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass, field

from engine.assess.assessor import Assessor
from engine.assess.selection import ExamMemory
from engine.decide.decider import Decider
from engine.decide.limits import Limits
from engine.errors import ScansideError
from engine.reconstruct.series import Budget, Reconstructed, Reconstruction
from engine.seams import Clock, Source
from engine.types import Decision, Frame, Measurement, OpenLines, Scan, Timings, Unreconstructed
from firmware.health import Health
from firmware.inference.networks import Networks
from firmware.pictures.of_scan import PictureStore, ScanPictures

log = logging.getLogger(__name__)

_QUEUE_FRAMES = 3
_QUEUE_WAIT_S = 0.5
_CLOSE_WAIT_S = 10.0
_FOLLOWED = 8
"""Readouts after which the judge looks at an open frame: one at a time would cost more in waking than in work."""

_UNANSWERED = {"n01": "not_denoised", "n02": "not_screened"}
"""First row of a network -> counter of the frames that it did not answer, by reason."""

Done = Reconstructed | Unreconstructed


@dataclass(frozen=True, slots=True)
class Judged:
    """A decision on its way to the journal, and what it is about."""

    scan: Scan
    decision: Decision
    timings: Timings | None
    """Of the frame; None for the series."""
    latency_ms: dict[str, float]
    """From the last readout received: image, decided."""


Record = Callable[[Judged, Callable[[], None]], None]
"""Takes a decision for the record; calls back, from its own thread, once it is on disk. Never blocks."""


@dataclass(frozen=True, slots=True)
class Loop:
    """What every scan of one appliance shares."""

    clock: Clock
    health: Health
    record: Record
    began: Callable[[Scan], None] = lambda _: None
    """Told of each scan before its first readout; must not block."""
    left: Callable[[Scan], None] = lambda _: None
    """Told of each scan of which nothing more comes, with a verdict or without; must not block."""
    limits: Limits | None = None
    budget: Budget = field(default_factory=Budget)
    networks: Networks = field(default_factory=Networks)
    pictures: PictureStore | None = None
    """None: no pictures are kept."""
    exam: ExamMemory = field(default_factory=ExamMemory)
    scanning: AbstractContextManager[object] = field(default_factory=nullcontext)
    """Entered while a scan is open, by several at once; raises nothing."""


class Judge:
    """Judges the frames of one scan in a thread of its own; `put` waits at most half a second."""

    def __init__(self, scan: Scan, source: Source, loop: Loop, reconstruction: Reconstruction) -> None:
        self._scan, self._source, self._loop, self._reconstruction = scan, source, loop, reconstruction
        self._assessor = Assessor(scan, loop.exam)
        self._decider = Decider(scan, loop.limits)
        self._pictures = ScanPictures(scan, loop.pictures, loop.clock, loop.health)
        self._queue: queue.Queue[Done | OpenLines | None] = queue.Queue(_QUEUE_FRAMES)
        self._skipped: queue.SimpleQueue[Frame] = queue.SimpleQueue()
        self._ended_by = ""
        self._recorded = threading.Event()
        self._thread = threading.Thread(target=self._run, name=f"judge-{scan.id}", daemon=True)
        self._thread.start()

    def put(self, done: Done) -> None:
        """Hand a frame over; one that finds no place within half a second is recorded as not judged."""
        try:
            self._queue.put(done, timeout=_QUEUE_WAIT_S)
        except queue.Full:
            if isinstance(done, Reconstructed):
                self._skipped.put(done.frame)
                self._reconstruction.release(done.kspace)
            self._loop.health.count("frames_not_judged_in_time")
            log.warning("scan=%s assessment is behind: a frame goes unjudged", self._scan.id)

    def follow(self, lines: OpenLines | None) -> None:
        """Have an open frame's lines looked at when nothing else waits; never waits itself."""
        if lines is not None and self._queue.empty():
            self._queue.put(lines)

    def finish(self, ended_by: str) -> bool:
        """Judge what waits, close the series; True once its verdict is on disk (10 s at most)."""
        self._ended_by = ended_by
        try:
            self._queue.put(None, timeout=_CLOSE_WAIT_S)
        except queue.Full:
            log.error("scan=%s assessment hangs: the series is left without a verdict", self._scan.id)
            return False
        self._thread.join(_CLOSE_WAIT_S)
        return self._recorded.wait(_CLOSE_WAIT_S)

    def _run(self) -> None:
        try:
            self._judge_all()
        except Exception:
            # The supervisor seam: without the verdict of its series the scan is recorded as not judged.
            log.exception("scan=%s the verdict of the series failed", self._scan.id)
            self._loop.health.count("series_failed")

    def _judge_all(self) -> None:
        while (done := self._queue.get()) is not None:
            try:
                if isinstance(done, OpenLines):
                    self._assessor.follow(done)
                    continue
                self._judge_skipped()
                if isinstance(done, Reconstructed):
                    done = self._reconstruction.with_noise(done)
                self._judge(done)
            except Exception:
                # The supervisor seam: whatever fails in judging one frame must not silence the next.
                log.exception("scan=%s judging a frame failed", self._scan.id)
                self._loop.health.count("frames_failed")
                if not isinstance(done, OpenLines):
                    subject = done.frame if isinstance(done, Reconstructed) else done
                    self._unjudged(subject, "internal_fault", "judging this image failed; see the log")
            finally:
                if isinstance(done, Reconstructed):
                    self._reconstruction.release(done.kspace)
        self._judge_skipped()
        self._loop.networks.earlier.forget(self._scan.id)
        series = Judged(self._scan, self._decider.close(self._ended_by), None, {})
        self._hand_over(series, self._recorded.set)

    def _judge(self, done: Done) -> None:
        if isinstance(done, Unreconstructed):
            self._unjudged(done, done.reason, done.detail)
            return
        self._pictures.image(done.frame)
        measurements, processed = self._measure(done)
        decision = self._decider.frame(done.frame, measurements)
        self._decided(decision, done.frame.timings)
        if processed is not None:
            self._return_processed(processed)
            self._pictures.processed(processed)
        self._pictures.raw(done, decision)

    def _return_processed(self, frame: Frame) -> None:
        try:
            self._source.send_image(frame)
        except Exception:
            # Its verdict is given already: a second one for the same frame would be wrong.
            log.exception("scan=%s the processed image could not be sent", self._scan.id)
            self._loop.health.count("processed_images_failed")

    def _measure(self, done: Reconstructed) -> tuple[tuple[Measurement, ...], Frame | None]:
        """Every row, and the denoised frame that a worker made meanwhile, where there is one."""
        asked = self._loop.networks.ask(self._scan.id, done.frame)
        try:
            measurements = self._assessor.measure(done)
        finally:
            processed, told = asked.finish()
        for row in told:
            if row.why_missing and row.row in _UNANSWERED:
                self._loop.health.count(f"{_UNANSWERED[row.row]}_{row.why_missing}")
        return (*measurements, *told), processed

    def _judge_skipped(self) -> None:
        while not self._skipped.empty():
            skipped = self._skipped.get()
            self._assessor.forget(skipped.index)
            self._pictures.image(skipped)
            self._unjudged(skipped, "overloaded", "images come faster than they can be judged")

    def _unjudged(self, subject: Frame | Unreconstructed, reason: str, detail: str) -> None:
        self._decided(self._decider.unjudged(subject, reason, detail), subject.timings)

    def _decided(self, decision: Decision, timings: Timings) -> None:
        latency = {
            "image": (timings.image_ready - timings.last_readout) * 1e3,
            "decided": (self._loop.clock.monotonic() - timings.last_readout) * 1e3,
        }
        self._hand_over(Judged(self._scan, decision, timings, latency), lambda: None)

    def _hand_over(self, judged: Judged, recorded: Callable[[], None]) -> None:
        def committed() -> None:
            self._source.send_text(f"{judged.decision.scope} {judged.decision.sentence}")
            recorded()

        self._loop.health.progress("decide")
        self._loop.record(judged, committed)


def run_scan(source: Source, loop: Loop) -> None:
    """Take one scan from its header to the verdict of its series; raises nothing of the peer's making."""
    try:
        scan = source.scan()
    except ScansideError as error:
        _refuse(source, loop, "-", error)
        return
    with loop.scanning:
        try:
            _judge_scan(source, loop, scan)
        finally:
            loop.left(scan)


def _judge_scan(source: Source, loop: Loop, scan: Scan) -> None:
    log.info("scan=%s begins: %s, %s coils", scan.id, scan.protocol or "unnamed protocol", scan.coils)
    loop.health.count("scans")
    try:
        loop.began(scan)
    except Exception:
        # The supervisor seam: a scan that cannot be announced is received and judged all the same.
        log.exception("scan=%s its beginning could not be recorded", scan.id)
        loop.health.count("beginnings_not_recorded")
    reconstruction = Reconstruction(scan, loop.clock, loop.budget)
    judge = Judge(scan, source, loop, reconstruction)
    ended_by = "fault"
    try:
        received = _receive(source, loop, scan, reconstruction, judge)
        for done in _guarded(reconstruction.close(received), scan, loop, source):
            _deliver(done, source, loop, judge)
        ended_by = received
    finally:
        for name, count in reconstruction.counters.items():
            loop.health.count(name, count)
        if not judge.finish(ended_by):
            source.send_text("verdict not recorded yet: look at the journal before relying on it")
    log.info("scan=%s ended by %s: %s", scan.id, ended_by, dict(reconstruction.counters))


def _receive(source: Source, loop: Loop, scan: Scan, reconstruction: Reconstruction, judge: Judge) -> str:
    """Everything the source sends; returns why it ended. What cannot be reconstructed is still received."""
    broken, waiting = False, 0
    try:
        for readouts in source.readouts():
            loop.health.progress("receive")
            if broken:
                continue
            try:
                for done in reconstruction.add(readouts) if len(readouts) else reconstruction.settle():
                    _deliver(done, source, loop, judge)
                waiting += len(readouts)
                if waiting >= _FOLLOWED:
                    judge.follow(reconstruction.open_lines)
                    waiting = 0
            except ScansideError as error:
                broken = True  # keep receiving: the scanner's own images still go back to it
                _refuse(source, loop, scan.id, error)
            except Exception:
                # The supervisor seam: a fault of ours must not stop what the scanner sends or gets back.
                broken = True
                log.exception("scan=%s reconstruction failed", scan.id)
                loop.health.count("reconstruction_failed")
                source.send_text("internal fault: reconstruction failed, images are no longer judged")
    except ScansideError as error:
        _refuse(source, loop, scan.id, error)
        return "refused"
    return "fault" if broken else source.ended_by


def _guarded(frames: Iterator[Done], scan: Scan, loop: Loop, source: Source) -> Iterator[Done]:
    try:
        yield from frames
    except Exception:
        # The supervisor seam: the frames left open by a fault must not keep the series from its verdict.
        log.exception("scan=%s the last frames could not be finished", scan.id)
        loop.health.count("reconstruction_failed")
        source.send_text("internal fault: the last images could not be finished")


def _deliver(done: Done, source: Source, loop: Loop, judge: Judge) -> None:
    if isinstance(done, Reconstructed):
        source.send_image(done.frame)
        loop.health.count("frames")
    else:
        loop.health.count(f"unreconstructed_{done.reason}")
    loop.health.progress("reconstruct")
    judge.put(done)


def _refuse(source: Source, loop: Loop, scan: str, error: ScansideError) -> None:
    loop.health.count(f"refused_{getattr(error, 'reason', 'input')}")
    log.warning("scan=%s refused: %s", scan, error)
    source.send_text(f"ERROR: {error}")
