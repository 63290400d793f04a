"""What the journal no longer holds: rows grow too old, or the file too large; what goes is counted and said.

In bites between the writer's commits, so that no verdict waits for long. Pages that become free stay in the file and
are used again: it stops growing at its limit, and giving pages back to the system would only move others about.
"""

import logging
from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import NamedTuple

import apsw
import msgspec

from engine.seams import Clock
from firmware.journal_file import drop_old_copies
from firmware.record import NoteRecord

log = logging.getLogger(__name__)

_BITE = 64
"""Rows at a time."""
_LARGE_BITE = 256
"""Above the limit: as many as the writer adds at once."""
_AGE_EVERY_S = 3600.0
_SAY_EVERY_S = 3600.0
_AGAIN_S = 60.0
_LOW_WATER = 0.95
"""Part of the limit that is left once it was passed: not every commit has to drop something."""


class _Table(NamedTuple):
    name: str
    number: str
    """Column that counts; rises with time, whatever the clock says."""
    time: str
    old: str

    @property
    def drop_old(self) -> str:
        """One bite of the rows before `:old` that stood here when the appliance started."""
        chosen = f"SELECT rowid FROM {self.name} WHERE {self.old} AND {self.number} <= :earlier LIMIT :bite"
        return f"DELETE FROM {self.name} WHERE rowid IN ({chosen}) RETURNING {self.number}, {self.time}"

    @property
    def first(self) -> str:
        """The oldest rows and their sizes; a scan that runs is none of them."""
        sized = f"SELECT {self.number}, length(payload) FROM {self.name}"
        return f"{sized} WHERE {self.time} IS NOT NULL ORDER BY {self.number} LIMIT :bite"

    @property
    def drop_first(self) -> str:
        """These, up to `:last`."""
        ended = f"{self.time} IS NOT NULL AND {self.number} <= :last"
        return f"DELETE FROM {self.name} WHERE {ended} RETURNING {self.number}, {self.time}"


_TABLES = (
    _Table("message", "sequence", "time", "time < :old"),
    _Table("scan", "revision", "ended", "began < :old AND ended < :old"),
    _Table("note", "sequence", "time", "time < :old"),
)
"""In the order in which they are emptied: a scan outlives its decisions, and goes with or after the last of them."""


class _Dropped(msgspec.Struct, kw_only=True):
    """What was dropped and not yet said; kept in the file, so that a restart forgets none of it."""

    for_age: int = 0
    for_size: int = 0
    scans: int = 0
    notes: int = 0
    unsent: int = 0
    up_to: float = 0.0
    """s since 1970-01-01 UTC."""

    def sentence(self) -> str:
        """For a person."""
        day = datetime.fromtimestamp(self.up_to, UTC).date().isoformat()
        unsent = f"; {self.unsent} of the messages were never taken by the broker" if self.unsent else ""
        return (
            f"The record up to {day} was cut: {self.for_age} messages for their age and {self.for_size} for the size "
            f"of the file, {self.scans} scans, {self.notes} notes{unsent}"
        )


