"""What is recorded at once, and the transaction that does it."""

import logging
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import partial

import apsw
import msgspec

from firmware.journal_rows import message_checksum, put_note, put_scan
from firmware.record import NoteRecord, ScanRecord
from firmware.sinks.payloads import Envelope, encode

log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Outgoing:
    """One message; its envelope is filled in at the commit."""

    topic: str
    payload: Envelope


@dataclass(frozen=True, slots=True)
class Entry:
    """What belongs together: all of it is recorded, or none."""

    messages: tuple[Outgoing, ...] = ()
    on_commit: Callable[[], None] = lambda: None
    """Called from the writer's thread once it is on disk; must not block."""
    scan: ScanRecord | None = None
    """Takes the place of what was recorded of the scan before."""
    note: NoteRecord | None = None
    on_note: Callable[[NoteRecord], None] = lambda _: None
    """As `on_commit`, after it, with the note as recorded: its sequence and time are filled in."""


def encodable(entry: Entry) -> bool:
    """Whether all of an entry can become bytes; one that cannot is lost alone, aloud, and nobody is told of it."""
    about = ""
    try:
        for message in entry.messages:
            about = message.topic
            encode(message.payload)
        about = "a scan or note"
        msgspec.json.encode((entry.scan, entry.note))
    except Exception:
        # The record's own seam: a fault of ours in one decision must not end the thread that writes all others.
        log.critical("a decision on %s cannot be encoded: it is not recorded", about, exc_info=True)
        return False
    return True


def put_entries(
    db: apsw.Connection, entries: Sequence[Entry], newest: int, boot: str, session: int, now: float
) -> tuple[int, list[Callable[[], None]]]:
    """All of them or none, after the message `newest`; then the sequence of the last message, and whom to call."""
    stamp = datetime.fromtimestamp(now, UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")
    told: list[Callable[[], None]] = []
    with db:
        for entry in entries:
            for message in entry.messages:
                newest += 1
                payload = message.payload
                payload.id, payload.sequence = f"{boot}-{newest}", newest
                payload.session, payload.time = session, stamp
                _put_message(db, newest, message, now)
            if entry.scan is not None:
                put_scan(db, entry.scan)
            told.append(entry.on_commit)
            if entry.note is not None:
                told.append(partial(entry.on_note, put_note(db, entry.note, now)))
    return newest, told


def _put_message(db: apsw.Connection, sequence: int, message: Outgoing, now: float) -> None:
    encoded = encode(message.payload)
    db.execute(
        "INSERT INTO message VALUES (?, ?, ?, ?, ?, ?)",
        (sequence, message.payload.id, message.topic, encoded, now, message_checksum(sequence, message.topic, encoded)),
    )
