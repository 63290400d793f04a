"""What the journal drops: only what is too old or too much, a little at a time, and never without saying so."""

from collections.abc import Iterator
from pathlib import Path

import apsw
import pytest

from firmware.journal import Entry, Journal
from firmware.journal_file import open_journal
from firmware.journal_reader import JournalReader
from firmware.journal_retention import Retention
from firmware.journal_rows import put_note, put_scan
from firmware.record import NoteRecord
from tests.firmware.records import APPLIANCE, Clock, decision, keep, scan_record

DAY = 86400.0
NOW = 1_800_000_000.0
KEEP = 10 * DAY
LIMIT = 1 << 20


@pytest.fixture
def db(tmp_path: Path) -> Iterator[apsw.Connection]:
    db = open_journal(tmp_path / "journal.db", Clock())
    list(db.execute("PRAGMA synchronous = OFF"))
    yield db
    db.close()


def put(db: apsw.Connection, count: int, time: float, size: int = 10) -> None:
    with db:
        for _ in range(count):
            db.execute(
                "INSERT INTO message (id, topic, payload, time, checksum) VALUES (hex(randomblob(8)), 't', ?, ?, x'')",
                (b"x" * size, time),
            )


def sequences(db: apsw.Connection) -> list[int]:
    return [number for (number,) in db.execute("SELECT sequence FROM message ORDER BY sequence")]


def drop_all(retention: Retention) -> int:
    """How many bites it took."""
    bites = 0
    while retention.bite():
        bites += 1
        assert bites < 1000
    return bites


def test_rows_that_are_too_old_go_and_no_others(db: apsw.Connection) -> None:
    clock = Clock(NOW)
    put(db, 200, NOW - KEEP - 1)
    put(db, 5, NOW - KEEP + 1)
    old, young = NOW - KEEP - 100, NOW - 100
    for name, began, ended in (
        ("old", old, old + 50),
        ("runs", old, None),
        ("long", old, young),
        ("young", young, NOW),
    ):
        put_scan(db, scan_record(name, began, ended=ended))
    put_note(db, NoteRecord(kind="opinion", scan="old", opinion="bad"), old)
    put_note(db, NoteRecord(kind="opinion", scan="long", opinion="bad"), young)
    retention = Retention(db, clock, KEEP, LIMIT, lambda: None)
    retention.bite()
    assert sequences(db) == list(range(65, 206))
    assert retention.note() is None
    assert drop_all(retention) == 3  # 64 rows at a time, and one that finds nothing more
    assert sequences(db) == [201, 202, 203, 204, 205]
    assert {name for (name,) in db.execute("SELECT scan FROM scan")} == {"runs", "long", "young"}
    assert list(db.execute("SELECT scan FROM note")) == [("long",)]
    note = retention.note()
    assert note is not None
    assert note.kind == "dropped"
    assert note.text == (
        "The record up to 2027-01-05 was cut: 200 messages for their age and 0 for the size of the file, "
        "1 scans, 1 notes."
    )


def test_above_its_size_the_oldest_go_whatever_their_time(db: apsw.Connection) -> None:
    put(db, 100, NOW, size=8000)
    put(db, 100, NOW - DAY, size=8000)  # the clock was set back
    retention = Retention(db, Clock(NOW), KEEP, LIMIT, lambda: None)
    drop_all(retention)
    left = sequences(db)
    assert left == list(range(left[0], 201))
    pages, free = (next(iter(db.execute(f"PRAGMA {name}")))[0] for name in ("page_count", "freelist_count"))
    assert 0.9 * LIMIT < (pages - free) * 4096 <= 0.95 * LIMIT
    assert not retention.bite()


def test_scans_and_notes_go_for_size_only_when_no_message_is_left(db: apsw.Connection) -> None:
    put(db, 10, NOW)
    for n in range(3000):
        put_scan(db, scan_record(f"s1-{n}", NOW, ended=NOW + n, protocol="x" * 200))
    put_scan(db, scan_record("runs", NOW))
    retention = Retention(db, Clock(NOW), KEEP, LIMIT, lambda: None)
    drop_all(retention)
    assert sequences(db) == []
    scans = [name for (name,) in db.execute("SELECT scan FROM scan ORDER BY revision")]
    assert scans[-2:] == ["s1-2999", "runs"]
    assert 100 < len(scans) < 2900


def test_what_runs_stays_however_much_it_is(db: apsw.Connection, caplog: pytest.LogCaptureFixture) -> None:
    for n in range(3000):
        put_scan(db, scan_record(f"s1-{n}", NOW, protocol="x" * 200))
    clock = Clock(NOW)
    retention = Retention(db, clock, KEEP, LIMIT, lambda: None)
    for _ in range(2):  # a minute later again, not with each commit
        assert drop_all(retention) == 1
        assert caplog.text.count("above its limit") == 1
        caplog.clear()
        assert not retention.bite()
        clock.go_on(60.0)
    assert retention.note() is None
    assert list(db.execute("SELECT count(*) FROM scan")) == [(3000,)]


