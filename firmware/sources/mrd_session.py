"""The order of messages in one MRD session, as a table."""

from enum import StrEnum

from engine.errors import PeerError
from firmware.sources import mrd_codec as codec


class State(StrEnum):
    """What the session waits for."""

    CONFIG = "await_config"
    HEADER = "await_header"
    STREAM = "streaming"
    CLOSED = "closed"


_CONFIG_FIRST = "data came before the configuration; send CONFIG_FILE or CONFIG_TEXT first"
_HEADER_FIRST = "data came before the header; send the MRD header after the configuration"
_CONFIG_TWICE = "a second config came; one configuration per session"
_HEADER_TWICE = "a second header came; one header per session"
_CLOSED = "a message came after CLOSE; open a new connection for a new scan"

CONFIG, HEADER, TEXT, DATA, CLOSE = "config", "header", "text", "data", "close"

KIND: dict[type[codec.Event], str] = {
    codec.ConfigFile: CONFIG,
    codec.ConfigText: CONFIG,
    codec.Header: HEADER,
    codec.Text: TEXT,
    codec.Acquisitions: DATA,
    codec.Waveform: DATA,
    codec.Image: DATA,
    codec.Close: CLOSE,
}

TRANSITIONS: dict[tuple[State, str], State | str] = {
    (State.CONFIG, CONFIG): State.HEADER,
    (State.CONFIG, HEADER): _CONFIG_FIRST,
    (State.CONFIG, TEXT): _CONFIG_FIRST,
    (State.CONFIG, DATA): _CONFIG_FIRST,
    (State.CONFIG, CLOSE): State.CLOSED,
    (State.HEADER, CONFIG): _CONFIG_TWICE,
    (State.HEADER, HEADER): State.STREAM,
    (State.HEADER, TEXT): State.HEADER,
    (State.HEADER, DATA): _HEADER_FIRST,
    (State.HEADER, CLOSE): State.CLOSED,
    (State.STREAM, CONFIG): _CONFIG_TWICE,
    (State.STREAM, HEADER): _HEADER_TWICE,
    (State.STREAM, TEXT): State.STREAM,
    (State.STREAM, DATA): State.STREAM,
    (State.STREAM, CLOSE): State.CLOSED,
    (State.CLOSED, CONFIG): _CLOSED,
    (State.CLOSED, HEADER): _CLOSED,
    (State.CLOSED, TEXT): _CLOSED,
    (State.CLOSED, DATA): _CLOSED,
    (State.CLOSED, CLOSE): _CLOSED,
}
"""Next state, or the sentence that ends the session."""


class Session:
    """Follows the table."""

    def __init__(self) -> None:
        self.state = State.CONFIG

    def take(self, event: codec.Event) -> None:
        """Raises PeerError when the event has no place now."""
        following = TRANSITIONS[self.state, KIND[type(event)]]
        if not isinstance(following, State):
            raise PeerError(following, reason="order")
        self.state = following
