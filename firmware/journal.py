"""The record and the outbox at once: decisions and the messages about them, in one transaction, on disk first.

SQLite in WAL mode with `synchronous=FULL`; one writer thread commits in groups. Sequence numbers have no gaps, over
restarts too, so a consumer can say how far it has got. Each row has a checksum, because a flipped bit inside a payload
passes SQLite's own check. Readers follow by sequence; nothing is deleted because somebody acknowledged it.
"""

import hashlib
import logging
import queue
import secrets
import threading
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

import apsw

from engine.seams import Clock
from firmware.sinks.payloads import Envelope, encode

log = logging.getLogger(__name__)

_SCHEMA_VERSION = 1
_GROUP = 256
_WAITING = 20_000
_RETRY_S = 0.5
_RETENTION_EVERY_S = 3600.0
_CLOSE_S = 5.0

_TABLES = (
    "CREATE TABLE IF NOT EXISTS meta (key TEXT PRIMARY KEY, value TEXT NOT NULL) WITHOUT ROWID",
    "CREATE TABLE IF NOT EXISTS message (sequence INTEGER PRIMARY KEY AUTOINCREMENT, id TEXT NOT NULL UNIQUE, "
    "topic TEXT NOT NULL, payload BLOB NOT NULL, time REAL NOT NULL, checksum BLOB NOT NULL)",
    "CREATE INDEX IF NOT EXISTS message_time ON message (time)",
)


@dataclass(frozen=True, slots=True)
class Outgoing:
    """One message; its envelope is filled in at the commit."""

    topic: str
    payload: Envelope


@dataclass(frozen=True, slots=True)
class Entry:
    """What belongs together: all of it is recorded, or none."""

    messages: tuple[Outgoing, ...]
    on_commit: Callable[[], None] = lambda: None
    """Called from the writer's thread once it is on disk; must not block."""


@dataclass(frozen=True, slots=True)
class Row:
    """One recorded message."""

    sequence: int
    id: str
    topic: str
    payload: bytes
    time: float


