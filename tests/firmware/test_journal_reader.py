"""Reading the journal beside its writer: what comes, in which order, and what is said when nothing can come."""

import threading
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path

import apsw
import msgspec
import pytest

from engine.errors import InputRefused
from firmware import journal_access
from firmware.journal import Entry, Journal
from firmware.journal_access import RecordBusy, RecordUnreadable
from firmware.journal_reader import JournalReader
from firmware.record import NoteRecord
from firmware.sinks import topics
from tests.firmware.records import APPLIANCE, Clock, decision, flag, keep, scan_record

NOW = 1_800_000_000.0


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "journal.db"


@pytest.fixture
def journal(path: Path) -> Iterator[Journal]:
    journal = Journal(path, Clock())
    yield journal
    journal.close()


@pytest.fixture
def reader(journal: Journal, path: Path) -> Iterator[JournalReader]:
    reader = JournalReader(path, APPLIANCE)
    yield reader
    reader.close()


def test_decisions_of_one_scan_in_either_order(path: Path, journal: Journal, reader: JournalReader) -> None:
    for number in range(6):
        keep(journal, Entry((decision("s1-1", number), decision("s1-11", number), flag("s1-1", "f1"))))
    mine = [1, 4, 7, 10, 13, 16]
    assert [row.sequence for row in reader.decisions("s1-1")] == mine
    assert [row.sequence for row in reader.decisions("s1-1", 4, 2)] == [7, 10]
    assert [row.sequence for row in reader.decisions("s1-1", limit=2, newest_first=True)] == [16, 13]
    assert [row.sequence for row in reader.decisions("s1-1", before=13, limit=2, newest_first=True)] == [10, 7]
    assert JournalReader(path, "another").decisions("s1-1") == []
    assert reader.newest() == 18
    assert reader.row(7) == reader.decisions("s1-1", 4, 1)[0]
    assert reader.row(19) is None
    assert [row.sequence for row in reader.read_after(16, 10)] == [17, 18]


@pytest.mark.parametrize("numbers", [range(30), [*range(25, 30), *range(25)], [29, *range(29)], [1000, 3, 2000]])
def test_the_decision_about_one_frame(journal: Journal, reader: JournalReader, numbers: list[int]) -> None:
    keep(journal, Entry(tuple(decision("s1-1", number, f"image {number}") for number in numbers)))
    keep(journal, Entry((decision("s1-1", None),)))
    for number in numbers:
        row = reader.decision("s1-1", number)
        assert row is not None
        assert f'"image {number}"'.encode() in row.payload
    assert reader.decision("s1-1", 30) is None
    assert reader.decision("s1-2", 0) is None


@pytest.mark.parametrize("numbers", [range(40), [*range(7), 8, 9, 7, *range(10, 40)]])
@pytest.mark.parametrize("gone", [[], [8], [7, 8, 9], range(4, 16)])
def test_frames_page_backwards_whatever_is_gone(
    path: Path, journal: Journal, reader: JournalReader, numbers: list[int], gone: list[int]
) -> None:
    keep(journal, Entry(tuple(one for number in numbers for one in (decision("s1-1", number), flag("s1-1", "f1")))))
    keep(journal, Entry((decision("s1-1", None),)))
    with apsw.Connection(str(path)) as db:
        for number in gone:
            place = 2 * numbers.index(number) + 1
            db.execute("UPDATE message SET checksum = x'00' WHERE sequence = ?", (place,))
    left = [number for number in range(40) if number not in gone]

    def below(number: int | None, limit: int) -> list[int]:
        return [msgspec.json.decode(row.payload)["number"] for row in reader.frames("s1-1", number, limit)]

    assert below(None, 4) == left[-4:]
    for number in range(41):
        assert below(number, 3) == [one for one in left if one < number][-3:]
    assert reader.frames("s1-2", None, 3) == []


@pytest.mark.parametrize(
    ("verdicts", "worst"),
    [
        (["ok", "rescan", "rescan", "cannot_judge"], 2),
        (["ok"], 0),
        (["warn", "cannot_judge", "ok"], 1),
        (["ok", "warn", "splendid"], 1),
    ],
)
def test_the_worst_frame_of_a_scan(journal: Journal, reader: JournalReader, verdicts: list[str], worst: int) -> None:
    for number, verdict in [*enumerate(verdicts), (None, "rescan")]:
        (made,) = (decision("s1-1", number),)
        keep(journal, Entry((replace(made, payload=msgspec.structs.replace(made.payload, verdict=verdict)),)))
    row = reader.worst("s1-1")
    assert row is not None
    assert msgspec.json.decode(row.payload)["number"] == worst
    assert reader.worst("s1-2") is None