def test_the_file_stays_at_its_limit_while_it_is_written(tmp_path: Path) -> None:
    path = tmp_path / "journal.db"
    journal = Journal(path, Clock(NOW), limit_bytes=LIMIT)
    for number in range(300):
        keep(journal, Entry((decision("s1-1", number, "x" * 8000),)))
    journal.close()
    assert 0.9 * LIMIT < path.stat().st_size < 1.05 * LIMIT
    reader = JournalReader(path, APPLIANCE)
    left = [row.sequence for row in reader.decisions("s1-1", limit=1000)]
    assert left == list(range(left[0], 301))
    note = reader.last_note("dropped")
    assert note is not None
    assert "for the size of the file" in note.text


def test_what_is_dropped_is_said_once_an_hour_and_over_a_restart(db: apsw.Connection) -> None:
    clock, told = Clock(NOW), []

    def drop(retention: Retention, count: int) -> None:
        put(db, count, clock.now() - KEEP - 1)
        retention._earlier["message"] = max(sequences(db))
        clock.go_on(1801.0)
        retention._age_at = clock.monotonic()
        drop_all(retention)
        if (note := retention.note()) is not None:
            put_note(db, note, clock.now())
            retention.said()
            told.append(note.text)

    retention = Retention(db, clock, KEEP, LIMIT, lambda: None)
    drop(retention, 3)
    drop(retention, 4)  # half an hour later: not yet
    assert len(told) == 1
    retention = Retention(db, clock, KEEP, LIMIT, lambda: None)
    assert retention.note() is None
    drop(retention, 5)
    assert ["cut: 3 messages" in told[0], "cut: 9 messages" in told[1]] == [True, True]
    clock.go_on(7200.0)
    assert retention.note() is None


def test_what_no_broker_has_taken_is_an_error(db: apsw.Connection, caplog: pytest.LogCaptureFixture) -> None:
    put(db, 100, NOW, size=15_000)
    retention = Retention(db, Clock(NOW), KEEP, LIMIT, lambda: 10)
    drop_all(retention)
    gone = 100 - len(sequences(db))
    assert retention.unsent == gone - 10 > 0
    assert f"the broker never took: {gone - 10} until now" in caplog.text
    note = retention.note()
    assert note is not None
    assert f"{gone - 10} of the messages were never taken by the broker" in note.text


def test_the_journal_knows_how_far_its_named_sinks_are(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    journal = Journal(tmp_path / "journal.db", Clock(NOW), limit_bytes=LIMIT)
    journal.subscribe(lambda: None)
    for number in range(150):
        keep(journal, Entry((decision("s1-1", number, "x" * 8000),)))
    assert journal.dropped_unsent == 0
    journal.subscribe(lambda: None, "mqtt")
    journal.save_cursor("mqtt", 1)
    for number in range(150):
        keep(journal, Entry((decision("s1-1", number, "x" * 8000),)))
    journal.close()
    assert journal.dropped_unsent > 0
    assert "the broker never took" in caplog.text


def test_a_clock_that_jumps_drops_nothing_of_this_run(db: apsw.Connection) -> None:
    clock = Clock(NOW)
    put(db, 3, NOW - DAY)
    put_scan(db, scan_record("earlier", NOW - DAY, ended=NOW - DAY))
    retention = Retention(db, clock, KEEP, LIMIT, lambda: None)
    put(db, 3, NOW)
    put(db, 3, 0.0)
    put_scan(db, scan_record("now", NOW, ended=NOW))
    put_note(db, NoteRecord(kind="new_exam"), NOW)
    clock.time += 365 * DAY
    drop_all(retention)
    assert sequences(db) == [4, 5, 6, 7, 8, 9]
    assert list(db.execute("SELECT scan FROM scan")) == [("now",)]
    assert list(db.execute("SELECT count(*) FROM note")) == [(1,)]
    clock.ran = KEEP + 1  # now they are that old
    drop_all(retention)
    assert sequences(db) == []
    assert list(db.execute("SELECT count(*) FROM scan")) == [(0,)]


def test_a_disk_that_refuses_is_tried_again_a_minute_later(
    db: apsw.Connection, caplog: pytest.LogCaptureFixture
) -> None:
    clock = Clock(NOW)
    put(db, 100, NOW, size=15_000)
    retention = Retention(db, clock, KEEP, LIMIT, lambda: None)
    db.execute("CREATE TRIGGER refuse BEFORE DELETE ON message BEGIN SELECT RAISE(FAIL, 'planted'); END")
    retention.bite()
    assert not retention.bite()
    assert caplog.text.count("could not be removed") == 1
    assert len(sequences(db)) == 100
    assert retention.note() is None
    db.execute("DROP TRIGGER refuse")
    clock.go_on(60.0)
    drop_all(retention)
    assert len(sequences(db)) < 100
