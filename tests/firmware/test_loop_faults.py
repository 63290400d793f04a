"""Whatever fails, a scan ends: with the verdict of its series, or with the word that there is none."""

import threading

import pytest

from engine.assess.assessor import Assessor
from engine.decide.decider import Decider
from firmware import loop as loop_module
from firmware.clock import SystemClock
from firmware.health import Health
from firmware.loop import Loop, run_scan
from tests.engine.reconstruct.reconstruct_cases import make_readouts
from tests.firmware.pictures.test_loop_pictures import LINES, Played, Watched


def play(source, pictures=None):
    """What the loop did, in order, and its counters: raises what `run_scan` raises."""
    did, health = [], Health()

    def record(judged, committed):
        did.append(judged.decision)
        committed()

    loop = Loop(SystemClock(), health, record, left=lambda scan: did.append(scan.id), pictures=pictures)
    try:
        run_scan(source, loop)
    finally:
        source.did, source.counters = did, health.snapshot()["counters"]
    return source


def fail(*_):
    raise ValueError("a fault of ours")


def test_a_scan_is_left_after_its_verdict():
    done = play(Played())
    assert done.did[-1] == "scan-1"
    assert (done.did[-2].scope, done.did[-2].details["ended_by"]) == ("series", "close")


def test_a_scan_whose_verdict_fails_is_left_all_the_same(monkeypatch, caplog):
    monkeypatch.setattr(loop_module, "_CLOSE_WAIT_S", 0.2)
    monkeypatch.setattr(Decider, "close", fail)
    done = play(Played())
    assert [one.scope for one in done.did[:-1]] == ["frame"] * 3
    assert done.did[-1] == "scan-1"
    assert done.texts[-1].startswith("verdict not recorded yet")
    assert done.counters["series_failed"] == 1
    assert "the verdict of the series failed" in caplog.text


def test_an_image_that_cannot_be_sent_does_not_leave_its_scan_without_an_end():
    class Broken(Played):
        def readouts(self):
            first, unfinished, _ = super().readouts()
            unfinished.head["flags"][-1] = 0  # it lacks lines: only the end of the scan ends it
            yield from (first, unfinished)

        def send_image(self, frame):
            if frame.number == 1:
                fail()

    source = Broken()
    with pytest.raises(ValueError, match="a fault of ours"):
        play(source)
    assert (source.did[-2].scope, source.did[-2].details["ended_by"]) == ("series", "fault")
    assert source.did[-1] == "scan-1"


def test_a_fault_beside_a_frame_costs_no_other_frame_its_verdict(monkeypatch):
    monkeypatch.setattr(loop_module, "_FOLLOWED", 1)
    monkeypatch.setattr(Assessor, "follow", fail)

    class Halves(Played):
        def readouts(self):
            for repetition in range(3):
                for steps in (range(8), range(8, 16)):
                    yield make_readouts(LINES[steps], list(steps), repetition=repetition)

    done = play(Halves())
    assert [one.number for one in done.did[:-1]] == [0, 1, 2, None]
    assert [one.reasons for one in done.did[:-1] if "internal_fault" in one.reasons] == []
    assert done.counters["frames_failed"] >= 1


def test_an_image_that_nobody_has_time_to_judge_is_kept_for_people(monkeypatch):
    monkeypatch.setattr(loop_module, "_QUEUE_FRAMES", 1)
    monkeypatch.setattr(loop_module, "_QUEUE_WAIT_S", 0.01)

    class Slow(Watched):
        received = threading.Event()

        def put_image(self, scan, frame):
            assert self.received.wait(10)
            super().put_image(scan, frame)

    store = Slow()

    class Quick(Played):
        def readouts(self):
            yield from super().readouts()
            store.received.set()

    done = play(Quick(), store)
    skipped = [one.number for one in done.did[:-1] if "overloaded" in one.reasons and one.number is not None]
    assert 2 in skipped
    assert {event for event in store.events if event.startswith("image")} == {"image 0", "image 1", "image 2"}
