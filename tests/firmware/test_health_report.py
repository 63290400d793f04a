"""What the appliance says of itself: what waits, the room on the disk, the broker, the clock, and what was lost."""

import tracemalloc
from collections.abc import Iterator
from pathlib import Path

import pytest

from firmware.clock import SystemClock
from firmware.config import MqttConfig
from firmware.health import Health
from firmware.health_report import HealthReport
from firmware.journal import Journal
from firmware.latency import Latencies
from firmware.pictures.writer import Pictures
from firmware.sinks.mqtt import MqttSink

MIB = 1 << 20


class Hands(SystemClock):
    """The time of day as the test sets it."""

    ahead = 0.0

    def now(self) -> float:
        return super().now() + self.ahead


class Parts:
    def __init__(self, folder: Path) -> None:
        self.clock, self.health = Hands(), Health()
        self.journal = Journal(folder / "journal.db", self.clock)
        self.mqtt = MqttSink(self.journal, MqttConfig(enabled=False), "a", self.health, self.clock)
        pictures = Pictures(folder / "pictures", self.clock, self.health, retention_days=1.0, limit_mib=16)
        self.report = HealthReport(
            folder,
            self.health,
            self.clock,
            self.journal,
            self.mqtt,
            pictures,
            Latencies(),
            lambda: "cpu",
            priority_raised=True,
        )


@pytest.fixture
def parts(tmp_path: Path) -> Iterator[Parts]:
    made = Parts(tmp_path)
    yield made
    made.journal.close()


def test_what_waits_and_where(parts: Parts, tmp_path: Path) -> None:
    (tmp_path / "journal.db-spare").write_bytes(bytes(5 * MIB))
    told = parts.report.make()
    assert told.queues == {"journal": 0, "mqtt": 0, "pictures": 0}
    assert told.broker == "off"
    assert told.disk.free_mib > 1
    assert 5.0 <= told.disk.journal_mib < 6.0
    assert told.disk.pictures_mib == 0
    assert told.problems == {}
    assert told.counters == {}


def test_what_was_lost_is_counted(parts: Parts) -> None:
    parts.journal.not_recorded = 3
    assert parts.report.make().counters == {"decisions_not_recorded": 3}


def test_a_clock_that_jumps_is_a_problem_and_counted_once(parts: Parts) -> None:
    parts.clock.ahead = -7200.0
    told = parts.report.make()
    assert "-7200 s" in told.problems["clock"]
    assert told.counters["clock_jumps"] == 1
    assert parts.report.make().counters["clock_jumps"] == 1


def test_without_a_broker_nothing_is_kept_for_it(parts: Parts) -> None:
    told = parts.report.make()
    tracemalloc.start()
    before, _ = tracemalloc.get_traced_memory()
    for _ in range(1000):
        parts.mqtt.hint("t", told)
        parts.mqtt.retain("t", parts.mqtt.filled(told))
    kept, _ = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert kept - before < 50_000