def test_the_newest_flags_of_one_scan_oldest_first(journal: Journal, reader: JournalReader) -> None:
    keep(journal, Entry(tuple(flag(scan, f"f{n % 7}") for n in range(510) for scan in ("s1-1", "s1-11"))))
    keep(journal, Entry((decision("s1-1", 1), flag("s1-0", "f1"), flag("s1-10", "f1"))))
    found = reader.flags("s1-1")
    assert [row.sequence for row in found] == list(range(21, 1020, 2))
    assert {row.topic for row in found} == {topics.flag(APPLIANCE, "s1-1", f"f{n}") for n in range(7)}


def test_whether_a_finding_was_told(journal: Journal, reader: JournalReader) -> None:
    keep(journal, Entry((flag("s1-1", "s1-1-motion-0"),)))
    assert reader.has_flag("s1-1", "s1-1-motion-0")
    assert not reader.has_flag("s1-1", "s1-1-motion")
    assert not reader.has_flag("s1-11", "s1-1-motion-0")


def test_scans_seen(journal: Journal, reader: JournalReader) -> None:
    for n in range(6):
        ended, role = (None if n == 5 else NOW + 10 * n + 5), "localizer" if n == 0 else "imaging"
        record = scan_record(f"s1-{n}", NOW + 10 * n, stratum="a" if n != 4 else "b", role=role, ended=ended)
        keep(journal, Entry(scan=record))
    assert reader.seen("a", NOW + 100) == 3
    assert reader.seen("a", NOW + 30) == 2
    assert reader.seen("c", NOW + 100) == 0


def test_a_reader_cannot_write(journal: Journal, reader: JournalReader) -> None:
    keep(journal, Entry((decision("s1-1", 0),)))
    assert reader.newest() == 1
    assert reader._access._db is not None
    with pytest.raises(apsw.ReadOnlyError):
        reader._access._db.execute("DELETE FROM message")


CHANGED = "UPDATE {} SET payload = CAST(replace(CAST(payload AS TEXT), '{}', '{}') AS BLOB) WHERE {} = {}"
DAMAGE = {
    "a decision": ("message", CHANGED.format("message", "two", "TWO", "sequence", 2), 1),
    "moved decisions": ("message", "UPDATE message SET payload = (SELECT payload FROM message WHERE sequence = 1)", 2),
    "a scan": ("scan", CHANGED.format("scan", "t2", "T2", "revision", 2), 1),
    "a note": ("note", CHANGED.format("note", "fine", "good", "sequence", 1), 1),
    "a note of text": ("note", "UPDATE note SET payload = CAST(payload AS TEXT)", 1),
}
"""Table, statement, rows that it spoils."""


@pytest.mark.parametrize("damage", DAMAGE)
def test_damaged_rows_are_left_out_logged_once_and_counted(
    path: Path, journal: Journal, reader: JournalReader, damage: str, caplog: pytest.LogCaptureFixture
) -> None:
    keep(journal, Entry(tuple(decision("s1-1", n, text) for n, text in enumerate(("one", "two", "three")))))
    keep(journal, Entry(scan=scan_record("s1-1", protocol="t1")))
    keep(journal, Entry(scan=scan_record("s1-2", protocol="t2")))
    keep(journal, Entry(note=NoteRecord(kind="opinion", scan="s1-1", opinion="fine")))
    whole = _everything(reader)
    assert reader.damaged == 0
    db = apsw.Connection(str(path))
    table, statement, lost = DAMAGE[damage]
    db.execute(statement)
    db.close()
    left = _everything(reader)
    assert left == _everything(reader)
    assert len(left[table]) == len(whole[table]) - lost
    assert all(left[other] == whole[other] for other in whole if other != table)
    assert reader.damaged == lost
    assert caplog.text.count("is damaged and left out") == lost


def _everything(reader: JournalReader) -> dict[str, list[object]]:
    return {
        "message": [*reader.decisions("s1-1")],
        "scan": [*reader.search()[0]],
        "note": [*reader.notes_after(0, 10)],
    }


