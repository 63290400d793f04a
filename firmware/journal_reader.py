"""The journal as others read it: messages, scans and notes; by a connection that cannot write."""

import math
from collections.abc import Callable
from pathlib import Path
from typing import Any, TypeVar

import msgspec

from engine.errors import InputRefused
from engine.types import VERDICTS
from firmware.journal_access import ReadOnly
from firmware.journal_rows import MESSAGE, NOTE, SCAN, Row, message_row, note_row, scan_row
from firmware.record import NoteKind, NoteRecord, ScanRecord
from firmware.sinks import topics

_MOST_FLAGS = 500
_MOST_NOTES = 500
_NEAR = 4
"""Frames that may have overtaken one."""
_MANY = 256
_AFTER_ALL = 1 << 62
_LAST = "\U0010ffff"
"""Behind every character of a topic."""

_T = TypeVar("_T")


class _Brief(msgspec.Struct):
    number: int | None = None
    verdict: str = ""


class JournalReader:
    """One file, of one appliance; from any thread, one at a time. Every method raises RecordUnreadable."""

    def __init__(self, path: Path, appliance: str) -> None:
        self._appliance = appliance
        self._access = ReadOnly(path)

    @property
    def damaged(self) -> int:
        """Rows left out until now because their checksum is wrong; counted up to a thousand."""
        return self._access.damaged

    @property
    def replaced(self) -> bool:
        """Whether another file took the place of the one that was read first."""
        return self._access.replaced

    def close(self) -> None:
        """The next method opens it again."""
        self._access.close()

    # --- messages ----------------------------------------------------------------------------------

    def newest(self) -> int:
        """Sequence of the newest message that was ever recorded."""
        return self._number("SELECT coalesce(max(seq), 0) FROM sqlite_sequence WHERE name = 'message'")

    def row(self, sequence: int) -> Row | None:
        """One message; None: dropped, damaged or never there."""
        return next(iter(self._messages("WHERE sequence = ?", sequence)), None)

    def read_after(self, sequence: int, limit: int) -> list[Row]:
        """The next messages in order; empty: there is none."""
        return self._next("message", MESSAGE, "sequence > ?", message_row, sequence, limit)

    def decisions(
        self, scan: str, after: int = 0, limit: int = 100, *, before: int | None = None, newest_first: bool = False
    ) -> list[Row]:
        """Decisions about a scan's frames and, last, its series, with sequences between `after` and `before`."""
        topic, end = topics.decision(self._appliance, scan), _AFTER_ALL if before is None else before
        if newest_first:
            where = "sequence < ? AND topic = ? AND sequence > ?"
            return self._next("message", MESSAGE, where, message_row, end, limit, topic, after, falling=True)
        where = "sequence > ? AND topic = ? AND sequence < ?"
        return self._next("message", MESSAGE, where, message_row, after, limit, topic, end)

    def decision(self, scan: str, number: int) -> Row | None:
        """The decision about frame `number` of a scan.

        Frames are mostly decided in the order of their numbers, so it is looked for near that place first.
        """
        near = "WHERE topic = ? ORDER BY sequence LIMIT ? OFFSET ?"
        place = topics.decision(self._appliance, scan), 2 * _NEAR + 1, max(number - _NEAR, 0)
        rows, after = self._messages(near, *place) or self.decisions(scan, 0, _MANY), 0
        while rows:
            for row in rows:
                if msgspec.json.decode(row.payload, type=_Brief).number == number:
                    return row
            rows = self.decisions(scan, after, _MANY)
            after = rows[-1].sequence if rows else after
        return None

    def frames(self, scan: str, below: int | None, limit: int) -> list[Row]:
        """The decisions about the frames of highest number below `below` (None: of all), in the order of numbers."""
        before = None
        if below is not None and (at := self.decision(scan, below)) is not None:
            overtaken_by = self.decisions(scan, at.sequence, _NEAR)
            before = (overtaken_by or [at])[-1].sequence + 1
        found: dict[int, Row] = {}
        while len(found) < limit and (
            rows := self.decisions(scan, 0, limit + 2 * _NEAR, before=before, newest_first=True)
        ):
            for row in rows:
                number = msgspec.json.decode(row.payload, type=_Brief).number
                if number is not None and (below is None or number < below):
                    found.setdefault(number, row)
            before = rows[-1].sequence
        return [found[number] for number in sorted(found)[-limit:]]

    def worst(self, scan: str) -> Row | None:
        """The decision with the worst verdict about a frame of a scan, of equals the newest; reads them all."""
        found, least, after = None, 0, 0
        while rows := self.decisions(scan, after, _MANY):
            for row in rows:
                told = msgspec.json.decode(row.payload, type=_Brief)
                if told.number is not None and told.verdict in VERDICTS and VERDICTS.index(told.verdict) >= least:
                    found, least = row, VERDICTS.index(told.verdict)
            after = rows[-1].sequence
        return found

    def flags(self, scan: str) -> list[Row]:
        """The newest 500 messages about the life of a scan's findings, oldest first."""
        first = topics.flag(self._appliance, scan, "")
        newest = "SELECT sequence FROM message WHERE topic > ? AND topic < ? ORDER BY sequence DESC LIMIT ?"
        return self._messages(f"WHERE sequence IN ({newest}) ORDER BY sequence", first, first + _LAST, _MOST_FLAGS)

    def has_flag(self, scan: str, finding: str) -> bool:
        """Whether anything was told of the life of a finding."""
        topic = topics.flag(self._appliance, scan, finding)
        return self._number("SELECT count(*) FROM message WHERE topic = ?", topic) > 0

    # --- scans -------------------------------------------------------------------------------------

    def scan(self, scan: str) -> ScanRecord | None:
        """One scan; None: dropped, damaged or never there."""
        return next(iter(self._scans("WHERE scan = ?", scan)), None)

    def revision(self) -> int:
        """Rises by one with each change of a scan."""
        return self._number("SELECT coalesce(max(CAST(value AS INTEGER)), 0) FROM meta WHERE key = 'revision'")

    def scans_changed(self, after_revision: int, limit: int) -> list[tuple[int, ScanRecord]]:
        """Scans with the revision of their last change, in the order of these changes."""

        def numbered(columns: tuple[Any, ...]) -> tuple[int, ScanRecord] | None:
            record = scan_row(columns)
            return None if record is None else (columns[0], record)

        return self._next("scan", SCAN, "revision > ?", numbered, after_revision, limit)

    def search(
        self,
        protocol: str = "",
        verdict: str = "",
        after: float | None = None,
        before: float | None = None,
        cursor: str = "",
        limit: int = 50,
    ) -> tuple[list[ScanRecord], str]:
        """Scans, newest first, and the cursor of the page after them (empty: that was all).

        `protocol` is any part of the name, in any case. Those that run are there whatever the `verdict`: their scan's
        row has none yet. They began at `after` or later and earlier than `before`
        (s since 1970-01-01 UTC). A scan that comes or changes meanwhile neither hides another one nor shows one twice.
        Raises InputRefused for a cursor that is none.
        """
        conditions, values = ["1"], list[object]()
        for condition, value in (
            ("instr(protocol, ?)", protocol.casefold() or None),
            ("(verdict = ? OR ended IS NULL)", verdict or None),
            ("began >= ?", after),
            ("began < ?", before),
        ):
            if value is not None:
                conditions.append(condition)
                values.append(value)
        if cursor:
            conditions.append("(began, scan) < (?, ?)")
            values.extend(_place(cursor))
        where = f"WHERE {' AND '.join(conditions)} ORDER BY began DESC, scan DESC LIMIT ?"
        found = self._access.read(f"SELECT {SCAN}, began, scan FROM scan {where}", (*values, limit + 1))
        scans = self._access.whole("scan", (columns[:3] for columns in found[:limit]), scan_row)
        return scans, f"{found[limit - 1][3]!r}~{found[limit - 1][4]}" if len(found) > limit else ""

    def seen(self, stratum: str, before: float) -> int:
        """How many imaging scans of a stratum that began earlier than `before` have ended."""
        return self._number(
            "SELECT count(*) FROM scan WHERE stratum = ? AND began < ? AND role = 'imaging' AND ended IS NOT NULL",
            stratum,
            before,
        )

    # --- notes -------------------------------------------------------------------------------------

    def notes_after(self, sequence: int, limit: int) -> list[NoteRecord]:
        """The next notes in order; empty: there is none."""
        return self._next("note", NOTE, "sequence > ?", note_row, sequence, limit)

    def notes_of(self, scan: str) -> list[NoteRecord]:
        """What was said of a scan, oldest first; the newest 500."""
        return self._notes("WHERE scan = ? ORDER BY sequence DESC LIMIT ?", scan, _MOST_NOTES)[::-1]

    def notes_of_kind(self, kind: NoteKind, limit: int) -> list[NoteRecord]:
        """The newest notes of a kind, oldest first."""
        return self._notes("WHERE kind = ? ORDER BY sequence DESC LIMIT ?", kind, limit)[::-1]

    def last_note(self, kind: NoteKind) -> NoteRecord | None:
        """The newest note of a kind; None: there is none."""
        return next(iter(self.notes_of_kind(kind, 1)), None)

    def _messages(self, where: str, *values: object) -> list[Row]:
        found = self._access.read(f"SELECT {MESSAGE} FROM message {where}", values)
        return self._access.whole("message", found, message_row)

    def _scans(self, where: str, *values: object) -> list[ScanRecord]:
        found = self._access.read(f"SELECT {SCAN} FROM scan {where}", values)
        return self._access.whole("scan", found, scan_row)

    def _notes(self, where: str, *values: object) -> list[NoteRecord]:
        found = self._access.read(f"SELECT {NOTE} FROM note {where}", values)
        return self._access.whole("note", found, note_row)

    def _next(
        self,
        table: str,
        columns: str,
        where: str,
        value_of: Callable[[tuple[Any, ...]], _T | None],
        after: int,
        limit: int,
        *values: object,
        falling: bool = False,
    ) -> list[_T]:
        """Empty only at the end: a stretch of damaged rows must not look like one. The first column counts."""
        statement = f"SELECT {columns} FROM {table} WHERE {where} ORDER BY 1 {'DESC' if falling else ''} LIMIT ?"
        while True:
            found = self._access.read(statement, (after, *values, limit))
            whole = self._access.whole(table, found, value_of)
            if whole or len(found) < limit:
                return whole
            after = found[-1][0]

    def _number(self, statement: str, *values: object) -> int:
        return int(self._access.read(statement, values)[0][0])


def _place(cursor: str) -> tuple[float, str]:
    began, _, scan = cursor.partition("~")
    try:
        place = float(began)
    except ValueError:
        place = math.nan
    if not math.isfinite(place) or not scan:
        raise InputRefused(f"{cursor[:40]!r} is no cursor", "the list of scans", "begin at its first page")
    return place, scan
