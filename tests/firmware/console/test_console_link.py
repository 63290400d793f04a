"""The loop's side of the console, with a stand-in on the other end: told, asked, started again, never waited for."""

import json
import os
import select
import signal
import sys
import threading
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import Any

import psutil
import pytest

from firmware.clock import SystemClock
from firmware.console.asks import Asks
from firmware.console.link import ConsoleLink, Patience
from firmware.console.messages import LARGEST, Settings
from firmware.health import Health
from firmware.inference.pace import Backoff
from firmware.record import NoteRecord, ScanRecord
from tests.firmware.console.stand_in import PORT

ADDRESS = f"http://127.0.0.1:{PORT}"


class OneScan:
    """A record of one scan, of which nobody has said anything."""

    def scan(self, scan: str) -> ScanRecord | None:
        return ScanRecord(scan=scan, began=0.0) if scan == "s1-1" else None

    def has_flag(self, scan: str, finding: str) -> bool:
        return False

    def notes_of(self, scan: str) -> list[NoteRecord]:
        return []

    def close(self) -> None: ...


@dataclass
class Side:
    """The link under test, what it told, and what its stand-in heard."""

    folder: Path
    health: Health = field(default_factory=Health)
    told: list[str] = field(default_factory=list)
    notes: list[NoteRecord] = field(default_factory=list)
    changed: threading.Condition = field(default_factory=threading.Condition)
    newest: int = 7
    slow: list[Callable[[], None]] | None = None
    """When it is a list: commits wait here for the test to make them."""
    link: ConsoleLink | None = None
    _heard: int = -1
    _rest: bytes = b""

    def start(self, mode: str, port: int = 0, **patience: float) -> ConsoleLink:
        fifo = self.folder / "heard"
        os.mkfifo(fifo)
        self._heard = os.open(fifo, os.O_RDWR)
        self.link = ConsoleLink(
            self.settings(port),
            self.asks(),
            lambda: self.newest,
            self.health,
            SystemClock(),
            self._tell,
            command=(sys.executable, "-m", "tests.firmware.console.stand_in", mode),
            patience=Patience(**patience),
            backoff=Backoff(first=0.01, most=0.02, steady=60.0),
        )
        self.link.start()
        return self.link

    def settings(self, port: int = 0) -> Settings:
        return Settings(
            descriptor=-1,
            parent=-1,
            journal="",
            pictures=str(self.folder / "heard"),
            appliance="a",
            room="a",
            session=1,
            listen="127.0.0.1",
            port=port,
            viewers=1,
            exam_gap_s=1800.0,
        )

    def asks(self) -> Asks:
        return Asks(self._record, lambda: None, OneScan(), SystemClock(), 1)

    def close(self) -> None:
        if self.link is not None:
            self.link.stop()
            os.close(self._heard)

    def hear(self, kind: str, **fields: Any) -> dict[str, Any]:
        """The next message of that kind and with these fields that the stand-in hears."""
        while True:
            while b"\n" not in self._rest:
                assert select.select([self._heard], [], [], 20)[0], f"no {kind} came"
                self._rest += os.read(self._heard, 1 << 16)
            line, _, self._rest = self._rest.partition(b"\n")
            message = json.loads(line)
            if message["type"] == kind and all(message.get(key) == value for key, value in fields.items()):
                return message

    def wait(self, condition: Callable[[], bool]) -> None:
        with self.changed:
            assert self.changed.wait_for(condition, 20), (self.told, self.problem, self.counters)

    @property
    def problem(self) -> str:
        return self.health.snapshot()["problems"].get("console", "")

    @property
    def counters(self) -> dict[str, int]:
        return self.health.snapshot()["counters"]

    def _tell(self, address: str) -> None:
        with self.changed:
            self.told.append(address)
            self.changed.notify_all()

    def _record(self, note: NoteRecord, committed: Callable[[int], None]) -> None:
        self.notes.append(note)
        commit = partial(committed, len(self.notes))
        if self.slow is None:
            commit()
        else:
            with self.changed:
                self.slow.append(commit)
                self.changed.notify_all()


