"""The journal's file over versions: what the first schema wrote is kept, copied and read on."""

from pathlib import Path

import apsw
import pytest

from engine.errors import Unavailable
from firmware import journal_file
from firmware.journal import Entry, Journal
from firmware.journal_reader import JournalReader
from firmware.journal_retention import Retention
from firmware.journal_rows import message_checksum
from tests.firmware.records import APPLIANCE, Clock, decision, keep, scan_record

DAY = 86400.0

SCHEMA_1 = (
    "CREATE TABLE IF NOT EXISTS meta (key TEXT PRIMARY KEY, value TEXT NOT NULL) WITHOUT ROWID",
    "CREATE TABLE IF NOT EXISTS message (sequence INTEGER PRIMARY KEY AUTOINCREMENT, id TEXT NOT NULL UNIQUE, "
    "topic TEXT NOT NULL, payload BLOB NOT NULL, time REAL NOT NULL, checksum BLOB NOT NULL)",
    "CREATE INDEX IF NOT EXISTS message_time ON message (time)",
)


def first_schema(path: Path) -> apsw.Connection:
    """As the version before wrote it; left open, so that its newest rows are in the log beside the file."""
    db = apsw.Connection(str(path))
    list(db.execute("PRAGMA journal_mode = WAL"))
    for statement in SCHEMA_1:
        db.execute(statement)
    db.execute("PRAGMA user_version = 1")
    db.execute("INSERT INTO meta VALUES ('session', '41')")
    db.execute("INSERT INTO meta VALUES ('cursor mqtt', '2')")
    for sequence in (1, 2, 3):
        topic, payload = "scanside/a/scan/s41-1/decision", b'{"number":%d}' % sequence
        columns = (
            sequence,
            f"b-{sequence}",
            topic,
            payload,
            1_800_000_000.0,
            message_checksum(sequence, topic, payload),
        )
        db.execute("INSERT INTO message VALUES (?, ?, ?, ?, ?, ?)", columns)
    return db


def test_the_first_schema_is_migrated_and_kept(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    path = tmp_path / "journal.db"
    old = first_schema(path)
    journal = Journal(path, Clock())
    old.close()
    assert journal.session == 42
    assert journal.cursor("mqtt") == 2
    assert [row.sequence for row in journal.read_after(0, 10)] == [1, 2, 3]
    keep(journal, Entry((decision("s42-1", 0),), scan=scan_record("s42-1")))
    journal.close()
    reader = JournalReader(path, APPLIANCE)
    assert [row.sequence for row in reader.decisions("s41-1")] == [1, 2, 3]
    assert reader.scan("s42-1") is not None
    assert reader.newest() == 4
    (note,) = reader.notes_of_kind("dropped", 10)
    assert note.text.startswith("1 scan of an earlier version of the program is in the record and not in this list")
    assert note.time == Clock().now()

    kept = apsw.Connection(str(tmp_path / "journal-schema-1.db"), flags=apsw.SQLITE_OPEN_READONLY)
    assert list(kept.execute("SELECT sequence FROM message")) == [(1,), (2,), (3,)]
    assert list(kept.execute("PRAGMA user_version")) == [(1,)]
    assert list(kept.execute("PRAGMA integrity_check")) == [("ok",)]
    kept.close()
    assert "kept as journal-schema-1.db" in caplog.text
    reader.close()
    assert not list(tmp_path.glob("*.part*"))


def test_a_new_file_and_a_migrated_one_are_built_alike(tmp_path: Path) -> None:
    first_schema(tmp_path / "old.db").close()
    built = []
    for name in ("old.db", "new.db"):
        Journal(tmp_path / name, Clock()).close()
        db = apsw.Connection(str(tmp_path / name))
        found = db.execute("SELECT sql FROM sqlite_schema WHERE sql IS NOT NULL")
        built.append({said.replace("IF NOT EXISTS ", "") for (said,) in found})
        db.close()
    assert built[0] == built[1]
    assert not (tmp_path / "new-schema-1.db").exists()
    assert not (tmp_path / "new-schema-0.db").exists()


def test_the_copy_goes_with_what_is_too_old_and_no_sooner(tmp_path: Path) -> None:
    path, copy, clock = tmp_path / "journal.db", tmp_path / "journal-schema-1.db", Clock()
    first_schema(path).close()
    for days, there in ((0.0, True), (29.0, True), (31.0, False)):
        journal = Journal(path, Clock(clock.now() + days * DAY), retention_s=30 * DAY)
        journal.close()
        assert copy.exists() is there, days


def test_a_copy_does_not_wait_for_the_next_start(tmp_path: Path) -> None:
    copy, clock = tmp_path / "journal-schema-1.db", Clock()
    first_schema(tmp_path / "journal.db").close()
    db = journal_file.open_journal(tmp_path / "journal.db", clock)
    retention = Retention(db, clock, 30 * DAY, 1 << 30, lambda: None)
    for ahead, ran, there in ((0.0, 0.0, True), (31 * DAY, 3601.0, True), (0.0, 31 * DAY, False)):
        clock.time, clock.ran = clock.time + ahead + ran, clock.ran + ran
        while retention.bite():
            pass
        assert copy.exists() is there, (ahead, ran)
    db.close()


def test_its_files_are_for_their_owner_alone(tmp_path: Path) -> None:
    first_schema(tmp_path / "journal.db").close()
    (tmp_path / "journal.db").chmod(0o600)
    journal = Journal(tmp_path / "journal.db", Clock())
    journal.close()
    Journal(tmp_path / "new" / "other.db", Clock()).close()
    files = [*tmp_path.glob("journal*"), *(tmp_path / "new").iterdir(), tmp_path / "new"]
    assert {file.name for file in files} == {
        "journal.db",
        "journal-reserve",
        "journal-schema-1.db",
        "other.db",
        "other-reserve",
        "new",
    }
    assert {file.stat().st_mode & 0o077 for file in files} == {0}


def test_a_migration_that_fails_leaves_the_first_schema(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / "journal.db"
    first_schema(path).close()
    steps = journal_file._STEPS
    monkeypatch.setattr(journal_file, "_STEPS", (steps[0], (*steps[1], "CREATE TABLE scan (x)")))
    with pytest.raises(apsw.SQLError):
        Journal(path, Clock())
    monkeypatch.undo()
    db = apsw.Connection(str(path))
    assert list(db.execute("PRAGMA user_version")) == [(1,)]
    assert list(db.execute("SELECT count(*) FROM sqlite_schema WHERE name IN ('scan', 'note')")) == [(0,)]
    db.close()
    Journal(path, Clock()).close()


def test_without_room_for_the_copy_nothing_is_changed(tmp_path: Path) -> None:
    path = tmp_path / "journal.db"
    first_schema(path).close()
    in_the_way = tmp_path / "journal-schema-1.db.part"
    in_the_way.mkdir()
    with pytest.raises(Unavailable, match=r"no copy could be kept.*free as much disk"):
        Journal(path, Clock())
    db = apsw.Connection(str(path))
    assert list(db.execute("PRAGMA user_version")) == [(1,)]
    db.close()
    in_the_way.rmdir()
    Journal(path, Clock()).close()


def test_a_newer_schema_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "journal.db"
    Journal(path, Clock()).close()
    db = apsw.Connection(str(path))
    db.execute("PRAGMA user_version = 3")
    db.close()
    with pytest.raises(Unavailable, match=r"newer version \(schema 3.*install that version again"):
        Journal(path, Clock())
    assert not list(tmp_path.glob("*damaged*"))
