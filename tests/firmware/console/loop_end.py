"""A stand-in for the loop: a real journal, the real link, and the real console process at its other end."""

import contextlib
import json
import os
import select
import socket
import subprocess
import sys
import threading
import urllib.request
from dataclasses import replace
from pathlib import Path
from typing import Any, Self

import msgspec

from firmware.clock import SystemClock
from firmware.console.messages import (
    CLEARED,
    LARGEST,
    Alive,
    Answer,
    Ask,
    Failed,
    Listening,
    Retained,
    Settings,
    ToLoop,
)
from firmware.journal import Entry, Journal
from firmware.record import NoteRecord
from firmware.sinks.payloads import Envelope, encode

APPLIANCE = "stage"
_ALIVE_S = 0.4
_START_S = 30.0


def settings_of(folder: Path, descriptor: int, **given: Any) -> Settings:
    """What the console is started with, on a record in `folder`."""
    said: dict[str, Any] = {
        "parent": os.getpid(),
        "journal": str(folder / "journal.db"),
        "pictures": str(folder / "pictures"),
        "appliance": APPLIANCE,
        "room": "MR 2",
        "session": 1,
        "listen": "127.0.0.1",
        "port": 0,
        "viewers": 128,
        "exam_gap_s": 1800.0,
    }
    return Settings(descriptor=descriptor, **{**said, **given})


class LoopEnd:
    """Use as a context: `with LoopEnd(folder) as loop: loop.get("now")`."""

    def __init__(self, folder: Path, *, port: int = 0, viewers: int = 128, listen: str = "127.0.0.1") -> None:
        self.folder, self.pictures = folder, folder / "pictures"
        self._clock = SystemClock()
        self.journal = Journal(folder / "journal.db", self._clock)
        self.refuse = ""
        """What asks are answered with instead of being recorded."""
        self.asked: list[Ask] = []
        self.said: Listening | Failed | None = None
        self._wish_port, self._viewers, self._listen = port, viewers, listen
        self._retained: dict[str, Retained] = {}
        self._silent = threading.Event()
        self._closing = threading.Event()
        self._wake_end, self._wake = socket.socketpair(socket.AF_UNIX, socket.SOCK_DGRAM)
        self._wake.setblocking(False)

    def __enter__(self) -> Self:
        self.start()
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    # --- the console's life ------------------------------------------------------------------------

    def start(self) -> None:
        """Start the console and wait until it listens or says why not."""
        self._end, other = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        settings = settings_of(
            self.folder,
            other.fileno(),
            listen=self._listen,
            port=self._wish_port,
            viewers=self._viewers,
            session=self.journal.session,
        )
        self.process = subprocess.Popen(
            [sys.executable, "-m", "firmware.console", msgspec.json.encode(settings).decode()],
            pass_fds=(other.fileno(),),
            process_group=0,
        )
        other.close()
        self._end.settimeout(_START_S)
        self.said = msgspec.json.decode(self._end.recv(LARGEST), type=ToLoop)
        self._end.setblocking(False)
        for message in self._retained.values():
            self._send(message)
        self._thread = threading.Thread(target=self._run, daemon=True)
        self.journal.subscribe(self._poke)
        self._thread.start()

    def close(self) -> None:
        """End both."""
        self._closing.set()
        self._poke()
        self._thread.join(10)
        self._end.close()
        try:
            self.process.wait(10)
        finally:
            self.process.kill()
            self.journal.close()
            self._wake.close()
            self._wake_end.close()

    def cut(self) -> None:
        """Close the link, as a loop that dies does."""
        self._closing.set()
        self._poke()
        self._thread.join(10)
        self._end.shutdown(socket.SHUT_RDWR)

    def silence(self, silent: bool = True) -> None:
        """Give no sign of life, as a loop that hangs."""
        (self._silent.set if silent else self._silent.clear)()

    # --- what it tells -----------------------------------------------------------------------------

    @property
    def port(self) -> int:
        assert isinstance(self.said, Listening), self.said
        return self.said.port

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    def get(self, path: str) -> Any:
        """JSON of an address below /api/v1."""
        with urllib.request.urlopen(f"{self.url}/api/v1/{path}", timeout=20) as answer:
            return json.load(answer)

    def record(self, entry: Entry) -> None:
        """On disk when it returns."""
        told, was = threading.Event(), entry.on_commit

        def on_commit() -> None:
            was()
            told.set()

        self.journal.append(replace(entry, on_commit=on_commit))
        assert told.wait(20), "the journal did not commit"

    def retain(self, topic: str, payload: Envelope | None) -> None:
        """As the loop does with each retained MQTT topic."""
        raw = msgspec.Raw(CLEARED if payload is None else encode(payload))
        self._retained[topic] = Retained(topic=topic, payload=raw)
        self._send(self._retained[topic])

    def send_raw(self, packet: bytes) -> None:
        self._end.send(packet)

    def _send(self, message: Alive | Retained | Answer) -> None:
        if self.said is not None:
            with contextlib.suppress(OSError):
                self._end.send(msgspec.json.encode(message))

    def _poke(self) -> None:
        with contextlib.suppress(OSError):
            self._wake.send(b"1")

    def _run(self) -> None:
        while not self._closing.is_set():
            ready, _, _ = select.select([self._wake_end, self._end], [], [], _ALIVE_S)
            if self._wake_end in ready:
                self._wake_end.recv(1)
            if self._end in ready and not self._hear():
                return
            if not self._silent.is_set():
                self._send(Alive(newest=self.journal.newest))

    def _hear(self) -> bool:
        try:
            packet = self._end.recv(LARGEST)
        except OSError:
            return False
        if not packet:
            return False
        message = msgspec.json.decode(packet, type=ToLoop)
        if isinstance(message, Ask):
            self._answer(message)
        return True

    def _answer(self, ask: Ask) -> None:
        self.asked.append(ask)
        if self.refuse:
            self._send(Answer(request=ask.request, refused=self.refuse))
            return
        said = NoteRecord(kind=ask.kind, scan=ask.scan, finding=ask.finding, opinion=ask.opinion)
        note = msgspec.structs.replace(said, run=self.journal.session, up=self._clock.monotonic())

        def on_note(recorded: NoteRecord) -> None:
            self._send(Answer(request=ask.request, note=recorded.sequence))

        self.journal.append(Entry(note=note, on_note=on_note))
