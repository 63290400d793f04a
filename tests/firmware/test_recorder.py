"""From the loop to the record: a scan is on disk from its header to its verdict, and told from the commits alone."""

import threading
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field, replace
from pathlib import Path

import pytest

from engine.decide.decider import Decider
from engine.decide.moment import passed
from engine.types import CounterLimits, Encoding, Measurement, Timings
from firmware.clock import SystemClock
from firmware.health import Health
from firmware.journal import Journal
from firmware.journal_reader import JournalReader
from firmware.latency import Latencies
from firmware.loop import Judged
from firmware.recorder import Recorder
from firmware.scan_record import began_at, ended_at
from firmware.sinks.payloads import Envelope
from tests.engine.decide.test_decide_decider import SCAN, SPACE, frame, measurements, with_coils
from tests.firmware.records import Clock


def lost_coils() -> tuple[Measurement, ...]:
    return with_coils(measurements(m04=40.0, m04_impact=30.0, m05=8.0), 1, 2, 3, 4)


THREE = replace(SCAN, encodings=(Encoding(SPACE, SPACE, {"repetition": CounterLimits(0, 2, 0)}),))
STATE = "scanside/a/scan/s1/state"


@dataclass
class Room:
    """A recorder with a real journal, and everything it told, in order."""

    folder: Path
    told: list[tuple[str, Envelope | None]] = field(default_factory=list)
    hints: list[str] = field(default_factory=list)
    heard: list[Judged] = field(default_factory=list)
    health: Health = field(default_factory=Health)
    latencies: Latencies = field(default_factory=Latencies)

    def __post_init__(self) -> None:
        self.journal = Journal(self.folder / "j.db", SystemClock())
        self.told_all = threading.Event()
        self.journal.subscribe(self.told_all.set)
        self.recorder = Recorder(
            "a",
            self.journal,
            SystemClock(),
            self.health,
            self.latencies,
            retain=lambda topic, payload: self.told.append((topic, payload)),
            hint=lambda topic, _: self.hints.append(topic),
            listener=self.heard.append,
        )

    def commit(self, act: Callable[[], None]) -> None:
        """Until what the act brings to the record is on disk and told."""
        self.told_all.clear()
        act()
        assert self.told_all.wait(10)

    def record(self, judged: Judged) -> None:
        self.commit(lambda: self.recorder.record(judged, lambda: None))


@pytest.fixture
def room(tmp_path: Path) -> Iterator[Room]:
    made = Room(tmp_path)
    yield made
    made.journal.close()


def test_a_scan_from_its_header_to_its_verdict(room: Room, tmp_path: Path) -> None:
    reader = JournalReader(tmp_path / "j.db", "a")
    decider = Decider(THREE)
    room.commit(lambda: room.recorder.begin(THREE))
    ((topic, state),) = room.told
    assert (topic, state.frames, state.frames_expected, state.verdict) == (STATE, 0, 3, "")
    record = reader.scan("s1")
    assert record is not None
    assert (record.ended, record.verdict, record.frames_expected) == (None, "", 3)

    room.record(Judged(THREE, decider.frame(frame(0), measurements()), Timings(0, 0, 0), {"image": 1.0}))
    assert room.told[-1][1].frames == 1
    assert room.hints == ["scanside/a/scan/s1/frame"]
    assert room.latencies.summary().keys() == {"image", "recorded"}

    room.record(Judged(THREE, decider.close("close"), None, {}))
    assert room.told[-1] == (STATE, None)
    record = reader.scan("s1")
    assert record is not None
    assert record.ended is not None
    assert (record.ended_by, record.frames, record.verdict, record.sentence) == (
        "close",
        1,
        room.heard[-1].decision.verdict.value,
        room.heard[-1].decision.sentence,
    )
    assert [judged.decision.scope for judged in room.heard] == ["frame", "series"]


def test_a_scan_that_got_no_verdict_is_closed_as_one_that_cannot_be_judged(room: Room, tmp_path: Path) -> None:
    reader, decider = JournalReader(tmp_path / "j.db", "a"), Decider(THREE)
    room.commit(lambda: room.recorder.begin(THREE))
    room.record(Judged(THREE, decider.frame(frame(0), lost_coils()), Timings(0, 0, 0), {}))
    room.record(Judged(THREE, decider.frame(frame(1), measurements()), Timings(0, 0, 0), {}))
    room.commit(lambda: room.recorder.leave(THREE))
    record = reader.scan("s1")
    assert record is not None
    assert record.ended is not None
    assert (record.verdict, record.ended_by, record.frames) == ("cannot_judge", "internal_fault", 2)
    assert record.sentence.startswith("NOT JUDGED: Judging this series failed")
    assert room.told[-1] == (STATE, None)
    alerts = [payload for topic, payload in room.told if topic == "scanside/a/alert"]
    assert [len(one.raised) for one in alerts] == [1, 0]
    newest = reader.newest()
    room.recorder.leave(THREE)
    room.recorder.begin(replace(THREE, id="s2"))
    room.commit(lambda: room.recorder.begin(replace(THREE, id="s3")))
    assert reader.newest() == newest, "once is enough"


def test_a_scan_with_a_verdict_keeps_it(room: Room, tmp_path: Path) -> None:
    room.recorder.begin(THREE)
    room.record(Judged(THREE, Decider(THREE).close("close"), None, {}))
    newest = room.journal.newest
    room.recorder.leave(THREE)
    room.commit(lambda: room.recorder.begin(replace(THREE, id="s2")))
    assert room.journal.newest == newest


def test_what_is_raised_is_told_when_it_changes_and_not_with_every_image(room: Room) -> None:
    decider = Decider(THREE)
    room.commit(lambda: room.recorder.begin(THREE))
    for number, measured in enumerate([measurements(), lost_coils(), lost_coils(), lost_coils()]):
        room.record(Judged(THREE, decider.frame(frame(number), measured), Timings(0, 0, 0), {}))
    room.record(Judged(THREE, decider.close("close"), None, {}))
    alerts = [payload for topic, payload in room.told if topic == "scanside/a/alert"]
    assert [[entry.kind for entry in one.raised] for one in alerts] == [["coil-loss"], []]


def test_scans_are_recorded_in_the_order_in_which_they_began_whatever_the_time_of_day(tmp_path: Path) -> None:
    clock, room = Clock(), Room(tmp_path)
    recorder = Recorder(
        "a", room.journal, clock, room.health, room.latencies, retain=lambda *_: None, hint=lambda *_: None
    )
    room.commit(lambda: recorder.begin(THREE))
    clock.go_on(60.0)
    room.commit(
        lambda: recorder.record(Judged(THREE, Decider(THREE).close("close"), None, {}), lambda: None),
    )
    clock.time -= 7200.0
    clock.go_on(60.0)
    room.commit(lambda: recorder.begin(replace(THREE, id="s2")))
    reader = JournalReader(tmp_path / "j.db", "a")
    first, second = reader.scan("s1"), reader.scan("s2")
    room.journal.close()
    assert first is not None
    assert second is not None
    over = ended_at(first)
    assert over is not None
    assert passed(over, began_at(second)) == 60.0
    assert began_at(first).run == room.journal.session == 1


def test_nothing_is_told_of_what_is_not_on_disk(room: Room) -> None:
    decider = Decider(THREE)
    room.recorder.begin(THREE)
    room.journal.close()
    room.recorder.record(
        Judged(THREE, decider.frame(frame(0), measurements()), Timings(0, 0, 0), {}), lambda: room.hints.append("told")
    )
    assert (room.heard, room.hints) == ([], [])
    assert [state.frames for _, state in room.told] == [0]
