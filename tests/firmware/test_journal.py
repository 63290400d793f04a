"""The journal: on disk before anybody is told, without gaps, and honest about damage."""

import threading
from pathlib import Path

import apsw
import msgspec
import numpy as np
import pytest

from firmware.journal import Entry, Journal, Outgoing
from firmware.sinks.payloads import Head


class Clock:
    def __init__(self, now: float = 1_800_000_000.0) -> None:
        self.time = now

    def monotonic(self) -> float:
        return self.time

    def now(self) -> float:
        return self.time


def entry(*topics: str, told: threading.Event | None = None) -> Entry:
    messages = tuple(Outgoing(topic, Head(schema="head/1", newest=0, boot="")) for topic in topics)
    return Entry(messages, told.set if told else lambda: None)


def record(journal: Journal, *topics: str) -> None:
    told = threading.Event()
    journal.append(entry(*topics, told=told))
    assert told.wait(10)


def test_messages_come_back_in_order_with_their_envelope(tmp_path: Path) -> None:
    journal = Journal(tmp_path / "j.db", Clock())
    record(journal, "a", "b")
    record(journal, "c")
    rows = journal.read_after(0, 10)
    assert [(row.sequence, row.topic) for row in rows] == [(1, "a"), (2, "b"), (3, "c")]
    payload = msgspec.json.decode(rows[1].payload, type=Head)
    assert (payload.sequence, payload.session, payload.id) == (2, 1, f"{journal.boot}-2")
    assert payload.time == "2027-01-15T08:00:00.000Z"
    assert not payload.historical
    assert journal.newest == 3
    journal.close()


def test_sequences_go_on_and_sessions_count_over_restarts(tmp_path: Path) -> None:
    for session in (1, 2, 3):
        journal = Journal(tmp_path / "j.db", Clock())
        assert journal.session == session
        record(journal, "a")
        assert journal.newest == session
        journal.close()


def test_sequences_are_never_used_again_after_retention(tmp_path: Path) -> None:
    clock = Clock()
    journal = Journal(tmp_path / "j.db", clock, retention_s=10)
    record(journal, "old")
    journal.close()
    clock.time += 100_000
    journal = Journal(tmp_path / "j.db", clock, retention_s=10)
    record(journal, "new")
    record(journal, "newer")
    assert [row.sequence for row in journal.read_after(0, 10)] == [2, 3]
    journal.close()


def test_synchronous_is_full(tmp_path: Path) -> None:
    journal = Journal(tmp_path / "j.db", Clock())
    assert next(iter(journal._db.execute("PRAGMA synchronous")))[0] == 2
    assert next(iter(journal._db.execute("PRAGMA journal_mode")))[0] == "wal"
    journal.close()


def test_nobody_is_told_before_it_is_on_disk(tmp_path: Path) -> None:
    journal = Journal(tmp_path / "j.db", Clock())
    seen: list[int] = []
    told = threading.Event()

    def look() -> None:
        other = apsw.Connection(str(tmp_path / "j.db"), flags=apsw.SQLITE_OPEN_READONLY)
        seen.append(next(iter(other.execute("SELECT count(*) FROM message")))[0])
        other.close()
        told.set()

    journal.append(Entry((Outgoing("a", Head(schema="head/1", newest=0, boot="")),), look))
    assert told.wait(10)
    assert seen == [1]
    journal.close()


def test_a_disk_that_does_not_take_it_holds_the_verdict_back_and_then_gives_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    journal = Journal(tmp_path / "j.db", Clock())
    record(journal, "before")
    real, failures = journal._commit, threading.Semaphore(0)
    broken = threading.Event()
    broken.set()

    def commit(entries):
        if broken.is_set():
            failures.release()
            raise apsw.FullError("database or disk is full")
        return real(entries)

    monkeypatch.setattr(journal, "_commit", commit)
    told = threading.Event()
    journal.append(entry("a", told=told))
    assert failures.acquire(timeout=10)
    assert failures.acquire(timeout=10)
    assert not told.is_set()
    assert "full" in journal.problem
    broken.clear()
    assert told.wait(10)
    assert journal.problem is None
    assert [row.topic for row in journal.read_after(0, 10)] == ["before", "a"]
    journal.close()


def test_a_flipped_bit_in_a_payload_is_found(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    path = tmp_path / "j.db"
    journal = Journal(path, Clock())
    record(journal, "a", "b", "c")
    journal.close()
    db = apsw.Connection(str(path))
    db.execute("UPDATE message SET payload = replace(payload, 'head', 'heaD') WHERE sequence = 2")
    db.close()
    journal = Journal(path, Clock())
    assert [row.sequence for row in journal.read_after(0, 10)] == [1, 3]
    assert "row 2 is damaged" in caplog.text
    journal.close()


@pytest.mark.parametrize("damage", ["garbage", "page"])
def test_a_damaged_file_is_set_aside(tmp_path: Path, damage: str, caplog: pytest.LogCaptureFixture) -> None:
    path = tmp_path / "j.db"
    journal = Journal(path, Clock())
    for n in range(50):
        record(journal, f"topic/{n}", *("x" * 50 for _ in range(20)))
    journal.close()
    data = bytearray(path.read_bytes())
    if damage == "garbage":
        data[:] = b"not a database " * (len(data) // 15)
    else:
        for page in range(2, len(data) // 4096):
            data[page * 4096 : page * 4096 + 200] = b"\xff" * 200
    path.write_bytes(data)
    journal = Journal(path, Clock())
    record(journal, "new")
    assert [row.topic for row in journal.read_after(0, 10)] == ["new"]
    assert list(tmp_path.glob("j-damaged-*.db"))
    assert "set aside" in caplog.text
    journal.close()


def test_a_failing_listener_stops_nothing(tmp_path: Path) -> None:
    journal = Journal(tmp_path / "j.db", Clock())

    def explode() -> None:
        raise RuntimeError("planted")

    journal.subscribe(explode)
    record(journal, "a")
    record(journal, "b")
    assert journal.newest == 2
    journal.close()


def test_numbers_of_numpy_are_recorded_as_any_other(tmp_path: Path) -> None:
    journal = Journal(tmp_path / "j.db", Clock())
    told = threading.Event()
    journal.append(Entry((Outgoing("a", Head(schema="head/1", newest=np.int64(7), boot="")),), told.set))
    assert told.wait(10)
    record(journal, "b")
    first, _ = journal.read_after(0, 10)
    assert msgspec.json.decode(first.payload, type=Head).newest == 7
    journal.close()


def test_a_decision_that_cannot_be_encoded_is_lost_alone(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    journal = Journal(tmp_path / "j.db", Clock())
    told = threading.Event()
    good, bad = Outgoing("a", Head(schema="head/1", newest=1, boot="")), Head(schema="head/1", newest=2, boot="\ud800")
    journal.append(Entry((good, Outgoing("a", bad)), told.set))
    record(journal, "b")
    assert [row.topic for row in journal.read_after(0, 10)] == ["b"]
    assert not told.is_set()
    assert journal.not_recorded == 1
    assert "cannot be encoded" in caplog.text
    journal.close()
