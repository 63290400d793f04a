"""The live part: a record that cannot be read is said, and followed again."""

import asyncio
from pathlib import Path

import msgspec
import pytest

from firmware.console.__main__ import _ended
from firmware.console.api import Exam, NoteRequest
from firmware.console.board import Batch
from firmware.console.follow import RecordReplaced
from firmware.console.link_end import LinkBusy, LinkEnd
from firmware.console.live import Live
from firmware.console.messages import Alive, Answer, Ask, Retained
from firmware.journal_access import RecordBusy
from tests.firmware.console.loop_end import settings_of
from tests.firmware.console.record_cases import decision, scan_record

SETTINGS = settings_of(Path("nowhere"), 0, room="", viewers=2)


class Clock:
    def __init__(self):
        self.at = 0.0

    def monotonic(self):
        return self.at

    def now(self):
        return 1_800_000_000.0


class Script:
    """A follower that does as it is told, one pass each time."""

    newest, more, damaged = 0, False, 0

    def __init__(self, *passes):
        self.passes = list(passes)

    def read(self):
        result = self.passes.pop(0) if self.passes else Batch()
        if isinstance(result, Exception):
            raise result
        return result


class NoExam:
    """An examination that does as it is told, one pass each time: fails, or takes."""

    def __init__(self, *passes):
        self.passes, self.taken = list(passes), []

    def take(self, batch, _running=(), *, stuck=False):
        if self.passes and (error := self.passes.pop(0)) is not None:
            raise error
        self.taken.append(batch)
        return Exam(exam="", answer="nothing", line="", series=[])


def live_of(*passes, exam=None):
    return Live(SETTINGS, Script(*passes), exam or NoExam(), Clock(), "token")


async def until(said):
    async with asyncio.timeout(20):
        while not said():
            await asyncio.sleep(0)


def test_a_busy_record_is_said_until_it_can_be_read_again():
    async def run():
        live = live_of(RecordBusy(), Batch(scans=[(1, scan_record())]))
        published = []
        live.hub.publish = lambda name, value: published.append((name, value))
        following = asyncio.create_task(live.follow())
        await until(lambda: live.problem)
        assert "compacted" in live.now().problem
        live.told(Alive(newest=1))
        await until(lambda: len(published) == 3)
        assert live.board.running()
        assert live.now().problem == ""
        assert [name for name, _ in published] == ["now", "series", "now"]
        following.cancel()

    asyncio.run(run())


@pytest.mark.parametrize("error", [RecordBusy(), ValueError("a fault")])
def test_what_was_read_is_shown_although_the_examination_fails_and_is_given_to_it_again(error):
    async def run():
        exam = NoExam(None, error, error)
        batches = [
            Batch(scans=[(1, scan_record())]),
            *(Batch(decisions=[(decision(number, "rescan", sequence=number + 1), False)]) for number in range(2)),
        ]
        live = live_of(*batches, exam=exam)
        following = asyncio.create_task(live.follow())
        await until(lambda: exam.taken)
        for number in range(2):
            live.told(Alive(newest=number))
            await until(lambda number=number: live.board.running()[0].frames == number + 1)
            assert live.board.running()[0].verdict == "rescan"
            await until(lambda: live.problem)
            assert "examination" in live.now().problem
            assert len(exam.taken) == 1
        live.told(Alive(newest=2))
        await until(lambda: not live.problem)
        assert [one.number for one, _ in exam.taken[1].decisions] == [1, 1]
        following.cancel()

    asyncio.run(run())


def test_damaged_rows_are_said_but_the_record_can_be_read():
    async def run():
        live, published = live_of(), []
        live.hub.publish = lambda name, value: published.append((name, value))
        live._follower.damaged = 3
        following = asyncio.create_task(live.follow())
        await until(lambda: published)
        assert [(name, value.problem) for name, value in published] == [
            ("now", "3 rows of the record are damaged and left out")
        ]
        assert live.health().problem == live.now().problem
        assert live.problem == ""
        following.cancel()

    asyncio.run(run())


def test_who_follows_a_record_that_was_replaced_ends_and_the_process_with_it(caplog):
    async def run():
        live, gone = live_of(RecordReplaced("another file")), asyncio.Event()
        following = asyncio.create_task(live.follow())
        following.add_done_callback(lambda task: _ended(task, gone))
        async with asyncio.timeout(20):
            await gone.wait()

    asyncio.run(run())
    assert [record.levelname for record in caplog.records] == ["CRITICAL"]
    assert "another file" in caplog.text


def test_beats_come_at_most_twice_a_second_and_only_while_the_loop_lives():
    live, published = live_of(), []
    live.hub.publish = lambda name, value: published.append(name)
    for tick in range(100):
        live.clock.at = tick * 0.1
        live.told(Alive(newest=tick))
    assert 18 <= published.count("beat") <= 20
    live.clock.at = 60.0
    assert live.silent_s == pytest.approx(50.1)


def test_models_come_and_go_and_health_of_another_shape_is_refused():
    live = live_of()
    state = {
        "schema": "model_state/1",
        "name": "q",
        "task": "quality",
        "version": "1",
        "sha256": "",
        "form": "",
        "runner": "",
        "requested": "",
        "actual": "",
        "real_gpu": False,
        "why": "",
        "tried": "",
        "compile": None,
        "state": "starting",
        "reason": "",
        "restarts": 0,
        "latency_ms": {},
    }
    topic = "scanside/stage/model/q/state"
    live.told(Retained(topic=topic, payload=msgspec.Raw(msgspec.json.encode(state))))
    assert [model.name for model in live.now().models] == ["q"]
    with pytest.raises(msgspec.ValidationError):
        live.told(Retained(topic="scanside/stage/health", payload=msgspec.Raw(b'{"strange":1}')))
    published = []
    live.hub.publish = lambda name, value: published.append((name, value.models))
    for _ in range(2):
        live.told(Retained(topic=topic, payload=msgspec.Raw(b"null")))
        assert live.now().models == []
        assert published == [("now", [])]


class Socket:
    def __init__(self):
        self.sent = []

    def setblocking(self, _):
        pass

    def send(self, packet):
        self.sent.append(msgspec.json.decode(packet, type=Ask))


def test_asks_are_answered_by_their_number_and_bounded(monkeypatch):
    monkeypatch.setattr("firmware.console.link_end.ANSWER_S", 0.05)

    async def run():
        end = Socket()
        link = LinkEnd(end, lambda _: None, lambda: None)
        note = NoteRequest(kind="new_exam")
        asks = [asyncio.create_task(link.ask(note)) for _ in range(9)]
        await until(lambda: len(end.sent) == 8)
        link._take(msgspec.json.encode(Answer(request=3, note=33)))
        link._take(msgspec.json.encode(Answer(request=99, note=1)))
        answers = await asyncio.gather(*asks, return_exceptions=True)
        assert [answer.note for answer in answers if isinstance(answer, Answer)] == [33]
        assert sum(isinstance(answer, LinkBusy) for answer in answers) == 8
        assert link._asked == {}

    asyncio.run(run())
