"""An MRD server with the whole loop behind it, on a free port of this machine; only the disk is replaced."""

import threading
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field

import pytest

from engine.seams import Source
from engine.types import Decision, Scan, Verdict
from firmware.clock import SystemClock
from firmware.health import Health
from firmware.inference.networks import Networks
from firmware.loop import Judged, Loop, run_scan
from firmware.sources.mrd_connection import ConnectionLimits
from firmware.sources.mrd_server import MrdServer, ServerSettings


@dataclass
class Running:
    """A server under test and what it decided."""

    health: Health
    decisions: list[Decision] = field(default_factory=list)
    port: int = 0
    _changed: threading.Condition = field(default_factory=threading.Condition)

    def record(self, judged: Judged, committed: Callable[[], None]) -> None:
        with self._changed:
            self.decisions.append(judged.decision)
            self._changed.notify_all()
        committed()

    def wait_for_series(self, count: int, timeout: float = 20) -> None:
        with self._changed:
            assert self._changed.wait_for(lambda: len(self.series) >= count, timeout), self.decisions

    def wait_for_decisions(self, count: int, timeout: float = 30) -> None:
        with self._changed:
            assert self._changed.wait_for(lambda: len(self.decisions) >= count, timeout), len(self.decisions)

    @property
    def series(self) -> list[Decision]:
        return [d for d in self.decisions if d.scope == "series"]

    @property
    def frames(self) -> list[Decision]:
        return [d for d in self.decisions if d.scope == "frame"]

    def verdicts(self) -> list[Verdict]:
        return [d.verdict for d in self.frames]


def start_server(
    *,
    networks: Networks | None = None,
    began: Callable[[Scan], None] = lambda _: None,
    **settings: object,
) -> tuple[Running, MrdServer]:
    running = Running(Health())
    loop = Loop(SystemClock(), running.health, running.record, began, networks=networks or Networks())

    def take(source: Source) -> None:
        run_scan(source, loop)

    connection = ConnectionLimits(**settings.pop("connection", {}))  # type: ignore[arg-type]
    server = MrdServer(
        ServerSettings(port=0, connection=connection, **settings),  # type: ignore[arg-type]
        take,
        running.health,
        "test",
    )
    running.port = server.port
    server.start()
    return running, server


@pytest.fixture
def server() -> Iterator[Running]:
    running, listening = start_server()
    yield running
    listening.stop()


@pytest.fixture
def impatient_server() -> Iterator[Running]:
    """Gives up after a fraction of a second, so that silence can be tested."""
    running, listening = start_server(connection={"message_s": 0.2, "idle_s": 0.4})
    yield running
    listening.stop()