class Journal:
    """One file; `append` from any thread, reading from any thread."""

    def __init__(self, path: Path, clock: Clock, *, retention_s: float = 30 * 86400.0) -> None:
        path.parent.mkdir(parents=True, exist_ok=True)
        self._path, self._clock, self._retention_s = path, clock, retention_s
        self._db = _open(path, clock)
        self._reader = apsw.Connection(str(path))
        self._reader.set_busy_timeout(2000)
        list(self._reader.execute("PRAGMA synchronous = NORMAL"))  # it writes cursors only: hints, not records
        self._reading = threading.Lock()
        self.boot = secrets.token_hex(4)
        self.session = self._next_session()
        self._newest = self._scalar("SELECT coalesce(max(seq), 0) FROM sqlite_sequence WHERE name = 'message'")
        self._queue: queue.Queue[Entry | None] = queue.Queue(_WAITING)
        self._wakes: list[Callable[[], None]] = []
        self._stopping = threading.Event()
        self._retention_at = 0.0
        self.problem: str | None = None
        """Why nothing can be recorded at present."""
        self.not_recorded = 0
        """Entries given up because the queue was full."""
        self._writer = threading.Thread(target=self._write, name="journal-writer", daemon=True)
        self._writer.start()

    # --- writing -----------------------------------------------------------------------------------

    def append(self, entry: Entry) -> None:
        """Queue an entry; never blocks. When the disk has been away for too long, the entry is counted and gone."""
        try:
            self._queue.put_nowait(entry)
        except queue.Full:
            self.not_recorded += 1
            if self.not_recorded == 1:
                log.error("journal queue is full: decisions are lost until the disk takes them again")

    def subscribe(self, wake: Callable[[], None]) -> None:
        """Call `wake` from the writer's thread after each commit."""
        self._wakes.append(wake)

    def close(self) -> None:
        """Write what waits, at most five seconds."""
        self._stopping.set()
        try:
            self._queue.put(None, timeout=_CLOSE_S)
        except queue.Full:
            log.error("journal closes with %d entries unwritten", self._queue.qsize())
        self._writer.join(_CLOSE_S)
        with self._reading:
            self._reader.close()
        self._db.close()

    def _write(self) -> None:
        while True:
            group = self._next_group()
            entries = [entry for entry in group if entry is not None and self._encodable(entry)]
            if entries and not self._commit_until_done(entries):
                return
            for entry in entries:
                self._notify(entry.on_commit)
            for wake in self._wakes:
                self._notify(wake)
            if None in group:
                return
            self._forget_old()

    def _next_group(self) -> list[Entry | None]:
        group = [self._queue.get()]
        while len(group) < _GROUP and group[-1] is not None:
            try:
                group.append(self._queue.get_nowait())
            except queue.Empty:
                break
        return group

    def _encodable(self, entry: Entry) -> bool:
        """Whether all of an entry can become bytes; one that cannot is lost alone, aloud, and nobody is told of it."""
        try:
            for message in entry.messages:
                encode(message.payload)
        except Exception:
            # The record's own seam: a fault of ours in one decision must not end the thread that writes all others.
            log.critical("a decision on %s cannot be encoded: it is not recorded", message.topic, exc_info=True)
            self.not_recorded += 1
            return False
        return True

    def _commit_until_done(self, entries: Sequence[Entry]) -> bool:
        """Retries for ever on a full or broken disk; False when the appliance stops meanwhile."""
        while True:
            try:
                self._commit(entries)
            except (apsw.Error, OSError) as error:
                if self.problem is None:
                    log.error("journal cannot write: %s; images go on, verdicts wait", error)
                self.problem = f"the journal cannot write ({error})"
                if self._stopping.wait(_RETRY_S):
                    log.error("journal stops with %d decisions unwritten", len(entries))
                    return False
                continue
            if self.problem is not None:
                log.warning("journal writes again")
                self.problem = None
            return True

    def _commit(self, entries: Sequence[Entry]) -> None:
        sequence, now = self._newest, self._clock.now()
        stamp = datetime.fromtimestamp(now, UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")
        with self._db:
            for entry in entries:
                for message in entry.messages:
                    sequence += 1
                    payload = message.payload
                    payload.id, payload.sequence = f"{self.boot}-{sequence}", sequence
                    payload.session, payload.time = self.session, stamp
                    encoded = encode(payload)
                    self._db.execute(
                        "INSERT INTO message VALUES (?, ?, ?, ?, ?, ?)",
                        (
                            sequence,
                            payload.id,
                            message.topic,
                            encoded,
                            now,
                            _checksum(sequence, message.topic, encoded),
                        ),
                    )
        self._newest = sequence

    def _notify(self, call: Callable[[], None]) -> None:
        try:
            call()
        except Exception:
            # The sink-side seam: whoever is told of a commit must not be able to stop the next one.
            log.exception("telling of a committed decision failed")

    def _forget_old(self) -> None:
        now = self._clock.monotonic()
        if now < self._retention_at:
            return
        self._retention_at = now + _RETENTION_EVERY_S
        try:
            self._db.execute("DELETE FROM message WHERE time < ?", (self._clock.now() - self._retention_s,))
        except apsw.Error as error:
            log.warning("old journal rows could not be removed: %s", error)

    # --- reading -----------------------------------------------------------------------------------

    @property
    def newest(self) -> int:
        """Sequence of the newest recorded message."""
        return self._newest

    def read_after(self, sequence: int, limit: int) -> list[Row]:
        """The next rows in order; a row whose checksum is wrong is left out and logged."""
        with self._reading:
            found = list(
                self._reader.execute(
                    "SELECT sequence, id, topic, payload, time, checksum FROM message WHERE sequence > ? "
                    "ORDER BY sequence LIMIT ?",
                    (sequence, limit),
                )
            )
        rows = []
        for number, row_id, topic, payload, time, checksum in found:
            if not isinstance(payload, bytes) or _checksum(number, topic, payload) != checksum:
                log.error("journal row %d is damaged: it is kept but not told", number)
                continue
            rows.append(Row(number, row_id, topic, payload, time))
        return rows

    def sequence_before(self, time: float) -> int:
        """Sequence of the last row older than `time`, 0 when there is none."""
        return self._scalar("SELECT coalesce(max(sequence), 0) FROM message WHERE time < ?", (time,))

    def cursor(self, sink: str) -> int:
        """How far a sink got, as it last said."""
        return self._scalar(
            "SELECT coalesce(max(CAST(value AS INTEGER)), 0) FROM meta WHERE key = ?", (f"cursor {sink}",)
        )

    def save_cursor(self, sink: str, sequence: int) -> None:
        """A hint for the next start: losing it only repeats messages."""
        try:
            with self._reading:
                self._reader.execute("INSERT OR REPLACE INTO meta VALUES (?, ?)", (f"cursor {sink}", str(sequence)))
        except apsw.Error as error:
            log.info("the position of %s was not saved: %s", sink, error)

    def _scalar(self, statement: str, values: tuple[object, ...] = ()) -> int:
        with self._reading:
            return int(next(iter(self._reader.execute(statement, values)))[0])

    def _next_session(self) -> int:
        session = self._scalar("SELECT coalesce(max(CAST(value AS INTEGER)), 0) FROM meta WHERE key = 'session'") + 1
        self._db.execute("INSERT OR REPLACE INTO meta VALUES ('session', ?)", (str(session),))
        return session


def _checksum(sequence: int, topic: str, payload: bytes) -> bytes:
    return hashlib.blake2b(f"{sequence}|{topic}|".encode() + payload, digest_size=8).digest()


def _open(path: Path, clock: Clock) -> apsw.Connection:
    """Open and check; a damaged file is set aside and a new one begun."""
    try:
        return _checked(path)
    except (apsw.CorruptError, apsw.NotADBError) as error:
        aside = path.with_name(f"{path.stem}-damaged-{int(clock.now())}{path.suffix}")
        for suffix in ("", "-wal", "-shm"):
            part = Path(f"{path}{suffix}")
            if part.exists():
                part.rename(f"{aside}{suffix}")
        log.critical("journal %s is damaged (%s): set aside as %s, a new one begins", path.name, error, aside.name)
        return _checked(path)


def _checked(path: Path) -> apsw.Connection:
    db = apsw.Connection(str(path))
    try:
        db.set_busy_timeout(5000)
        # One statement a call: several in one are run only as far as their results are read.
        list(db.execute("PRAGMA journal_mode = WAL"))
        list(db.execute("PRAGMA synchronous = FULL"))
        if next(iter(db.execute("PRAGMA synchronous")))[0] != 2:
            raise apsw.Error("synchronous=FULL was not accepted")
        found = next(iter(db.execute("PRAGMA quick_check(1)")))[0]
        if found != "ok":
            raise apsw.CorruptError(str(found))
        for statement in _TABLES:
            db.execute(statement)
        version = next(iter(db.execute("PRAGMA user_version")))[0]
        if int(version) > _SCHEMA_VERSION:
            raise apsw.Error(f"written by a newer version (schema {version}); install that version again")
        db.execute(f"PRAGMA user_version = {_SCHEMA_VERSION}")
    except BaseException:
        db.close()
        raise
    return db
