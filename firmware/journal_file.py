"""The journal's file: opened, checked, brought to the present schema, set aside when damaged.

Everything beside it is for its owner alone, like the file itself: who has it could try the patients that he knows.
"""

import contextlib
import logging
import os
from pathlib import Path

import apsw

from engine.errors import Unavailable
from engine.seams import Clock
from firmware.journal_rows import put_note
from firmware.record import NoteRecord

log = logging.getLogger(__name__)

_BUSY_MS = 5000
_RESERVE = 1 << 20
"""Bytes kept beside the file and given up when the disk is full at a start: reading, too, needs room for a log."""
_NO_ROOM = (apsw.FullError, apsw.IOError, apsw.CantOpenError, OSError)

_STEPS: tuple[tuple[str, ...], ...] = (
    (
        "CREATE TABLE IF NOT EXISTS meta (key TEXT PRIMARY KEY, value TEXT NOT NULL) WITHOUT ROWID",
        "CREATE TABLE IF NOT EXISTS message (sequence INTEGER PRIMARY KEY AUTOINCREMENT, id TEXT NOT NULL UNIQUE, "
        "topic TEXT NOT NULL, payload BLOB NOT NULL, time REAL NOT NULL, checksum BLOB NOT NULL)",
        "CREATE INDEX IF NOT EXISTS message_time ON message (time)",
    ),
    (
        "CREATE TABLE scan (scan TEXT PRIMARY KEY, revision INTEGER NOT NULL, exam TEXT NOT NULL, "
        "protocol TEXT NOT NULL, stratum TEXT NOT NULL, role TEXT NOT NULL, verdict TEXT NOT NULL, "
        "began REAL NOT NULL, ended REAL, payload BLOB NOT NULL, checksum BLOB NOT NULL)",
        "CREATE UNIQUE INDEX scan_revision ON scan (revision)",
        "CREATE INDEX scan_began ON scan (began, scan)",
        "CREATE INDEX scan_stratum ON scan (stratum, began)",
        "CREATE TABLE note (sequence INTEGER PRIMARY KEY AUTOINCREMENT, kind TEXT NOT NULL, scan TEXT NOT NULL, "
        "payload BLOB NOT NULL, time REAL NOT NULL, checksum BLOB NOT NULL)",
        "CREATE INDEX note_scan ON note (scan)",
        "CREATE INDEX note_kind ON note (kind)",
        "CREATE INDEX message_topic ON message (topic, sequence)",
    ),
)
"""What each schema adds to the one before it; forward only. `scan.protocol` is case-folded, for the search."""

SCHEMA = len(_STEPS)


def open_journal(path: Path, clock: Clock) -> apsw.Connection:
    """The writer's connection; a damaged file is set aside and a new one begun.

    Raises Unavailable for a file of a newer version, when there is no room to keep a copy before a migration, and when
    it cannot be opened with all the room there is.
    """
    reserve = path.with_name(f"{path.stem}-reserve")
    try:
        db = _whole(path, clock)
    except _NO_ROOM as error:
        if not reserve.exists():
            raise _unopened(path, error) from error
        log.error("journal %s cannot be opened (%s): its reserve of the disk is given up", path.name, error)
        reserve.unlink()
        try:
            return _whole(path, clock)
        except _NO_ROOM as again:
            raise _unopened(path, again) from again
    _keep_reserve(reserve)
    return db


def drop_old_copies(path: Path, before: float) -> None:
    """Remove what migrations kept earlier than `before` (s since 1970-01-01 UTC): it holds what retention drops."""
    for copy in path.parent.glob(f"{path.stem}-schema-*{path.suffix}"):
        try:
            if copy.stat().st_mtime < before:
                copy.unlink()
                log.info("journal: %s is as old as what retention drops, it is removed", copy.name)
        except OSError as error:
            log.warning("journal: the old %s could not be removed: %s", copy.name, error)


def _whole(path: Path, clock: Clock) -> apsw.Connection:
    try:
        return _checked(path, clock)
    except (apsw.CorruptError, apsw.NotADBError) as error:
        aside = path.with_name(f"{path.stem}-damaged-{int(clock.now())}{path.suffix}")
        for suffix in ("", "-wal", "-shm"):
            part = Path(f"{path}{suffix}")
            if part.exists():
                part.rename(f"{aside}{suffix}")
        log.critical("journal %s is damaged (%s): set aside as %s, a new one begins", path.name, error, aside.name)
        return _checked(path, clock)


