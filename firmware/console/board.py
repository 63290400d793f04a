"""What stands now, put together from rows of the record. Any order of rows, and any of them twice, gives the same."""

from collections.abc import Sequence
from dataclasses import dataclass, field

import msgspec

from firmware.console import said
from firmware.console.api import Exam, FrameSummary, Learning, Series
from firmware.record import NoteRecord, ScanRecord
from firmware.scan_record import began_at
from firmware.sinks.payloads import DecisionPayload

FRAMES = 64
"""Last frames of a scan that are kept."""
SCANS = 8
"""Scans that are kept: those that run, and the one that ended last."""
NOTES = 256
"""Last notes of a scan that are kept."""


@dataclass(frozen=True, slots=True)
class Batch:
    """What was read from the record in one go."""

    scans: Sequence[tuple[int, ScanRecord]] = ()
    """With their revision."""
    decisions: Sequence[tuple[DecisionPayload, bool]] = ()
    """With whether there is a picture."""
    notes: Sequence[NoteRecord] = ()
    learning: dict[str, Learning | None] = field(default_factory=dict)
    """Of scans that are new."""


def merged(one: Batch, other: Batch) -> Batch:
    """Both in one, for the examination: of the decisions about a scan only the worst and that of the highest number."""
    decisions: dict[tuple[str, str], tuple[DecisionPayload, bool]] = {}
    for row in (*one.decisions, *other.decisions):
        decision = row[0]
        if decision.number is None:
            continue
        worst, highest = (decisions.get((decision.scan, what), row) for what in ("worst", "highest"))
        decisions[decision.scan, "worst"] = row if said.worse(worst[0], decision) is decision else worst
        decisions[decision.scan, "highest"] = max(highest, row, key=lambda known: known[0].number or 0)
    scans = {record.scan: (revision, record) for revision, record in (*one.scans, *other.scans)}
    return Batch(list(scans.values()), list(decisions.values()), [*one.notes, *other.notes])


@dataclass(frozen=True, slots=True)
class Event:
    """One event of the stream."""

    name: str
    value: msgspec.Struct


@dataclass(slots=True)
class _Standing:
    """One scan: each field only ever moves one way, so that the order of rows does not matter."""

    record: ScanRecord
    revision: int
    learning: Learning | None = None
    frames: dict[int, tuple[int, FrameSummary]] = field(default_factory=dict)
    """Number -> (sequence, frame), the highest numbers only."""
    received: int = 0
    worst: DecisionPayload | None = None
    latest: DecisionPayload | None = None
    whole: DecisionPayload | None = None
    """The decision about the series."""
    notes: dict[int, NoteRecord] = field(default_factory=dict)

    def take_decision(self, decision: DecisionPayload, picture: bool) -> FrameSummary | None:
        """The frame, when it is one that the filmstrip shows and did not yet, or not with its picture."""
        frame = said.frame_summary(decision, picture)
        if frame is None:
            self.whole = _newer(self.whole, decision)
            return None
        self.received = max(self.received, frame.number + 1)
        self.worst, self.latest = said.worse(self.worst, decision), _newer(self.latest, decision)
        known, row = self.frames.get(frame.number), (decision.sequence, frame)
        if known is not None:
            sequence, newest = known if known[0] >= row[0] else row
            seen = known[1].picture or picture  # it may be written after the decision
            row = sequence, msgspec.structs.replace(newest, picture=seen)
        if row == known:
            return None
        frame = row[1]
        self.frames[frame.number] = row
        if len(self.frames) > FRAMES:
            del self.frames[min(self.frames)]
        return frame if frame.number in self.frames else None

    def series(self) -> Series:
        notes = dict(self.notes)  # it may grow meanwhile: answers are made in other threads
        return said.series(
            self.record,
            frames=self.received,
            speaks=self.whole or self.worst,
            latest=self.latest,
            notes=[notes[number] for number in sorted(notes)],
            learning=self.learning,
        )


class Board:
    """Bounded, without threads or sockets: `take` says what changed."""

    def __init__(self) -> None:
        self._scans: dict[str, _Standing] = {}
        self.exam = Exam(exam="", answer="nothing", line="", series=[])

    def take(self, batch: Batch) -> list[Event]:
        """Events for whoever watches, in the order in which they are to be shown."""
        changed: dict[str, None] = {}
        for revision, record in batch.scans:
            if self._take_scan(revision, record, batch.learning.get(record.scan)):
                changed[record.scan] = None
        frames: dict[tuple[str, int], FrameSummary] = {}
        for decision, picture in batch.decisions:
            if (standing := self._scans.get(decision.scan)) is None:
                continue
            changed[decision.scan] = None
            if (frame := standing.take_decision(decision, picture)) is not None:
                frames[frame.scan, frame.number] = frame
        notes = [Event("note", said.note_payload(note)) for note in batch.notes if self._take_note(note, changed)]
        self._forget()
        standing_now = [name for name in changed if name in self._scans]
        shown = [
            frame for (scan, number), frame in frames.items() if scan in self._scans and number in self._numbers(scan)
        ]
        return [
            *notes,
            *(Event("series", self._scans[name].series()) for name in standing_now),
            *(Event("frame", frame) for frame in shown),
        ]

    def take_exam(self, exam: Exam) -> list[Event]:
        """The list of the examination, made anew."""
        if exam == self.exam:
            return []
        self.exam = exam
        return [Event("exam", exam)]

    def running(self) -> list[Series]:
        """Scans that run, oldest first, and the one that ended last."""
        standing = sorted(self._scans.values(), key=lambda one: (began_at(one.record).order, one.record.scan))
        return [one.series() for one in standing]

    def frames(self) -> dict[str, list[FrameSummary]]:
        """Scan -> its last frames, oldest first."""
        return {
            name: [one.frames[number][1] for number in sorted(one.frames)] for name, one in sorted(self._scans.items())
        }

    def scan(self, name: str) -> Series | None:
        """One that stands here; None: ask the record."""
        standing = self._scans.get(name)
        return standing.series() if standing is not None else None

    def _numbers(self, scan: str) -> dict[int, tuple[int, FrameSummary]]:
        return self._scans[scan].frames

    def _take_scan(self, revision: int, record: ScanRecord, learning: Learning | None) -> bool:
        standing = self._scans.get(record.scan)
        if standing is None:
            self._scans[record.scan] = _Standing(record, revision, learning)
            return True
        if standing.revision >= revision:
            return False
        standing.record, standing.revision = record, revision
        return True

    def _take_note(self, note: NoteRecord, changed: dict[str, None]) -> bool:
        """Whether it is to be told: those of the appliance and of the scans that stand here, once."""
        if not note.scan:
            return True
        standing = self._scans.get(note.scan)
        if standing is None:
            return True
        if note.sequence in standing.notes:
            return False
        standing.notes[note.sequence] = note
        if len(standing.notes) > NOTES:
            del standing.notes[min(standing.notes)]
        changed[note.scan] = None
        return True

    def _forget(self) -> None:
        """Keep the scans that run, the newest of them, and the one that ended last.

        By their last change, not by their times: the clock may have been set back meanwhile.
        """
        by_change = sorted(self._scans.values(), key=lambda one: one.revision)
        ended = [one for one in by_change if one.record.ended is not None]
        running = [one for one in by_change if one.record.ended is None]
        for one in [*ended[:-1], *running[: max(0, len(running) - SCANS + bool(ended))]]:
            del self._scans[one.record.scan]


def _newer(one: DecisionPayload | None, other: DecisionPayload) -> DecisionPayload:
    return other if one is None or other.sequence > one.sequence else one
