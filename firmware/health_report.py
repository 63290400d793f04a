"""What the appliance says of itself every few seconds, put together from its parts."""

import shutil
from collections.abc import Callable
from pathlib import Path

from engine.seams import Clock
from firmware.health import Health
from firmware.journal import Journal
from firmware.latency import Latencies
from firmware.pictures.writer import Pictures
from firmware.sinks.mqtt import MqttSink
from firmware.sinks.payloads import DiskPayload, HealthPayload
from firmware.wall_clock import WallClock

_MIB = 1 << 20


class HealthReport:
    """`make` belongs to one thread."""

    def __init__(
        self,
        folder: Path,
        health: Health,
        clock: Clock,
        journal: Journal,
        mqtt: MqttSink,
        pictures: Pictures,
        latencies: Latencies,
        backend: Callable[[], str],
        *,
        priority_raised: bool,
    ) -> None:
        self._folder, self._health, self._wall = folder, health, WallClock(clock)
        self._journal, self._mqtt, self._pictures, self._latencies = journal, mqtt, pictures, latencies
        self._backend, self._priority_raised = backend, priority_raised

    def make(self) -> HealthPayload:
        """As it stands now."""
        if self._wall.look():
            self._health.count("clock_jumps")
        self._health.problem("clock", self._wall.problem)
        self._health.problem("journal", self._journal.problem)
        told = self._health.snapshot()
        told["counters"] |= {name: count for name, count in self._lost().items() if count}
        return HealthPayload(
            schema="health/1",
            backend=self._backend(),
            latency_ms=self._latencies.summary(),
            priority_raised=self._priority_raised,
            queues={
                "journal": self._journal.waiting,
                "mqtt": self._mqtt.waiting,
                "pictures": self._pictures.waiting,
            },
            broker=self._mqtt.broker,
            disk=self._disk(),
            **told,
        )

    def _lost(self) -> dict[str, int]:
        return {
            "decisions_not_recorded": self._journal.not_recorded,
            "messages_dropped_unsent": self._journal.dropped_unsent,
        }

    def _disk(self) -> DiskPayload:
        journal = sum(_size(file) for file in self._folder.glob("journal.db*"))
        return DiskPayload(
            free_mib=_mib(shutil.disk_usage(self._folder).free),
            journal_mib=_mib(journal),
            pictures_mib=_mib(self._pictures.bytes_on_disk),
        )


def _size(file: Path) -> int:
    try:
        return file.stat().st_size
    except FileNotFoundError:  # what SQLite writes beside it comes and goes
        return 0


def _mib(size: int) -> float:
    return round(size / _MIB, 1)