class Problems(Health):
    """Wakes the test at each problem."""

    def __init__(self, side: Side) -> None:
        super().__init__()
        self._side = side

    def problem(self, part: str, sentence: str | None) -> None:
        super().problem(part, sentence)
        with self._side.changed:
            self._side.changed.notify_all()


@pytest.fixture
def side(tmp_path: Path) -> Iterator[Side]:
    made = Side(tmp_path)
    made.health = Problems(made)
    yield made
    made.close()


def child() -> psutil.Process:
    (found,) = [c for c in psutil.Process().children() if "stand_in" in " ".join(c.cmdline())]
    return found


def test_what_stands_is_told_at_the_start_and_when_it_changes(side: Side) -> None:
    link = side.start("serve")
    link.retain("scanside/a/health", b'{"schema":"health/1"}')
    assert side.hear("retained") == {
        "type": "retained",
        "topic": "scanside/a/health",
        "payload": {"schema": "health/1"},
    }
    link.retain("scanside/a/scan/s1-1/state", b"{}")
    side.hear("retained", topic="scanside/a/scan/s1-1/state", payload={})
    link.retain("scanside/a/scan/s1-1/state", None)
    side.hear("retained", topic="scanside/a/scan/s1-1/state", payload=None)
    side.wait(lambda: side.told == [ADDRESS])


def test_it_beats_by_itself_and_at_each_commit(side: Side) -> None:
    link = side.start("serve")
    side.hear("alive", newest=7)
    side.hear("alive", newest=7)
    side.newest = 8
    link.committed()
    side.hear("alive", newest=8)


def test_a_commit_is_told_without_waiting_for_the_beat(side: Side) -> None:
    link = side.start("serve")
    side.hear("alive", newest=7)
    began = SystemClock().monotonic()
    for newest in range(8, 28):
        side.newest = newest
        link.committed()
        side.hear("alive", newest=newest)
    assert SystemClock().monotonic() - began < 20 * 0.25, "half a beat each would be chance"


def test_a_killed_console_is_started_again_on_its_port_and_told_everything(side: Side) -> None:
    link = side.start("serve")
    link.retain("scanside/a/health", b"{}")
    assert side.hear("settings")["port"] == 0
    side.hear("retained", topic="scanside/a/health")
    child().kill()
    assert side.hear("settings")["port"] == PORT
    side.hear("retained", topic="scanside/a/health")
    side.wait(lambda: side.told == [ADDRESS, "", ADDRESS])
    assert side.counters["console_lost"] == 1
    assert side.problem == ""


def test_a_taken_port_is_a_problem_in_its_own_words(side: Side) -> None:
    side.start("taken", port=80)
    side.wait(lambda: "port 80 is taken: change console.port" in side.problem)
    assert side.told == []


@pytest.mark.parametrize(("mode", "says"), [("rubbish", "no message"), ("large", "more than 4096 bytes")])
def test_rubbish_ends_it(side: Side, mode: str, says: str) -> None:
    side.start(mode)
    side.wait(lambda: says in side.problem and side.counters["console_rubbish"] >= 2)


def test_one_that_ends_at_once_is_tried_again_and_said_once(side: Side, caplog: pytest.LogCaptureFixture) -> None:
    side.start("gone")
    side.wait(lambda: side.counters.get("console_lost", 0) >= 3)
    assert "verdicts go on" in side.problem
    assert [record.levelname for record in caplog.records] == ["WARNING"]


def test_one_that_does_not_serve_in_time_is_ended(side: Side) -> None:
    side.start("mute", start=0.3)
    side.wait(lambda: "does not serve 0.3 s after its start" in side.problem)
    assert side.counters["console_hung"] >= 1


def test_one_that_takes_nothing_is_ended(side: Side) -> None:
    side.start("deaf", silent=1.0)
    side.wait(lambda: "takes nothing for 1 s" in side.problem)


def test_a_full_link_drops_and_waits_for_nobody(side: Side) -> None:
    link = side.start("deaf")
    side.wait(lambda: side.told == [ADDRESS])
    began = SystemClock().monotonic()
    for number in range(2000):
        link.retain(f"scanside/a/model/{number}/state", b'{"why":"%s"}' % (b"x" * 1000))
        link.committed()
    assert SystemClock().monotonic() - began < 2
    assert side.counters["console_packets_dropped"] > 0