def test_a_stretch_of_damage_is_not_the_end(path: Path, journal: Journal, reader: JournalReader) -> None:
    for number in range(9):
        note = NoteRecord(kind="opinion", scan="s1-1", opinion="bad")
        keep(journal, Entry((decision("s1-1", number),), scan=scan_record(f"s1-{number}"), note=note))
    db = apsw.Connection(str(path))
    for table, number in (("message", "sequence"), ("scan", "revision"), ("note", "sequence")):
        db.execute(f"UPDATE {table} SET payload = CAST('{{' AS BLOB) WHERE {number} BETWEEN 2 AND 8")
    db.close()
    assert [row.sequence for row in reader.read_after(1, 3)] == [9]
    assert [row.sequence for row in reader.decisions("s1-1", 1, 3)] == [9]
    assert [revision for revision, _ in reader.scans_changed(1, 3)] == [9]
    assert [note.sequence for note in reader.notes_after(1, 3)] == [9]
    assert reader.read_after(9, 3) == []
    assert reader.decision("s1-1", 4) is None
    assert reader.decision("s1-1", 8) is not None


def test_a_held_record_is_busy_and_then_read(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    journal = Journal(path, Clock())
    keep(journal, Entry((decision("s1-1", 0),)))
    journal.close()
    monkeypatch.setattr(journal_access, "_BUSY_MS", 20)
    holder = apsw.Connection(str(path))
    list(holder.execute("PRAGMA locking_mode = EXCLUSIVE"))
    holder.execute("BEGIN EXCLUSIVE")
    holder.execute("INSERT INTO meta VALUES ('compaction', '1')")
    reader = JournalReader(path, APPLIANCE)
    for ask in (reader.newest, reader.search, lambda: reader.notes_after(0, 1)):
        with pytest.raises(RecordBusy, match="being compacted; try again in a moment") as caught:
            ask()
        assert caught.value.reason == "busy"
    holder.execute("COMMIT")
    holder.close()
    assert reader.newest() == 1


def test_a_missing_record_is_said_and_read_once_it_is_there(path: Path) -> None:
    reader = JournalReader(path, APPLIANCE)
    with pytest.raises(RecordUnreadable, match="there is none yet; start the appliance") as caught:
        reader.newest()
    assert caught.value.reason == "missing"
    Journal(path, Clock()).close()
    assert reader.newest() == 0


@pytest.mark.parametrize(
    "spoil",
    [
        lambda path: path.write_bytes(b"not a database " * 1000),
        lambda path: path.write_bytes(path.read_bytes()[:4096] + b"\xff" * 20_000),
        lambda path: apsw.Connection(str(path)).execute("DROP TABLE scan"),
    ],
    ids=["garbage", "pages", "tables"],
)
def test_a_record_that_cannot_be_read_has_its_sentence(path: Path, spoil: Callable[[Path], object]) -> None:
    Journal(path, Clock()).close()
    spoil(path)
    reader = JournalReader(path, APPLIANCE)
    with pytest.raises(RecordUnreadable, match="the record: it cannot be read") as caught:
        reader.search()
    assert caught.value.reason == "damaged"
    assert "start the appliance again" in str(caught.value)


def test_threads_read_while_it_is_written(journal: Journal, reader: JournalReader) -> None:
    faults: list[Exception] = []
    done = threading.Event()

    def follow() -> None:
        try:
            seen = revision = 0
            while not done.is_set() or seen < reader.newest():
                for row in reader.read_after(seen, 7):
                    assert row.sequence == seen + 1
                    seen = row.sequence
                for changed, record in reader.scans_changed(revision, 3):
                    assert changed > revision
                    assert record.scan.startswith("s1-")
                    revision = changed
            assert (seen, revision) == (300, reader.revision())
        except Exception as fault:  # noqa: BLE001 what a thread raises is told by the one that started it
            faults.append(fault)

    threads = [threading.Thread(target=follow) for _ in range(3)]
    for thread in threads:
        thread.start()
    for number in range(300):
        journal.append(Entry((decision("s1-1", number),), scan=scan_record(f"s1-{number % 5}")))
    keep(journal, Entry())
    done.set()
    for thread in threads:
        thread.join(30)
    assert not faults


@pytest.mark.parametrize("cursor", ["x", "nan~s1-1", "inf~s1-1", "1.0", "1.0~", "~s", "\0"])
def test_a_cursor_that_is_none_is_refused(reader: JournalReader, cursor: str) -> None:
    with pytest.raises(InputRefused, match="is no cursor; begin at its first page"):
        reader.search(cursor=cursor)