def _unopened(path: Path, error: Exception) -> Unavailable:
    return Unavailable(
        f"it cannot be opened ({error})", f"the journal {path}", "free space on its disk, or mend it, and start again"
    )


def _keep_reserve(reserve: Path) -> None:
    try:
        descriptor = _made(reserve)
        try:
            os.posix_fallocate(descriptor, 0, _RESERVE)
        finally:
            os.close(descriptor)
    except OSError as error:
        log.warning("journal: there is no room for its reserve (%s)", error.strerror)
        with contextlib.suppress(OSError):
            reserve.unlink()


def _made(path: Path) -> int:
    """A file that, when new, only its owner reads; what SQLite writes beside one has the same rights."""
    return os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)


def _checked(path: Path, clock: Clock) -> apsw.Connection:
    os.close(_made(path))
    db = apsw.Connection(str(path))
    try:
        db.set_busy_timeout(_BUSY_MS)
        # One statement a call: several in one are run only as far as their results are read.
        list(db.execute("PRAGMA journal_mode = WAL"))
        list(db.execute("PRAGMA synchronous = FULL"))
        if _pragma(db, "synchronous") != 2:
            raise apsw.Error("synchronous=FULL was not accepted")
        found = next(iter(db.execute("PRAGMA quick_check(1)")))[0]
        if found != "ok":
            raise apsw.CorruptError(str(found))
        _migrate(db, path, clock)
    except BaseException:
        db.close()
        raise
    return db


def _migrate(db: apsw.Connection, path: Path, clock: Clock) -> None:
    """Every step that the file lacks, each whole or not at all."""
    found = _pragma(db, "user_version")
    if found > SCHEMA:
        raise Unavailable(
            f"written by a newer version (schema {found}, this one knows {SCHEMA})",
            f"the journal {path.name}",
            "install that version again",
        )
    if 0 < found < SCHEMA:
        _keep_copy(db, path.with_name(f"{path.stem}-schema-{found}{path.suffix}"), clock)
    for version, statements in enumerate(_STEPS[found:], found + 1):
        with db:
            for statement in statements:
                db.execute(statement)
            if found == 1 and version == 2:
                _say_what_is_not_listed(db, clock)
            db.execute(f"PRAGMA user_version = {version}")


def _say_what_is_not_listed(db: apsw.Connection, clock: Clock) -> None:
    """The first schema knew no scans: their decisions are there, and nothing from which to list them."""
    scans = next(iter(db.execute("SELECT count(DISTINCT topic) FROM message WHERE topic GLOB '*/scan/*/decision'")))[0]
    if scans:
        were = (
            "1 scan of an earlier version of the program is"
            if scans == 1
            else (f"{scans} scans of an earlier version of the program are")
        )
        text = f"{were} in the record and not in this list: only the decisions were recorded then."
        put_note(db, NoteRecord(kind="dropped", text=text), clock.now())


def _keep_copy(db: apsw.Connection, copy: Path, clock: Clock) -> None:
    """All of the file with what is still in its log; under its name only once it is whole."""
    part = copy.with_name(f"{copy.name}.part")
    try:
        part.unlink(missing_ok=True)
        os.close(_made(part))
        other = apsw.Connection(str(part))
        try:
            with other.backup("main", db, "main") as backup:
                backup.step()
        finally:
            other.close()
        os.utime(part, (clock.now(), clock.now()))  # its age is told by this clock, like that of the rows
        part.replace(copy)
    except (apsw.FullError, apsw.IOError, apsw.CantOpenError, OSError) as error:
        with contextlib.suppress(OSError):
            part.unlink(missing_ok=True)
        raise Unavailable(
            f"no copy could be kept before the change to schema {SCHEMA} ({error})",
            f"the journal {copy.name}",
            "free as much disk as the journal takes and start again",
        ) from error
    log.warning("journal goes to schema %d; as it was it is kept as %s", SCHEMA, copy.name)


def _pragma(db: apsw.Connection, name: str) -> int:
    return int(next(iter(db.execute(f"PRAGMA {name}")))[0])
