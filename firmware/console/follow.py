"""Reads what is new in the record, for the board."""

import logging
import os
from collections.abc import Sequence
from pathlib import Path
from typing import get_args

import msgspec

from firmware.console.api import Learning
from firmware.console.board import FRAMES, Batch
from firmware.journal_reader import JournalReader
from firmware.journal_rows import Row
from firmware.pictures import files
from firmware.record import NoteKind, ScanRecord
from firmware.sinks.payloads import DecisionPayload, Flag

log = logging.getLogger(__name__)

ROWS = 500
"""Rows that are read in one go."""
_CHANGES = 64
"""Last changes of scans that are looked at when the console starts: more than can run at once."""
LEARNED = 9
"""Series of a protocol before the appliance knows it: of nine, and no fewer, a limit that one in ten healthy series
exceeds can be drawn (the conformal quantile: Vovk, Gammerman and Shafer, 2005)."""

_decision, _flag = msgspec.json.Decoder(DecisionPayload), msgspec.json.Decoder(Flag)


class RecordReplaced(Exception):
    """Another file took the place of the record: nothing that was read before belongs to it."""


class Follower:
    """`read` runs in one thread at a time; what it returns is for the board."""

    def __init__(self, reader: JournalReader, pictures: Path) -> None:
        self._reader, self._pictures = reader, pictures
        self._row = self._revision = self._note = 0
        self._begun = False
        self._earlier: dict[str, int] = {}
        """Scan -> sequence up to which its earlier decisions have been read."""
        self._unpictured: dict[tuple[str, int], DecisionPayload] = {}
        """The last frames without a picture: it may be written after the decision."""
        self.more = False
        """Whether the last call left something to be read at once."""

    @property
    def newest(self) -> int:
        """Sequence of the newest message that was read."""
        return self._row

    @property
    def damaged(self) -> int:
        """Rows of the record that are left out."""
        return self._reader.damaged

    def read(self) -> Batch:
        """What is new since the last call, at most `ROWS` of a kind.

        Raises ScansideError when it cannot be read now, and RecordReplaced when one has to begin anew.
        """
        try:
            return self._next() if self._begun else self._begin()
        finally:
            if self._reader.replaced:
                raise RecordReplaced("another file took the place of the record")

    def _next(self) -> Batch:
        if self._earlier:
            return self._catch_up()
        rows = self._reader.read_after(self._row, ROWS)
        scans = self._reader.scans_changed(self._revision, ROWS)  # after the rows: none of them is of an unknown scan
        notes = self._reader.notes_after(self._note, ROWS)
        decisions = [*self._late_pictures(), *self._decisions(rows)]
        batch = Batch(scans, decisions, notes, self._learning(scans))
        self._row = rows[-1].sequence if rows else self._row
        self._revision = scans[-1][0] if scans else self._revision
        self._note = notes[-1].sequence if notes else self._note
        self.more = ROWS in (len(rows), len(scans), len(notes))
        return batch

    def _begin(self) -> Batch:
        """The scans that changed last. What is recorded meanwhile is read again later, to no harm."""
        self._row, self._revision = self._reader.newest(), self._reader.revision()
        last_notes = [self._reader.last_note(kind) for kind in get_args(NoteKind)]
        self._note = max((note.sequence for note in last_notes if note is not None), default=0)
        scans = self._reader.scans_changed(max(0, self._revision - _CHANGES), _CHANGES)
        running = [record.scan for _, record in scans if record.ended is None]
        ended = [record.scan for _, record in scans if record.ended is not None]
        shown = [*running, *ended[-1:]]
        self._earlier = dict.fromkeys(shown, 0)
        self._begun = self.more = True
        standing = [(revision, record) for revision, record in scans if record.scan in shown]
        notes = [note for scan in shown for note in self._reader.notes_of(scan)]
        return Batch(standing, (), notes, self._learning(standing))

    def _catch_up(self) -> Batch:
        """The next bite of one scan's decisions."""
        scan, after = next(iter(self._earlier.items()))
        rows = self._reader.decisions(scan, after, ROWS)
        if rows:
            self._earlier[scan] = rows[-1].sequence
        else:
            del self._earlier[scan]
        return Batch(decisions=self._decisions(rows))

    def _decisions(self, rows: Sequence[Row]) -> list[tuple[DecisionPayload, bool]]:
        found = [decoded(row) for row in rows if row.topic.endswith("/decision")]
        return [(decision, self._pictured(decision)) for decision in found if decision is not None]

    def _pictured(self, decision: DecisionPayload) -> bool:
        if decision.number is None:
            return False
        if pictured(self._pictures, decision.scan, decision.number):
            return True
        self._unpictured[decision.scan, decision.number] = decision
        if len(self._unpictured) > FRAMES:
            del self._unpictured[next(iter(self._unpictured))]
        return False

    def _late_pictures(self) -> list[tuple[DecisionPayload, bool]]:
        """Frames that have one by now, told again."""
        late = [frame for frame in self._unpictured if pictured(self._pictures, *frame)]
        return [(self._unpictured.pop(frame), True) for frame in late]

    def _learning(self, scans: Sequence[tuple[int, ScanRecord]]) -> dict[str, Learning | None]:
        return {record.scan: learning(self._reader, record) for _, record in scans}


def pictured(folder: Path, scan: str, number: int) -> bool:
    """Whether there is an image of a frame to show; False too for one that cannot be looked at."""
    try:
        return os.path.exists(files.path_of(folder, scan, number, "image"))  # unlike Path's, it raises nothing
    except files.PictureGone:
        return False


def decoded(row: Row) -> DecisionPayload | None:
    """A decision; None (and a log line) for one that this version cannot read."""
    try:
        return _decision.decode(row.payload)
    except msgspec.MsgspecError as error:
        log.warning("decision %d of the record cannot be read: %s", row.sequence, error)
        return None


def flags(reader: JournalReader, scan: str) -> list[Flag]:
    """The life of a scan's findings, oldest first; without those that this version cannot read."""
    found = []
    for row in reader.flags(scan):
        try:
            found.append(_flag.decode(row.payload))
        except msgspec.MsgspecError as error:
            log.warning("message %d of the record cannot be read: %s", row.sequence, error)
    return found


def learning(reader: JournalReader, record: ScanRecord) -> Learning | None:
    """How far the appliance knows a scan's protocol; None: well enough, or it is none to be known."""
    if record.role != "imaging":
        return None
    seen = reader.seen(record.stratum, record.began)
    return Learning(seen=seen, needed=LEARNED) if seen < LEARNED else None
