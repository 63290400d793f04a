"""Answers about what stands now: board, readiness, learning, examination."""

import contextlib

import apsw
import msgspec
import pytest

from firmware.console.board import Board
from firmware.console.follow import Follower, RecordReplaced
from firmware.console.messages import Alive, Retained
from firmware.journal import Journal, Outgoing
from firmware.record import NoteRecord
from firmware.sinks.payloads import DiskPayload, HealthPayload
from tests.firmware.console.desk import TOKEN
from tests.firmware.console.record_cases import BEGAN, decision, decision_topic, scan_record


def test_now_is_what_was_recorded(desk):
    desk.record(scan=scan_record())
    desk.decide(decision(0), decision(1, "rescan"))
    desk.live.told(Alive(newest=2))
    desk.follow()
    now = desk.get("now")
    assert (now["room"], now["newest"], now["token"], now["problem"]) == ("MR 2", 2, TOKEN, "")
    (series,) = now["running"]
    assert (series["verdict"], series["latest_number"], series["frames"]) == ("rescan", 1, 2)
    assert [frame["number"] for frame in now["frames"]["s1-1"]] == [0, 1]


def test_ages_do_not_follow_the_wall_clock(desk):
    desk.live.told(Alive(newest=0))
    desk.clock.at += 3.0
    desk.clock.wall -= 7200.0
    assert desk.get("health")["loop_silent_s"] == 3.0


def test_ready_says_why_not(desk):
    desk.live.told(Alive(newest=0))
    assert desk.client.get("/health").json()["ready"]
    assert desk.client.get("/ready").status_code == 200
    desk.clock.at += 3.0
    answer = desk.client.get("/ready")
    assert (answer.status_code, answer.json()["why_not"]) == (503, "the loop gives no sign of life")


def test_a_console_that_starts_late_shows_what_one_that_followed_shows(desk, tmp_path, monkeypatch):
    monkeypatch.setattr("firmware.console.follow.ROWS", 16)
    desk.record(scan=scan_record("s1-0", began=BEGAN - 60))
    desk.follow()
    ended = scan_record("s1-0", began=BEGAN - 60, ended=BEGAN - 1, verdict="ok", sentence="OK: x", frames=1)
    desk.decide(decision(0, scan="s1-0"))
    desk.record(Outgoing(decision_topic("s1-0"), decision(None, scan="s1-0")), scan=ended)
    desk.record(scan=scan_record())
    for number in range(70):
        desk.decide(decision(number, "warn" if number == 3 else "ok"))
    desk.record(note=NoteRecord(kind="opinion", scan="s1-1", opinion="bad"))
    desk.follow()
    late = Follower(desk.console.reader, tmp_path / "pictures")
    board = Board()
    while True:
        board.take(late.read())
        if not late.more:
            break
    assert msgspec.to_builtins(board.running()) == msgspec.to_builtins(desk.live.board.running())
    assert board.frames() == desk.live.board.frames()


def test_learning_is_said_until_nine_series_of_the_protocol_are_on_record(desk):
    for number in range(9):
        assert_learning(desk, number)
        at = BEGAN - 1000 + number
        desk.record(scan=scan_record(f"s0-{number}", began=at, ended=at + 0.5, verdict="ok"))
    assert_learning(desk, None)


def assert_learning(desk, seen):
    scan = f"new{seen}"
    desk.record(scan=scan_record(scan))
    learning = desk.get(f"scans/{scan}")["series"]["learning"]
    assert learning == (None if seen is None else {"seen": seen, "needed": 9})


def test_the_exam_answers_from_the_record(desk):
    desk.record(scan=scan_record())
    desk.follow()
    assert desk.get("exam")["answer"] == "wait"
    ended = scan_record(ended=BEGAN + 60, ended_by="close", verdict="ok", sentence="OK: x", frames=20)
    desk.record(Outgoing(decision_topic(), decision(None)), scan=ended)
    desk.follow()
    exam = desk.get("exam")
    assert (exam["answer"], [one["status"] for one in exam["series"]]) == ("yes", ["done"])
    desk.record(note=NoteRecord(kind="opinion", scan="s1-1", opinion="bad"))
    desk.follow()
    assert desk.get("exam")["answer"] == "no"