def test_what_is_too_large_stands_in_nobodys_way(side: Side) -> None:
    link = side.start("serve")
    link.retain("scanside/a/health", b'"%s"' % (b"x" * LARGEST))
    link.retain("scanside/a/alert", b"{}")
    side.hear("retained", topic="scanside/a/alert")
    assert side.counters["console_packets_dropped"] == 1


def test_a_stopped_one_goes_on_where_it_was(side: Side) -> None:
    link = side.start("serve")
    side.wait(lambda: side.told == [ADDRESS])
    stopped = child()
    stopped.send_signal(signal.SIGSTOP)
    for number in range(300):
        link.retain(f"scanside/a/model/{number}/state", b'{"why":"%s"}' % (b"x" * 1000))
    side.newest = 99
    link.committed()
    stopped.send_signal(signal.SIGCONT)
    heard = {side.hear("retained")["topic"] for _ in range(300)}
    assert len(heard) == 300, "a topic that found no room is told again"
    side.hear("alive", newest=99)
    assert side.told == [ADDRESS]


def test_what_people_say_is_recorded_and_answered(side: Side) -> None:
    side.start("ask")
    assert side.hear("answer", request=1) == {"type": "answer", "request": 1, "note": 1, "refused": ""}
    assert "there is no scan s9-9" in side.hear("answer", request=2)["refused"]
    (note,) = side.notes
    assert (note.kind, note.scan, note.opinion) == ("opinion", "s1-1", "fine")


def test_an_answer_to_a_life_before_is_told_to_nobody(side: Side) -> None:
    side.slow = []
    side.start("ask")
    side.wait(lambda: len(side.slow or ()) == 1)
    child().kill()
    side.wait(lambda: len(side.slow or ()) == 2)
    for commit in side.slow:
        commit()
    assert side.hear("answer", request=1)["note"] == 2, "its own request has the same number"


def test_what_is_put_down_while_a_packet_finds_no_room_is_told_as_it_is_then(side: Side) -> None:
    link = ConsoleLink(side.settings(), side.asks(), lambda: 0, side.health, SystemClock(), side.told.append)
    link.retain("t", b'"old"')
    told: list[Any] = []

    class Full:
        def tell(self, message: Any) -> bool:
            link.retain("t", b'"new"')
            return False

    class Roomy:
        def tell(self, message: Any) -> bool:
            told.append((message.topic, bytes(message.payload)))
            return True

    for process in (Full(), Roomy()):
        link._tell_untold(process)  # type: ignore[arg-type]
    assert told == [("t", b'"new"')]
    link._bell.close()


def test_an_interrupt_from_the_terminal_is_for_the_loop_alone(side: Side) -> None:
    side.start("serve")
    side.wait(lambda: side.told == [ADDRESS])
    assert os.getpgid(child().pid) == child().pid != os.getpgid(0)


def test_a_flood_is_answered_and_five_are_recorded(side: Side) -> None:
    side.start("flood")
    answers = [side.hear("answer") for _ in range(200)]
    assert [answer["request"] for answer in answers] == list(range(200))
    recorded = [answer for answer in answers if not answer["refused"]]
    assert 5 <= len(recorded) <= 20
    assert len(side.notes) == len(recorded)


def test_it_waits_for_the_loop_and_never_takes_the_place_of_others(side: Side, monkeypatch: pytest.MonkeyPatch) -> None:
    side.start("serve")
    side.hear("settings")
    assert child().nice() == max(0, psutil.Process().nice() + 5)
    assert Path(f"/proc/{child().pid}/oom_score_adj").read_text().strip() == "500"
    monkeypatch.setattr(os, "getpriority", lambda *_: -10)
    child().kill()
    side.hear("settings")
    assert child().nice() == 0


def test_a_stop_leaves_neither_process_nor_descriptor(side: Side) -> None:
    before = psutil.Process().num_fds()
    link = side.start("serve")
    side.wait(lambda: side.told == [ADDRESS])
    process = child()
    link.stop()
    os.close(side._heard)
    side.link = None
    assert not process.is_running()
    assert psutil.Process().num_fds() == before
    link.retain("scanside/a/health", b"{}")
    link.committed()
