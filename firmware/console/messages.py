"""What crosses between the loop and the console: one JSON message a packet over a socket pair, either way.

The loop never waits for the console: a packet that finds no room is dropped, and the next `Alive` makes up for it.
"""

from typing import Literal

import msgspec

from firmware.record import NoteKind

LARGEST = 128 << 10
"""Bytes of one packet at most."""
LARGEST_REQUEST = 4096
"""Bytes of what the console may ask at most."""


class Settings(msgspec.Struct, frozen=True, kw_only=True):
    """What the console process is started with."""

    descriptor: int
    """Of its end of the socket pair."""
    parent: int
    journal: str
    pictures: str
    """Folders or files of this machine."""
    appliance: str
    room: str
    session: int
    listen: str
    port: int
    viewers: int
    exam_gap_s: float


CLEARED = b"null"
"""Payload of a topic that is cleared."""


class Alive(msgspec.Struct, frozen=True, kw_only=True, tag="alive"):
    """The loop lives, and so much is recorded; sent twice a second and at each commit."""

    newest: int


class Retained(msgspec.Struct, frozen=True, kw_only=True, tag="retained"):
    """What stands on a retained topic now. All of them are sent when the console starts."""

    topic: str
    payload: msgspec.Raw
    """CLEARED, or the payload as on MQTT."""


class Answer(msgspec.Struct, frozen=True, kw_only=True, tag="answer"):
    """To a request, once it is on disk or refused."""

    request: int
    note: int = 0
    """Sequence of the recorded note."""
    refused: str = ""
    """One sentence; empty: recorded."""


class Listening(msgspec.Struct, frozen=True, kw_only=True, tag="listening"):
    """The page is there."""

    port: int


class Failed(msgspec.Struct, frozen=True, kw_only=True, tag="failed"):
    """It is not, and will not be by starting it again at once."""

    why: str


class Ask(msgspec.Struct, frozen=True, kw_only=True, tag="ask"):
    """Have something recorded that a person said."""

    request: int
    kind: NoteKind
    scan: str = ""
    finding: str = ""
    opinion: Literal["", "fine", "bad"] = ""


ToConsole = Alive | Retained | Answer
ToLoop = Listening | Failed | Ask