def test_a_picture_that_comes_after_its_decision_is_shown(desk):
    desk.record(scan=scan_record())
    desk.decide(*(decision(number) for number in range(3)))
    desk.follow()
    assert [frame.picture for frame in desk.live.board.frames()["s1-1"]] == [False, False, False]
    desk.picture(1)
    desk.follow()
    assert [frame.picture for frame in desk.live.board.frames()["s1-1"]] == [False, True, False]


@pytest.mark.parametrize("error", [PermissionError(13, "denied"), OSError(5, "input/output error")])
def test_pictures_that_cannot_be_looked_at_keep_no_verdict_back(desk, monkeypatch, error):
    def fails(*_given, **_more):
        raise error

    desk.record(scan=scan_record())
    desk.decide(decision(0, "rescan"))
    monkeypatch.setattr("os.stat", fails)
    monkeypatch.setattr("firmware.journal_access._file", lambda _path: None)
    desk.follow()
    monkeypatch.undo()
    assert desk.live.board.running()[0].verdict == "rescan"


@pytest.mark.parametrize("began", [-1e12, 1e12])
def test_a_time_beyond_the_calendar_costs_only_itself(desk, began):
    desk.record(scan=scan_record("s1-2", began=began))
    desk.record(scan=scan_record())
    desk.decide(decision(0, "rescan"))
    desk.follow()
    assert {series.scan: series.verdict for series in desk.live.board.running()} == {"s1-1": "rescan", "s1-2": ""}


def test_a_verdict_of_a_later_version_costs_only_its_row(desk):
    desk.record(scan=scan_record())
    desk.decide(decision(0, "splendid"), decision(1, "warn"))
    desk.follow()
    assert desk.live.board.running()[0].verdict == "warn"


def test_a_damaged_row_is_said(desk):
    desk.record(scan=scan_record())
    desk.decide(decision(0, "rescan"))
    with contextlib.closing(apsw.Connection(str(desk.folder / "journal.db"))) as db:
        db.execute("UPDATE message SET payload = CAST(replace(payload, 'rescan', 'rescam') AS BLOB)")
    desk.follow()
    for path in ("now", "health"):
        assert desk.get(path)["problem"] == "1 row of the record is damaged and left out"
    desk.live.told(Alive(newest=1))
    assert desk.client.get("/ready").status_code == 200


def test_another_file_in_the_place_of_the_record_is_noticed(desk, tmp_path):
    desk.record(scan=scan_record())
    desk.follow()
    reader = desk.console.reader
    (tmp_path / "journal.db").rename(tmp_path / "journal-old.db")
    desk.follow()  # it is only away: what is written meanwhile is still found
    assert not reader.replaced
    Journal(tmp_path / "journal.db", desk.clock).close()
    with pytest.raises(RecordReplaced):
        desk.follow()
    assert reader.scan("s1-1") is None


def done(scan, at, run=1, verdict="ok", **given):
    """A whole series of a minute, `at` of both clocks."""
    wall, up = at
    times = {"began": BEGAN + wall, "ended": BEGAN + wall + 60, "run": run, "began_up": up, "ended_up": up + 60}
    return scan_record(scan, **{**times, "verdict": verdict, "sentence": "OK: x", "frames": 20, **given})


