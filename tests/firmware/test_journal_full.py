"""A disk that is full or fails: the journal starts, says so, and goes on as soon as it can."""

import threading
from collections.abc import Callable
from itertools import count
from pathlib import Path

import apsw
import pytest

from engine.errors import Unavailable
from firmware import journal as journal_module
from firmware import journal_entry, journal_file
from firmware.journal import Entry, Journal
from firmware.journal_reader import JournalReader
from firmware.record import NoteRecord
from tests.firmware.records import APPLIANCE, Clock, keep, scan_record

NOTE = Entry(note=NoteRecord(kind="new_exam"))


def full_while(monkeypatch: pytest.MonkeyPatch, is_full: Callable[[], bool]) -> None:
    """Opening the file fails as it does where SQLite finds no room for what it keeps beside it."""
    real = journal_file._checked

    def checked(path: Path, clock: Clock) -> apsw.Connection:
        if is_full():
            raise apsw.IOError("disk I/O error")
        return real(path, clock)

    monkeypatch.setattr(journal_file, "_checked", checked)


def test_on_a_full_disk_it_opens_with_its_reserve(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    Journal(tmp_path / "j.db", Clock()).close()
    reserve = tmp_path / "j-reserve"
    assert reserve.stat().st_size == 1 << 20
    assert reserve.stat().st_blocks * 512 >= 1 << 20, "no room is kept by a file with a hole"
    with monkeypatch.context() as patched:
        full_while(patched, reserve.exists)
        journal = Journal(tmp_path / "j.db", Clock())
        keep(journal, NOTE)
        journal.close()
    assert journal.session == 2
    assert "its reserve of the disk is given up" in caplog.text
    assert not reserve.exists()
    Journal(tmp_path / "j.db", Clock()).close()
    assert reserve.exists()


@pytest.mark.parametrize("before", [True, False])
def test_where_it_cannot_be_opened_at_all_it_is_one_sentence(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, before: bool
) -> None:
    if before:
        Journal(tmp_path / "j.db", Clock()).close()
    full_while(monkeypatch, lambda: True)
    with pytest.raises(Unavailable, match=r"cannot be opened \(disk I/O error\); free space on its disk"):
        Journal(tmp_path / "j.db", Clock())


def test_one_that_takes_nothing_at_the_start_starts_and_writes_later(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    path, real, full, told = tmp_path / "j.db", journal_entry.put_scan, threading.Event(), threading.Event()
    earlier = Journal(path, Clock())
    keep(earlier, Entry(scan=scan_record("s1-1")))
    earlier.close()
    full.set()

    def put_scan(*given: object) -> None:
        if full.is_set():
            raise apsw.FullError("database or disk is full")
        real(*given)  # type: ignore[arg-type]

    monkeypatch.setattr(journal_entry, "put_scan", put_scan)
    monkeypatch.setattr(journal_module, "_RETRY_S", 0.01)
    journal = Journal(path, Clock(), appliance=APPLIANCE)
    assert (journal.session, journal.exam_key, journal.lost) == (2, earlier.exam_key, ("s1-1",))
    assert "database or disk is full" in (journal.problem or "")
    journal.append(Entry(scan=scan_record("s2-1"), on_commit=told.set))
    assert not told.is_set()
    full.clear()
    assert told.wait(10)
    keep(journal, NOTE)
    assert journal.problem is None
    journal.close()
    reader = JournalReader(path, APPLIANCE)
    ended = {record.scan: record.ended_by for _, record in reader.scans_changed(0, 100)}
    assert ended == {"s1-1": "appliance_lost", "s2-1": ""}
    assert [row.sequence for row in reader.decisions("s1-1")] == [1]
    assert len([record for record in caplog.records if "never ended" in record.message]) == 1
    assert Journal(path, Clock()).session == 3


def test_what_was_left_open_is_closed_though_nothing_comes(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path, writes = tmp_path / "j.db", threading.Event()
    earlier = Journal(path, Clock())
    keep(earlier, Entry(scan=scan_record("s1-1")))
    earlier.close()
    real, left = journal_entry.put_scan, [1]

    def put_scan(*given: object) -> None:
        if left:
            left.pop()
            raise apsw.FullError("database or disk is full")
        real(*given)  # type: ignore[arg-type]

    monkeypatch.setattr(journal_entry, "put_scan", put_scan)
    changes = count()  # the first one: it takes nothing; the second one: it does
    journal = Journal(path, Clock(), on_problem=lambda: writes.set() if next(changes) else None)
    assert writes.wait(10)
    assert journal.problem is None
    record = JournalReader(path, APPLIANCE).scan("s1-1")
    journal.close()
    assert record is not None
    assert record.ended_by == "appliance_lost"


def test_whoever_wants_is_told_when_nothing_can_be_recorded_and_when_it_can(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    real, left, heard = journal_entry.put_note, [3], list[bool]()
    monkeypatch.setattr(journal_module, "_RETRY_S", 0.01)

    def put_note(*given: object) -> object:
        if left[0]:
            left[0] -= 1
            raise apsw.FullError("database or disk is full")
        return real(*given)  # type: ignore[arg-type]

    monkeypatch.setattr(journal_entry, "put_note", put_note)
    journal = Journal(tmp_path / "j.db", Clock(), on_problem=lambda: heard.append(journal.problem is not None))
    keep(journal, NOTE)
    journal.close()
    assert heard == [True, False]


def test_a_disk_that_fails_while_it_is_tidied_ends_no_writer(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    journal = Journal(tmp_path / "j.db", Clock())
    real, failed = journal._retention._pragma, threading.Event()

    def pragma(name: str) -> int:
        if not failed.is_set():
            failed.set()
            raise apsw.IOError("disk I/O error")
        return real(name)

    monkeypatch.setattr(journal._retention, "_pragma", pragma)
    keep(journal, NOTE)
    assert failed.wait(10)
    for _ in range(5):
        keep(journal, NOTE)
    assert journal.problem is None
    journal.close()
    assert "could not be removed" in caplog.text


def test_a_fault_of_ours_in_the_writer_costs_what_it_held_and_is_said(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    wrong, said = threading.Event(), threading.Event()
    journal = Journal(tmp_path / "j.db", Clock(), on_problem=lambda: wrong.set() if journal.problem else said.set())

    def explode(*_: object) -> None:
        raise RuntimeError("planted")

    with monkeypatch.context() as patched:
        patched.setattr(journal_entry, "put_note", explode)
        journal.append(NOTE)
        assert wrong.wait(10)
    keep(journal, NOTE)
    assert said.wait(10)
    assert journal.not_recorded == 1
    with monkeypatch.context() as patched:
        wrong.clear()
        patched.setattr(journal._retention, "bite", explode)
        keep(journal, NOTE)
        assert wrong.wait(10)
    keep(journal, NOTE)
    assert journal.not_recorded == 1, "what was on disk before is not lost"
    journal.close()
    assert caplog.text.count("the journal's writer failed") == 2