class Retention:
    """Drops what is too old or too much; every method belongs to the journal's writer."""

    def __init__(
        self,
        db: apsw.Connection,
        clock: Clock,
        keep_s: float,
        limit_bytes: int,
        taken: Callable[[], int | None],
    ) -> None:
        self._db, self._clock, self._keep_s, self._limit, self._taken = db, clock, keep_s, limit_bytes, taken
        self._page = self._pragma("page_size")
        self._started = self._begin_at = self._age_at = clock.monotonic()
        self._earlier = {table.name: self._number(f"max({table.number})", table.name) for table in _TABLES}
        self._pass: Iterator[None] | None = None
        kept = list(db.execute("SELECT value FROM meta WHERE key = 'dropped'"))
        self._dropped = msgspec.json.decode(kept[0][0], type=_Dropped) if kept else _Dropped()
        since = clock.now() - self._number("max(time)", "note WHERE kind = 'dropped'")
        self._say_at = self._started + (_SAY_EVERY_S - since if 0 <= since < _SAY_EVERY_S else 0.0)
        self.unsent = 0
        """Messages dropped before every sink had taken them."""

    def bite(self) -> bool:
        """Drop a little of what has to go; True while there is more to do."""
        try:
            if self._pass is None:
                self._pass = self._begin()
            if self._pass is None:
                return False
            next(self._pass)
        except StopIteration:
            self._pass = None
        except apsw.Error as error:
            log.warning("old journal rows could not be removed: %s", error)
            self._pass, self._begin_at = None, self._clock.monotonic() + _AGAIN_S
        return True

    def note(self) -> NoteRecord | None:
        """What has been dropped since it was last said; once an hour at most, and not in the middle of a pass."""
        if self._pass is not None or not self._dropped.up_to or self._clock.monotonic() < self._say_at:
            return None
        self._say_at = self._clock.monotonic() + _SAY_EVERY_S
        log.info("%s", self._dropped.sentence())
        return NoteRecord(kind="dropped", text=f"{self._dropped.sentence()}.")

    def said(self) -> None:
        """The note is on disk."""
        self._db.execute("DELETE FROM meta WHERE key = 'dropped'")
        self._dropped = _Dropped()

    def _begin(self) -> Iterator[None] | None:
        now = self._clock.monotonic()
        if now < self._begin_at:
            return None
        if self._pragma("page_count") * self._page > self._limit and self._used() > self._limit:
            return self._drop_first()
        if now >= self._age_at:
            self._age_at = now + _AGE_EVERY_S
            return self._drop_old()
        return None

    def _drop_old(self) -> Iterator[None]:
        """A clock that jumped must not cost what was recorded since the start: its age is known better."""
        old, ran_as_long = self._clock.now() - self._keep_s, self._clock.monotonic() - self._started > self._keep_s
        for table in _TABLES:
            earlier = self._number(f"max({table.number})", table.name) if ran_as_long else self._earlier[table.name]
            values = {"old": old, "earlier": earlier, "bite": _BITE}
            while self._drop(table, table.drop_old, values, "for_age") == _BITE:
                yield
        if ran_as_long:
            drop_old_copies(Path(self._db.filename), old)

    def _drop_first(self) -> Iterator[None]:
        for table in _TABLES:
            while (used := self._used()) > _LOW_WATER * self._limit:
                bite = _LARGE_BITE if used > self._limit else _BITE
                last = self._last_of_first(table, bite, used - _LOW_WATER * self._limit)
                if last is None:
                    break
                self._drop(table, table.drop_first, {"last": last}, "for_size")
                yield
        if self._used() > self._limit:
            log.warning("the journal is above its limit, and nothing in it has ended and could be dropped")
            self._begin_at = self._clock.monotonic() + _AGAIN_S

    def _last_of_first(self, table: _Table, bite: int, excess: float) -> int | None:
        """Number of the row with which the oldest rows make up for `excess` bytes; None: there is no row."""
        last = None
        for number, size in list(self._db.execute(table.first, {"bite": bite})):
            if last is not None and excess <= 0:
                break
            last, excess = number, excess - size
        return last

    def _drop(self, table: _Table, statement: str, values: dict[str, float], why: str) -> int:
        """One bite, counted in the same transaction; how many rows it took."""
        with self._db:
            gone = list(self._db.execute(statement, values))
            if not gone:
                return 0
            dropped = msgspec.structs.replace(self._dropped, up_to=max(self._dropped.up_to, *(row[1] for row in gone)))
            unsent = self._count(dropped, table, [row[0] for row in gone], why)
            text = msgspec.json.encode(dropped).decode()
            self._db.execute("INSERT OR REPLACE INTO meta VALUES ('dropped', ?)", (text,))
        self._dropped = dropped
        if unsent:
            log.error("the journal drops messages that the broker never took: %d until now", self.unsent + unsent)
            self.unsent += unsent
        return len(gone)

    def _count(self, dropped: _Dropped, table: _Table, numbers: list[int], why: str) -> int:
        """Into `dropped`; how many messages a sink still had to take."""
        if table.name != "message":
            setattr(dropped, f"{table.name}s", getattr(dropped, f"{table.name}s") + len(numbers))
            return 0
        taken = self._taken()
        unsent = sum(number > taken for number in numbers) if taken is not None else 0
        setattr(dropped, why, getattr(dropped, why) + len(numbers))
        dropped.unsent += unsent
        return unsent

    def _used(self) -> int:
        return (self._pragma("page_count") - self._pragma("freelist_count")) * self._page

    def _pragma(self, name: str) -> int:
        return int(next(iter(self._db.execute(f"PRAGMA {name}")))[0])

    def _number(self, what: str, where: str) -> float:
        return float(next(iter(self._db.execute(f"SELECT coalesce({what}, 0) FROM {where}")))[0])
