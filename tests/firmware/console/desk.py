"""A console without a process: the application on a record of its own, asked without a socket."""

import asyncio
import threading

import httpx
import numpy as np

from engine.types import Geometry
from firmware.console.api import NoteRequest
from firmware.console.app import application
from firmware.console.console import Console
from firmware.console.examination import Examination
from firmware.console.follow import Follower
from firmware.console.link_end import LinkBusy
from firmware.console.live import Live
from firmware.console.messages import Answer
from firmware.console.trends import TrendBook
from firmware.journal import Entry, Journal, Outgoing
from firmware.journal_reader import JournalReader
from firmware.pictures import files
from firmware.record import NoteRecord
from tests.firmware.console.loop_end import settings_of
from tests.firmware.console.record_cases import BEGAN, decision_topic

PORT, TOKEN = 9003, "tellme"
HERE = f"http://127.0.0.1:{PORT}"


class Clock:
    def __init__(self):
        self.at, self.wall = 100.0, BEGAN + 100.0

    def monotonic(self):
        return self.at

    def now(self):
        return self.wall


class Loop:
    """Stands in for the link: records at once, refuses or is busy."""

    def __init__(self, journal):
        self.journal, self.refuse, self.busy = journal, "", False

    async def ask(self, note: NoteRequest) -> Answer:
        if self.busy:
            raise LinkBusy("the appliance's loop does not answer")
        if self.refuse:
            return Answer(request=1, refused=self.refuse)
        told, sequences = threading.Event(), []

        def on_note(recorded):
            sequences.append(recorded.sequence)
            told.set()

        said = NoteRecord(kind=note.kind, scan=note.scan, finding=note.finding, opinion=note.opinion)
        self.journal.append(Entry(note=said, on_note=on_note))
        assert told.wait(10)
        return Answer(request=1, note=sequences[0])


class Client:
    """Requests straight into the application."""

    def __init__(self, app):
        self._transport = httpx.ASGITransport(app, raise_app_exceptions=False)

    def request(self, method, path, **more):
        async def ask():
            async with httpx.AsyncClient(transport=self._transport, base_url=HERE) as client:
                return await client.request(method, path, **more)

        return asyncio.run(ask())

    def get(self, path, **more):
        return self.request("GET", path, **more)


class Desk:
    """A console in this process on a record of its own."""

    def __init__(self, folder):
        self.folder, self.clock = folder, Clock()
        self.journal = Journal(folder / "journal.db", self.clock)
        settings = settings_of(folder, 0, port=PORT, viewers=2)
        reader = JournalReader(folder / "journal.db", "stage")
        self.follower = Follower(reader, folder / "pictures")
        self.examination = Examination(reader, 1800.0, self.clock, settings.session)
        self.live = Live(settings, self.follower, self.examination, self.clock, TOKEN)
        self.loop = Loop(self.journal)
        self.console = Console(settings, reader, self.live, self.loop, TrendBook(reader))
        self.client = Client(application(self.console, PORT))

    def record(self, *messages, scan=None, note=None):
        told = threading.Event()
        self.journal.append(Entry(tuple(messages), told.set, scan=scan, note=note))
        assert told.wait(10)

    def decide(self, *decisions):
        self.record(*(Outgoing(decision_topic(one.scan), one) for one in decisions))

    def follow(self):
        """One pass of what the live part does."""
        while True:
            batch = self.follower.read()
            self.live.board.take(batch)
            self.live.board.take_exam(self.live.examined(batch))
            if not self.follower.more:
                return

    def get(self, path, status=200, **more):
        answer = self.client.get(f"/api/v1/{path}", **more)
        assert answer.status_code == status, answer.text
        return answer.json()

    def picture(self, number=0, kind="image", scan="s1-1", fov=(256.0, 128.0, 5.0)):
        rows = np.arange(8 * 16, dtype="<u2").reshape(8, 16)
        geometry = Geometry((0, 0, 0), (1.0, 0, 0), (0, 1.0, 0), (0, 0, 1.0), fov)
        plane = files.Plane(
            shape=(8, 16),
            dtype="uint16",
            offset=1.0,
            step=0.5,
            low=1.0,
            high=64.5,
            unit="snr",
            geometry=geometry if kind in ("image", "processed") else None,
            processed_by="smooth 1.0" if kind == "processed" else "",
            elements=4,
            data=rows.tobytes(),
        )
        files.write(self.folder / "pictures", scan, number, kind, plane)
        return plane
