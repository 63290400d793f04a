"""What is wrong, and that it is told at once: counters and stages can wait for the next telling, a problem cannot."""

import queue
from pathlib import Path

import apsw
import msgspec
import pytest

from firmware import appliance as appliance_module
from firmware import journal_entry
from firmware.health import Health
from firmware.journal import Entry
from firmware.record import NoteRecord
from firmware.sinks.mqtt import MqttSink
from firmware.sinks.payloads import HealthPayload
from tests.firmware.test_state_folder import appliance


def test_what_comes_and_goes_is_a_change_and_other_words_are_none() -> None:
    health = Health()
    changes = []
    for part, sentence in (("a", "away"), ("a", "away; 3 wait"), ("b", None), ("a", None), ("a", None), ("b", "x")):
        health.problem(part, sentence)
        changes.append(health.changed.is_set())
        health.changed.clear()
    assert changes == [True, False, False, True, False, True]


def test_a_problem_is_told_at_once_and_so_is_its_end(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    told: queue.Queue[dict[str, str]] = queue.Queue()

    def retain(_: object, topic: str, payload: bytes) -> None:
        if topic == "scanside/a/health":
            told.put(msgspec.json.decode(payload, type=HealthPayload).problems)

    def next_with(part: str, there: bool) -> None:
        while (part in told.get(timeout=10)) is not there:
            pass

    def full(*_: object) -> None:
        raise apsw.FullError("database or disk is full")

    monkeypatch.setattr(MqttSink, "retain", retain)
    monkeypatch.setattr(appliance_module, "_HEALTH_EVERY_S", 600.0)
    one = appliance(tmp_path)
    one.start()
    try:
        one.health.problem("console", "there is no page")
        next_with("console", True)
        one.health.problem("console", None)
        next_with("console", False)
        with monkeypatch.context() as patched:
            patched.setattr(journal_entry, "put_note", full)
            one.journal.append(Entry(note=NoteRecord(kind="new_exam")))
            next_with("journal", True)
        next_with("journal", False)
    finally:
        one.stop()
