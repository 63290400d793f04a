"""The record and the outbox at once: decisions, scans and what people said, on disk before anybody is told.

SQLite in WAL mode with `synchronous=FULL`; one writer thread commits in groups. Sequence numbers have no gaps, over
restarts too, so a consumer can say how far it has got. Each row has a checksum, because a flipped bit inside a payload
passes SQLite's own check. Readers follow by sequence; nothing is deleted because somebody acknowledged it, and what age
or size drops is said in a note.
"""

import logging
import queue
import secrets
import threading
from collections.abc import Callable, Sequence
from pathlib import Path

import apsw

from engine.seams import Clock
from firmware.journal_entry import Entry, Outgoing, encodable, put_entries
from firmware.journal_file import drop_old_copies, open_journal
from firmware.journal_lost import lost_scans
from firmware.journal_retention import Retention
from firmware.journal_rows import MESSAGE, Row, message_row

__all__ = ["Entry", "Journal", "Outgoing"]

log = logging.getLogger(__name__)

_GROUP = 256
_WAITING = 20_000
_RETRY_S = 0.5
_IDLE_S = 60.0
"""s after which a writer with nothing to write looks whether anything has grown old."""
_BETWEEN_BITES_S = 0.02
_CLOSE_S = 5.0


class Journal:
    """One file; `append` from any thread, reading from any thread."""

    def __init__(
        self,
        path: Path,
        clock: Clock,
        *,
        appliance: str = "scanside",
        retention_s: float = 30 * 86400.0,
        limit_bytes: int = 4 << 30,
        on_problem: Callable[[], None] = lambda: None,
    ) -> None:
        """`on_problem` is called when `problem` comes or goes, from the writer's thread; it must not block."""
        path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        self._clock, self._on_problem = clock, on_problem
        self._db = open_journal(path, clock)
        self._reader = apsw.Connection(str(path))
        self._reader.set_busy_timeout(2000)
        list(self._reader.execute("PRAGMA synchronous = NORMAL"))  # it writes cursors only: hints, not records
        self._reading = threading.Lock()
        self.problem: str | None = None
        """Why nothing can be recorded at present."""
        self.boot = secrets.token_hex(4)
        self.session = 1 + self._scalar(
            "SELECT coalesce(max(CAST(value AS INTEGER)), 0) FROM meta WHERE key = 'session'"
        )
        found = list(self._db.execute("SELECT value FROM meta WHERE key = 'exam key'"))
        self.exam_key = bytes.fromhex(found[0][0]) if found else secrets.token_bytes(16)
        """What examinations' pseudonyms are made with: random, of this journal alone, kept over restarts."""
        self._lost = lost_scans(self._db, appliance)
        self._newest = self._scalar("SELECT coalesce(max(seq), 0) FROM sqlite_sequence WHERE name = 'message'")
        self._begun = False
        self._begin_or_say()
        self._queue: queue.Queue[Entry | None] = queue.Queue(_WAITING)
        self._wakes: list[Callable[[], None]] = []
        self._sinks: list[str] = []
        self._stopping = threading.Event()
        self._retention = Retention(self._db, clock, retention_s, limit_bytes, self._taken_by_all)
        drop_old_copies(path, clock.now() - retention_s)
        self.not_recorded = 0
        """Entries given up because the queue was full."""
        self._writer = threading.Thread(target=self._write, name="journal-writer", daemon=True)
        self._writer.start()

    @property
    def lost(self) -> tuple[str, ...]:
        """Scans that an earlier run left open, closed since."""
        return tuple(record.scan for record, _ in self._lost)

    @property
    def dropped_unsent(self) -> int:
        """Messages dropped for age or size before every sink had taken them."""
        return self._retention.unsent

    # --- writing -----------------------------------------------------------------------------------

    def append(self, entry: Entry) -> None:
        """Queue an entry; never blocks. When the disk has been away for too long, the entry is counted and gone."""
        try:
            self._queue.put_nowait(entry)
        except queue.Full:
            self.not_recorded += 1
            if self.not_recorded == 1:
                log.error("journal queue is full: decisions are lost until the disk takes them again")

    def subscribe(self, wake: Callable[[], None], sink: str = "") -> None:
        """Call `wake` from the writer's thread after each commit.

        A `sink` that saves a cursor is named: dropping what it has not taken is an error.
        """
        self._wakes.append(wake)
        if sink:
            self._sinks.append(sink)

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
        more = going_on = True
        while going_on:
            group = self._next_group(_BETWEEN_BITES_S if more else _IDLE_S)
            written, more, going_on = False, False, None not in group
            try:
                going_on = self._write_group(group) and going_on
                written = True
                more = going_on and self._retention.bite()
            except Exception:
                # The record's supervisor seam: a fault of ours must not end the only thread that writes verdicts.
                log.critical("the journal's writer failed, it goes on", exc_info=True)
                self.not_recorded += 0 if written else sum(entry is not None for entry in group)
                self._set_problem("the journal's writer failed, see the log")

    def _write_group(self, group: Sequence[Entry | None]) -> bool:
        """False: the appliance stops before the disk has taken it."""
        given = [entry for entry in group if entry is not None]
        entries = [entry for entry in given if encodable(entry)]
        self.not_recorded += len(given) - len(entries)
        if (note := self._retention.note()) is not None:
            entries.append(Entry(note=note, on_note=lambda _: self._retention.said()))
        if entries or not self._begun:
            told = self._commit_until_done(entries)
            if told is None:
                return False
            for call in (*told, *self._wakes):
                self._notify(call)
        return True

    def _next_group(self, wait_s: float) -> list[Entry | None]:
        """Empty: nothing came for so long."""
        group: list[Entry | None] = []
        try:
            group.append(self._queue.get(timeout=wait_s))
            while len(group) < _GROUP and group[-1] is not None:
                group.append(self._queue.get_nowait())
        except queue.Empty:
            pass
        return group

    def _commit_until_done(self, entries: Sequence[Entry]) -> list[Callable[[], None]] | None:
        """Retries for ever on a full or broken disk; then whom to call. None when the appliance stops meanwhile."""
        while True:
            try:
                self._begin()
                told = self._commit(entries)
            except (apsw.Error, OSError) as error:
                self._cannot_write(error)
                if self._stopping.wait(_RETRY_S):
                    log.error("journal stops with about %d entries unwritten", len(entries) + self.waiting)
                    return None
                continue
            if self.problem is not None:
                log.warning("journal writes again")
                self._set_problem(None)
            return told

    def _cannot_write(self, error: Exception) -> None:
        if self.problem is None:
            log.error("journal cannot write: %s; images go on, verdicts wait", error)
        self._set_problem(f"the journal cannot write ({error})")

    def _set_problem(self, problem: str | None) -> None:
        changed, self.problem = problem != self.problem, problem
        if changed:
            self._notify(self._on_problem)

    def _begin_or_say(self) -> None:
        """A disk that takes nothing yet keeps no image from its way: the writer tries again."""
        try:
            self._begin()
        except (apsw.Error, OSError) as error:
            self._cannot_write(error)

    def _begin(self) -> None:
        """Once, before anything else: this run, and what the one before left open."""
        if self._begun:
            return
        with self._db:
            self._db.execute("INSERT OR REPLACE INTO meta VALUES ('session', ?)", (str(self.session),))
            self._db.execute("INSERT OR IGNORE INTO meta VALUES ('exam key', ?)", (self.exam_key.hex(),))
        self._commit([Entry(tuple(Outgoing(*said) for said in told), scan=record) for record, told in self._lost])
        self._begun = True

    def _commit(self, entries: Sequence[Entry]) -> list[Callable[[], None]]:
        self._newest, told = put_entries(self._db, entries, self._newest, self.boot, self.session, self._clock.now())
        return told

    def _notify(self, call: Callable[[], None]) -> None:
        try:
            call()
        except Exception:
            # The sink-side seam: whoever is told of a commit must not be able to stop the next one.
            log.exception("telling of a committed decision failed")

    # --- reading -----------------------------------------------------------------------------------

    @property
    def newest(self) -> int:
        """Sequence of the newest recorded message."""
        return self._newest

    @property
    def waiting(self) -> int:
        """Entries that are not on disk yet."""
        return self._queue.qsize()

    def read_after(self, sequence: int, limit: int) -> list[Row]:
        """The next rows in order; a row whose checksum is wrong is left out and logged."""
        statement = f"SELECT {MESSAGE} FROM message WHERE sequence > ? ORDER BY sequence LIMIT ?"
        with self._reading:
            found = list(self._reader.execute(statement, (sequence, limit)))
        rows = []
        for columns in found:
            if (row := message_row(columns)) is None:
                log.error("journal row %d is damaged: it is kept but not told", columns[0])
            else:
                rows.append(row)
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

    def _taken_by_all(self) -> int | None:
        """Sequence up to which every named sink has taken the messages; None: there is no such sink."""
        return min((self.cursor(sink) for sink in self._sinks), default=None)

    def _scalar(self, statement: str, values: tuple[object, ...] = ()) -> int:
        with self._reading:
            return int(next(iter(self._reader.execute(statement, values)))[0])
