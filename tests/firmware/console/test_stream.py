"""The stream: snapshot first, bounded, once encoded, and free of who does not read."""

import asyncio

import msgspec

from firmware.console import stream
from firmware.console.api import Beat
from firmware.console.stream import QUEUE, Hub


def beat(number):
    return Beat(newest=number, time="")


class Clock:
    def __init__(self):
        self.at = 0.0

    def monotonic(self):
        return self.at

    def now(self):
        return self.at


class Browser:
    """One end of ASGI: reads when it is allowed to, leaves when it is told to."""

    def __init__(self, hub):
        self.reads, self.leaves = asyncio.Event(), asyncio.Event()
        self.reads.set()
        self.chunks, self.ended, self.let_go = [], False, False
        self.task = asyncio.create_task(hub.serve(self.receive, self.send, self.go))

    def go(self):
        self.let_go = True
        self.leaves.set()

    async def receive(self):
        await self.leaves.wait()
        return {"type": "http.disconnect"}

    async def send(self, message):
        await self.reads.wait()
        if message["type"] == "http.response.body":
            self.chunks.append(message["body"])
            self.ended = not message["more_body"]

    def events(self):
        found = []
        for event in b"".join(self.chunks).decode().split("\n\n"):
            fields = dict(line.split(": ", 1) for line in event.splitlines())
            if "event" in fields:
                found.append((fields["event"], msgspec.json.decode(fields["data"])["newest"]))
        return found


async def settle(condition=lambda: False):
    for _ in range(2000):
        if condition():
            return
        await asyncio.sleep(0)


def test_the_snapshot_comes_first_and_what_follows_is_newer():
    async def run():
        hub = Hub(5, lambda: beat(100), Clock())
        hub.publish("beat", beat(1))
        browser = Browser(hub)
        await settle(lambda: browser.chunks)
        hub.publish("beat", beat(2))
        hub.publish("series", beat(3))
        await settle(lambda: len(browser.events()) == 3)
        assert browser.events() == [("now", 100), ("beat", 2), ("series", 3)]
        hub.close()
        await browser.task
        assert browser.ended

    asyncio.run(run())


def test_who_falls_behind_gets_the_snapshot_and_others_get_everything():
    async def run():
        newest = [-1]
        hub = Hub(5, lambda: beat(newest[-1]), Clock())
        slow, quick = Browser(hub), Browser(hub)
        await settle(lambda: slow.chunks and quick.chunks)
        slow.reads.clear()
        for number in range(10 * QUEUE):
            newest.append(number)
            hub.publish("beat", beat(number))
            await settle(lambda number=number: len(quick.events()) == number + 2)
            assert max(len(viewer.waiting) for viewer in hub._open) <= QUEUE
        assert [number for _, number in quick.events()] == [-1, *range(10 * QUEUE)]
        slow.reads.set()
        await settle()
        told = slow.events()
        assert [name for name, _ in told].count("now") == 2
        assert len(told) <= QUEUE + 3
        numbers = [number for _, number in told]
        assert numbers == sorted(numbers), "nothing old comes after a snapshot"
        hub.publish("beat", beat(9999))
        await settle(lambda: ("beat", 9999) in slow.events())
        assert slow.events()[-1] == ("beat", 9999)
        hub.close()
        await asyncio.gather(slow.task, quick.task)

    asyncio.run(run())


def test_an_event_and_a_snapshot_are_encoded_once_for_all():
    async def run():
        made = []
        hub = Hub(50, lambda: made.append(1) or beat(0), Clock())
        browsers = [Browser(hub) for _ in range(20)]
        await settle(lambda: all(browser.chunks for browser in browsers))
        hub.publish("beat", beat(7))
        await settle(lambda: all(len(browser.chunks) == 2 for browser in browsers))
        assert len(made) == 1
        assert len({id(browser.chunks[1]) for browser in browsers}) == 1
        hub.close()
        await asyncio.gather(*(browser.task for browser in browsers))

    asyncio.run(run())


def test_a_snapshot_that_is_old_is_made_anew_though_nothing_happened():
    async def run():
        clock = Clock()
        hub = Hub(5, lambda: beat(round(clock.at * 10)), clock)
        browsers = []
        for at in (0.0, 0.4, 5.0):
            clock.at = at
            browsers.append(Browser(hub))
            await settle(lambda: browsers[-1].chunks)
        assert [browser.events() for browser in browsers] == [[("now", 0)], [("now", 0)], [("now", 50)]]
        hub.close()
        await asyncio.gather(*(browser.task for browser in browsers))

    asyncio.run(run())


def test_who_leaves_and_who_does_not_read_for_long_gives_the_place_back(monkeypatch):
    monkeypatch.setattr(stream, "STALLED_S", 0.01)

    async def run():
        hub = Hub(2, lambda: beat(0), Clock())
        leaving, stuck = Browser(hub), Browser(hub)
        await settle(lambda: leaving.chunks and stuck.chunks)
        assert hub.full
        leaving.leaves.set()
        stuck.reads.clear()
        hub.publish("beat", beat(1))
        await asyncio.wait_for(asyncio.gather(leaving.task, stuck.task), 20)
        assert len(hub) == 0
        assert (leaving.let_go, stuck.let_go) == (False, True)

    asyncio.run(run())


def test_silence_is_filled_with_comments(monkeypatch):
    monkeypatch.setattr(stream, "COMMENT_S", 0.001)

    async def run():
        hub = Hub(2, lambda: beat(0), Clock())
        browser = Browser(hub)
        async with asyncio.timeout(20):
            while b": still here\n\n" not in browser.chunks:
                await asyncio.sleep(0.001)
        hub.close()
        await browser.task

    asyncio.run(run())
