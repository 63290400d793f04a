"""Rows of the journal to values and back, with checksums: a flipped bit inside a payload passes SQLite's own check."""

import hashlib
from dataclasses import dataclass
from typing import Any, TypeVar

import apsw
import msgspec

from firmware.record import NoteRecord, ScanRecord

MESSAGE = "sequence, id, topic, payload, time, checksum"
SCAN = "revision, payload, checksum"
NOTE = "sequence, payload, checksum"
"""Columns that `message_row`, `scan_row` and `note_row` read, in this order."""

_T = TypeVar("_T")


@dataclass(frozen=True, slots=True)
class Row:
    """One recorded message."""

    sequence: int
    id: str
    topic: str
    payload: bytes
    time: float
    """s since 1970-01-01 UTC."""


def message_checksum(sequence: int, topic: str, payload: bytes) -> bytes:
    """Of what a row says and where it stands: a payload moved to another row does not pass."""
    return hashlib.blake2b(f"{sequence}|{topic}|".encode() + payload, digest_size=8).digest()


def message_row(columns: tuple[Any, ...]) -> Row | None:
    """None: damaged."""
    sequence, row_id, topic, payload, time, found = columns
    if not isinstance(payload, bytes) or message_checksum(sequence, topic, payload) != found:
        return None
    return Row(sequence, row_id, topic, payload, time)


def scan_row(columns: tuple[Any, ...]) -> ScanRecord | None:
    """None: damaged."""
    return _decoded("scan", columns, ScanRecord)


def note_row(columns: tuple[Any, ...]) -> NoteRecord | None:
    """None: damaged."""
    return _decoded("note", columns, NoteRecord)


def put_scan(db: apsw.Connection, record: ScanRecord) -> None:
    """Insert or replace a scan, with the next revision: no revision comes twice, whatever is dropped."""
    risen = "INSERT INTO meta VALUES ('revision', '1') ON CONFLICT DO UPDATE SET value = value + 1 RETURNING value"
    (revision,) = (int(value) for (value,) in db.execute(risen))
    payload = msgspec.json.encode(record)
    columns = (
        record.scan,
        revision,
        record.exam,
        record.protocol.casefold(),
        record.stratum,
        record.role,
        record.verdict,
        record.began,
        record.ended,
        payload,
        _checksum("scan", revision, payload),
    )
    db.execute("INSERT OR REPLACE INTO scan VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)", columns)


def put_note(db: apsw.Connection, note: NoteRecord, time: float) -> NoteRecord:
    """Insert a note; returns it with its sequence and time."""
    last = list(db.execute("SELECT seq FROM sqlite_sequence WHERE name = 'note'"))
    filled = msgspec.structs.replace(note, sequence=int(last[0][0]) + 1 if last else 1, time=time)
    payload = msgspec.json.encode(filled)
    db.execute(
        "INSERT INTO note VALUES (?, ?, ?, ?, ?, ?)",
        (filled.sequence, note.kind, note.scan, payload, time, _checksum("note", filled.sequence, payload)),
    )
    return filled


def _checksum(table: str, number: int, payload: bytes) -> bytes:
    return hashlib.blake2b(f"{table}|{number}|".encode() + payload, digest_size=8).digest()


def _decoded(table: str, columns: tuple[Any, ...], kind: type[_T]) -> _T | None:
    number, payload, found = columns
    if not isinstance(payload, bytes) or _checksum(table, number, payload) != found:
        return None
    try:
        return msgspec.json.decode(payload, type=kind)
    except msgspec.DecodeError:
        return None