def test_what_runs_unrecorded_is_no_yes(desk):
    desk.record(scan=done("s1-1", (0, 0)))
    desk.follow()
    assert desk.get("exam")["answer"] == "yes"
    state = "scanside/stage/scan/s1-2/state"
    desk.live.told(Retained(topic=state, payload=msgspec.Raw(b"{}")))
    desk.follow()
    exam = desk.get("exam")
    assert (exam["answer"], exam["line"]) == ("look", "Look first: what runs now is not recorded.")
    assert [one["scan"] for one in exam["series"]] == ["s1-1"]
    desk.record(scan=scan_record("s1-2", began=BEGAN + 90, run=1, began_up=90.0))
    desk.follow()
    assert desk.get("exam")["answer"] == "wait"
    desk.record(scan=done("s1-2", (90, 90)))
    desk.live.told(Retained(topic=state, payload=msgspec.Raw(b"null")))
    desk.follow()
    assert desk.get("exam")["answer"] == "yes"


def test_a_disk_that_takes_nothing_is_no_yes(desk):
    desk.record(scan=done("s1-1", (0, 0)))
    desk.live.told(Retained(topic="scanside/stage/health", payload=health(journal="the journal cannot write (full)")))
    desk.follow()
    assert desk.get("exam")["line"] == "Look first: what runs now is not recorded."
    desk.live.told(Retained(topic="scanside/stage/health", payload=health(clock="the time of day jumped")))
    desk.follow()
    assert desk.get("exam")["answer"] == "yes"
    desk.record(scan=done("s1-2", (90, 90), verdict="rescan", protocol="t1"))
    desk.live.told(Retained(topic="scanside/stage/health", payload=health(journal="the journal cannot write (full)")))
    desk.follow()
    assert desk.get("exam")["answer"] == "no", "what is known to be bad stays so"


def health(**problems):
    payload = HealthPayload(
        schema="health/1",
        backend="cpu",
        latency_ms={},
        priority_raised=False,
        queues={},
        counters={},
        seconds_since_progress={},
        problems=problems,
        disk=DiskPayload(free_mib=0.0, journal_mib=1.0, pictures_mib=1.0),
        broker="off",
    )
    return msgspec.Raw(msgspec.json.encode(payload))


def test_a_series_that_lacks_images_is_no_yes(desk):
    desk.record(scan=done("s1-1", (0, 0), frames=3, frames_expected=5))
    desk.follow()
    exam = desk.get("exam")
    assert (exam["answer"], exam["line"]) == ("look", "Look first: t2_tse has 3 of 5 images.")
    assert [(one["status"], one["sentence"]) for one in exam["series"]] == [("incomplete", "")]


@pytest.mark.parametrize("jump", [7200.0, -7200.0, 3e6, -1.7e9])
def test_a_time_of_day_that_jumps_hides_no_bad_series(desk, jump):
    bad = done("s1-1", (0, 0), verdict="rescan", protocol="t1", prescription="p")
    good = [done("s1-2", (jump + 90, 90), prescription="q"), done("s1-3", (jump - 200, 180), prescription="q")]
    desk.clock.at, desk.clock.wall = 300.0, BEGAN + jump + 300.0
    for record in (bad, *good):
        desk.record(scan=record)
    desk.follow()
    exam = desk.get("exam")
    assert exam["answer"] == "no"
    assert [one["scan"] for one in exam["series"]] == ["s1-1", "s1-2", "s1-3"]
    assert [series["scan"] for series in desk.get("now")["running"]] == ["s1-3"]


def test_the_next_patient_stays_the_next_when_the_time_of_day_is_set_back(desk):
    desk.clock.at, desk.clock.wall = 100.0, BEGAN + 100.0
    desk.record(scan=done("s1-1", (0, 0), verdict="rescan", protocol="t1"))
    desk.record(note=NoteRecord(kind="new_exam", run=1, up=100.0))
    desk.record(scan=done("s1-2", (-7000, 120)))
    desk.clock.at, desk.clock.wall = 200.0, BEGAN - 6900.0
    desk.follow()
    assert [one["scan"] for one in desk.get("exam")["series"]] == ["s1-2"]
    desk.clock.wall = BEGAN + 200.0
    desk.follow()
    assert [one["scan"] for one in desk.get("exam")["series"]] == ["s1-2"]
