"""The console's end of the link to the loop: what it tells, and what is asked of it."""

import asyncio
import contextlib
import logging
import socket
from collections.abc import Callable

import msgspec

from firmware.console.api import NoteRequest
from firmware.console.messages import LARGEST, Alive, Answer, Ask, Failed, Listening, Retained, ToConsole

log = logging.getLogger(__name__)

OPEN = 8
"""Requests without an answer at most."""
ANSWER_S = 5.0
"""s for the loop to answer."""


class LinkBusy(Exception):
    """The loop cannot take the request now."""


class LinkEnd:
    """Reads without waiting, in the event loop's thread.

    `told` takes what the loop tells, and may raise msgspec.MsgspecError; `gone` is called when the loop is no more.
    """

    def __init__(self, end: socket.socket, told: Callable[[Alive | Retained], None], gone: Callable[[], None]) -> None:
        self._end, self._told, self._gone = end, told, gone
        self._decoder = msgspec.json.Decoder(ToConsole)
        self._asked: dict[int, asyncio.Future[Answer]] = {}
        self._last = 0
        self.rubbish = 0
        """Packets that were no message."""
        end.setblocking(False)

    def listen(self, loop: asyncio.AbstractEventLoop) -> None:
        """Have the event loop call when something comes."""
        loop.add_reader(self._end.fileno(), self._read, loop)

    def say(self, message: Listening | Failed) -> None:
        """Tell the loop; what finds no room is not said: the loop finds out by itself."""
        with contextlib.suppress(OSError):
            self._end.send(msgspec.json.encode(message))

    async def ask(self, note: NoteRequest) -> Answer:
        """Have a note recorded; raises LinkBusy when the loop takes no more or does not answer."""
        if len(self._asked) >= OPEN:
            raise LinkBusy(f"{OPEN} notes wait already")
        self._last += 1
        number = self._last
        future: asyncio.Future[Answer] = asyncio.get_running_loop().create_future()
        asked = Ask(request=number, kind=note.kind, scan=note.scan, finding=note.finding, opinion=note.opinion)
        self._asked[number] = future
        try:
            self._end.send(msgspec.json.encode(asked))
            async with asyncio.timeout(ANSWER_S):
                return await future
        except (OSError, TimeoutError) as error:
            raise LinkBusy("the appliance's loop does not answer") from error
        finally:
            del self._asked[number]

    def _read(self, loop: asyncio.AbstractEventLoop) -> None:
        while True:
            try:
                packet = self._end.recv(LARGEST + 1)
            except BlockingIOError:
                return
            except OSError:
                packet = b""
            if not packet:
                loop.remove_reader(self._end.fileno())
                self._gone()
                return
            self._take(packet)

    def _take(self, packet: bytes) -> None:
        try:
            message: ToConsole = self._decoder.decode(packet)
            if not isinstance(message, Answer):
                self._told(message)
            elif (future := self._asked.get(message.request)) is not None and not future.done():
                future.set_result(message)
        except msgspec.MsgspecError as error:
            self.rubbish += 1
            if self.rubbish == 1:
                log.error("the loop sent what is no message: %s", error)
