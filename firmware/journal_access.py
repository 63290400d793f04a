"""A connection to the journal that only reads: what is whole is told, and why nothing can be read.

A damaged row is left out, logged once and counted.
"""

import logging
import os
import threading
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Any, TypeVar

import apsw

from engine.errors import ScansideError

log = logging.getLogger(__name__)

_BUSY_MS = 2000
_MOST_DAMAGED = 1000

_T = TypeVar("_T")


class RecordUnreadable(ScansideError):
    """The journal cannot be read now."""

    def __init__(self, what: str, mend: str, reason: str) -> None:
        super().__init__(what, "the record", mend)
        self.reason = reason
        """busy, missing or damaged."""


class RecordBusy(RecordUnreadable):
    """Somebody holds all of it: reading it soon again will do."""

    def __init__(self) -> None:
        super().__init__("it is being compacted", "try again in a moment", "busy")


class ReadOnly:
    """One file, opened when it is first read; from any thread, one at a time."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._lock = threading.Lock()
        self._db: apsw.Connection | None = None
        self._file: tuple[int, int] | None = None
        """The file that was opened last."""
        self.replaced = False
        """Whether another file took the place of one that was read: what was counted or numbered before is void."""
        self._damaged: set[tuple[str, int]] = set()

    @property
    def damaged(self) -> int:
        """Rows left out until now because their checksum is wrong; counted up to a thousand."""
        return len(self._damaged)

    def close(self) -> None:
        """The next `read` opens it again."""
        with self._lock:
            self._forget()

    def read(self, statement: str, values: tuple[object, ...]) -> list[tuple[Any, ...]]:
        """All rows at once: an open statement would keep the writer from clearing its log."""
        with self._lock:
            try:
                self._notice_another()
                if self._db is None:
                    self._db = _open(self._path)
                return list(self._db.execute(statement, values))
            except (apsw.BusyError, apsw.LockedError) as error:
                raise RecordBusy from error
            except apsw.CantOpenError as error:
                self._forget()
                raise RecordUnreadable("there is none yet", "start the appliance", "missing") from error
            except apsw.Error as error:
                self._forget()
                raise RecordUnreadable(
                    f"it cannot be read ({error})",
                    "start the appliance again: it sets a damaged record aside and begins a new one",
                    "damaged",
                ) from error

    def _notice_another(self) -> None:
        """An open file keeps its number, so that none can be mistaken for it; one that was removed is read on."""
        found = _file(self._path)
        if found is None or found == self._file:
            return
        if self._file is not None:
            self.replaced = True
            self._forget()
        self._file = found

    def _forget(self) -> None:
        if self._db is not None:
            self._db.close()
            self._db = None

    def whole(
        self, table: str, found: Iterable[tuple[Any, ...]], value_of: Callable[[tuple[Any, ...]], _T | None]
    ) -> list[_T]:
        """What `value_of` makes of the rows that were read; it gives None for a damaged one."""
        values = []
        for columns in found:
            if (value := value_of(columns)) is not None:
                values.append(value)
            elif (row := (table, columns[0])) not in self._damaged and len(self._damaged) < _MOST_DAMAGED:
                self._damaged.add(row)
                log.error("journal: %s row %d is damaged and left out", *row)
        return values


def _file(path: Path) -> tuple[int, int] | None:
    try:
        found = os.stat(path)
    except OSError:
        return None
    return found.st_dev, found.st_ino


def _open(path: Path) -> apsw.Connection:
    db = apsw.Connection(str(path), flags=apsw.SQLITE_OPEN_READONLY)
    db.set_busy_timeout(_BUSY_MS)
    return db
