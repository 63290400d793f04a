"""MRD v1 messages out of any bytes in any cuts; knows no socket.

Readouts are found in bulk: as many equal ACQUISITION messages as lie in the buffer become one structured view. Every
length is checked before memory is taken for it, and the buffer grows only as bytes really arrive.
"""

import struct
from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from engine.acquisition import ACQUISITION_HEADER, COMPRESSION, Readouts
from engine.errors import PeerError

CONFIG_FILE, CONFIG_TEXT, HEADER, CLOSE, TEXT = 1, 2, 3, 4, 5
ACQUISITION, IMAGE, WAVEFORM, NDARRAY = 1008, 1022, 1026, 1030
CONFIG_FILE_BYTES = 1024
IMAGE_HEADER_BYTES, WAVEFORM_HEADER_BYTES = 198, 40
PIXEL_BYTES = {1: 2, 2: 2, 3: 4, 4: 4, 5: 4, 6: 8, 7: 8, 8: 16}
"""Bytes per value by MRD image data type."""

_BUFFER = 1 << 20
_ROOM = 1 << 16
_HEAD = struct.Struct("<H")
_LENGTH = struct.Struct("<I")
_LONG = struct.Struct("<Q")
_FOREIGN = {b"ya": "MRD v2", b"GE": "HTTP", b"PO": "HTTP", b"HE": "HTTP", b"OP": "HTTP", b"\x16\x03": "TLS"}


@dataclass(frozen=True, slots=True)
class WireLimits:
    """Largest message of each kind, in bytes unless said otherwise."""

    config_text: int = 1 << 20
    text: int = 64 << 10
    header: int = 8 << 20
    attributes: int = 8 << 20
    acquisition: int = 64 << 20
    image: int = 256 << 20
    waveform: int = 4 << 20
    channels: int = 1024
    samples: int = 65535
    trajectory_dimensions: int = 4


@dataclass(frozen=True, slots=True)
class ConfigFile:
    name: str


@dataclass(frozen=True, slots=True)
class ConfigText:
    text: str


@dataclass(frozen=True, slots=True)
class Header:
    xml: str


@dataclass(frozen=True, slots=True)
class Text:
    text: str


@dataclass(frozen=True, slots=True)
class Close:
    pass


@dataclass(frozen=True, slots=True)
class Acquisitions:
    """Equal readouts in a row; views of the buffer, valid until the next call of the decoder."""

    readouts: Readouts


@dataclass(frozen=True, slots=True)
class Waveform:
    raw: memoryview
    """The whole message; valid until the next call of the decoder."""


@dataclass(frozen=True, slots=True)
class Image:
    raw: memoryview
    """The whole message, to be returned unchanged; valid until the next call of the decoder."""


Event = ConfigFile | ConfigText | Header | Text | Close | Acquisitions | Waveform | Image


class Decoder:
    """`writable` and `wrote` take bytes in, `events` gives messages out; raises PeerError for good after a fault."""

    def __init__(self, limits: WireLimits | None = None) -> None:
        self._limits = limits or WireLimits()
        self._buffer = np.empty(_BUFFER, np.uint8)
        self._start = self._end = 0
        self._needed = 0
        self._seen_any = False
        self._types: dict[tuple[int, int, int], np.dtype[np.void]] = {}

    @property
    def inside_message(self) -> bool:
        """Part of a message is held."""
        return self._end > self._start

    @property
    def capacity(self) -> int:
        """Bytes of memory held."""
        return self._buffer.size

    def writable(self) -> memoryview:
        """Where the next bytes may be put; forgets every view given out before."""
        held = self._end - self._start
        if self._start and (self._buffer.size - self._end < max(_ROOM, self._needed - held) or not held):
            self._buffer[:held] = self._buffer[self._start : self._end]
            self._start, self._end = 0, held
        if self._end == self._buffer.size:
            grown = np.empty(min(2 * self._buffer.size, max(self._needed, held + _ROOM)), np.uint8)
            grown[:held] = self._buffer[:held]
            self._buffer = grown
        elif not held and self._buffer.size > 8 * _BUFFER:
            self._buffer = np.empty(_BUFFER, np.uint8)
        return self._buffer.data[self._end :]

    def wrote(self, count: int) -> None:
        """`count` bytes were put where `writable` said."""
        self._end += count

    def feed(self, data: bytes) -> Iterator[Event]:
        """Copy `data` in piece by piece and give its events; each valid until the next."""
        rest = memoryview(data)
        while rest:
            room = self.writable()
            count = min(len(room), len(rest))
            room[:count] = rest[:count]
            self.wrote(count)
            rest = rest[count:]
            yield from self.events()

    def events(self) -> Iterator[Event]:
        """All whole messages that are held."""
        while self._end - self._start >= _HEAD.size:
            event, size = self._next()
            if event is None:
                self._needed = size
                return
            self._seen_any = True
            self._start += size
            yield event

    def _view(self, offset: int, count: int) -> memoryview:
        begin = self._start + offset
        return self._buffer.data[begin : begin + count]

    def _next(self) -> tuple[Event | None, int]:
        """The next event and its size, or None and the bytes that it needs."""
        held = self._end - self._start
        (message,) = _HEAD.unpack_from(self._view(0, 2))
        if message == ACQUISITION:
            return self._acquisitions(held)
        if message == CONFIG_FILE:
            size = 2 + CONFIG_FILE_BYTES
            return (
                (ConfigFile(_string(self._view(2, CONFIG_FILE_BYTES), "CONFIG_FILE")), size)
                if held >= size
                else (None, size)
            )
        if message in (CONFIG_TEXT, HEADER, TEXT):
            return self._text_message(message, held)
        if message == CLOSE:
            return Close(), 2
        if message == IMAGE:
            return self._image(held)
        if message == WAVEFORM:
            return self._waveform(held)
        raise self._unknown(message)

    def _unknown(self, message: int) -> PeerError:
        first = bytes(self._view(0, 2))
        if not self._seen_any and first in _FOREIGN:
            return PeerError(
                f"this looks like {_FOREIGN[first]}; MRD v1 is expected here",
                mend="connect an MRD v1 client",
                reason="not_mrd_v1",
            )
        if message == NDARRAY:
            return PeerError("NDARRAY messages are not supported", mend="send readouts or images", reason="ndarray")
        return PeerError(
            f"message id {message} is unknown and has no length to skip it by",
            mend="send MRD v1 messages only",
            reason="unknown_message",
        )

    def _text_message(self, message: int, held: int) -> tuple[Event | None, int]:
        name, limit = {
            CONFIG_TEXT: ("CONFIG_TEXT", self._limits.config_text),
            HEADER: ("HEADER", self._limits.header),
            TEXT: ("TEXT", self._limits.text),
        }[message]
        if held < 6:
            return None, 6
        (length,) = _LENGTH.unpack_from(self._view(2, 4))
        _check(length <= limit, f"{name} of {length} bytes; at most {limit} are taken", "length")
        if held < 6 + length:
            return None, 6 + length
        if message == HEADER:
            return Header(_string(self._view(6, length), name)), 6 + length
        text = _string(self._view(6, length), name)
        return (Text(text) if message == TEXT else ConfigText(text)), 6 + length

    def _acquisitions(self, held: int) -> tuple[Event | None, int]:
        if held < 342:
            return None, 342
        head = self._buffer[self._start + 2 : self._start + 342].view(ACQUISITION_HEADER)[0]
        samples, channels = int(head["number_of_samples"]), int(head["active_channels"])
        dimensions = int(head["trajectory_dimensions"])
        size = self._check_acquisition(head, samples, channels, dimensions)
        if held < size:
            return None, size
        message = self._message_type(samples, channels, dimensions)
        block = self._buffer[self._start : self._start + held // size * size].view(message)
        count = len(block) if len(block) == 1 else self._alike(block, samples, channels, dimensions)
        block = block[:count]
        return Acquisitions(Readouts(block["head"], block["data"])), count * size

    def _check_acquisition(self, head: np.void, samples: int, channels: int, dimensions: int) -> int:
        limits = self._limits
        version, flags = int(head["version"]), int(head["flags"])
        size = 342 + 4 * samples * dimensions + 8 * channels * samples
        _check(version == 1, f"acquisition header version {version}; version 1 is expected", "version")
        _check(
            not flags & COMPRESSION,
            "compressed readouts (flags 53 to 56) are not supported",
            "compressed",
            "switch the client's compression off",
        )
        _check(samples >= 1, "a readout has 0 samples", "samples")
        _check(channels >= 1, "a readout has 0 channels", "channels")
        _check(
            samples <= limits.samples and channels <= limits.channels,
            f"a readout of {samples} samples of {channels} channels; at most {limits.samples} of {limits.channels} "
            "are taken",
            "size",
        )
        _check(
            dimensions <= limits.trajectory_dimensions,
            f"{dimensions} trajectory dimensions; at most {limits.trajectory_dimensions} are taken",
            "trajectory",
        )
        _check(size <= limits.acquisition, f"a readout of {size} bytes; at most {limits.acquisition} are taken", "size")
        discard = int(head["discard_pre"]) + int(head["discard_post"])
        _check(discard < samples, f"a readout of {samples} samples of which {discard} are to be discarded", "discard")
        return size

    def _message_type(self, samples: int, channels: int, dimensions: int) -> np.dtype[np.void]:
        key = samples, channels, dimensions
        known = self._types.get(key)
        if known is None:
            known = np.dtype(
                [
                    ("id", "<u2"),
                    ("head", ACQUISITION_HEADER),
                    ("trajectory", "<f4", (samples, dimensions)),
                    ("data", "<c8", (channels, samples)),
                ]
            )
            if len(self._types) < 64:
                self._types[key] = known
        return known

    @staticmethod
    def _alike(block: NDArray[np.void], samples: int, channels: int, dimensions: int) -> int:
        """How many messages from the first on are of the same kind and need no closer look."""
        head = block["head"]
        same = (block["id"] == ACQUISITION) & (head["version"] == 1)
        same &= (head["number_of_samples"] == samples) & (head["active_channels"] == channels)
        same &= (head["trajectory_dimensions"] == dimensions) & (head["flags"] & np.uint64(COMPRESSION) == 0)
        same &= head["discard_pre"].astype(np.int32) + head["discard_post"] < samples
        return len(same) if same.all() else int(same.argmin())

    def _image(self, held: int) -> tuple[Event | None, int]:
        fixed = 2 + IMAGE_HEADER_BYTES + 8
        if held < fixed:
            return None, fixed
        view = self._view(2, IMAGE_HEADER_BYTES + 8)
        (data_type,) = struct.unpack_from("<H", view, 2)
        sizes = (*struct.unpack_from("<3H", view, 16), *struct.unpack_from("<H", view, 34))
        (attributes,) = _LONG.unpack_from(view, IMAGE_HEADER_BYTES)
        _check(data_type in PIXEL_BYTES, f"image data type {data_type} is unknown", "image_type")
        _check(
            min(sizes) >= 1,
            f"an image of {sizes[0]} x {sizes[1]} x {sizes[2]} pixels, {sizes[3]} channels",
            "image_size",
        )
        _check(
            attributes <= self._limits.attributes,
            f"image attributes of {attributes} bytes; at most {self._limits.attributes} are taken",
            "attributes",
        )
        pixels = sizes[0] * sizes[1] * sizes[2] * sizes[3] * PIXEL_BYTES[data_type]
        _check(
            pixels <= self._limits.image,
            f"an image of {pixels} bytes; at most {self._limits.image} are taken",
            "image_size",
        )
        size = fixed + attributes + pixels
        return (Image(self._view(0, size)), size) if held >= size else (None, size)

    def _waveform(self, held: int) -> tuple[Event | None, int]:
        if held < 2 + WAVEFORM_HEADER_BYTES:
            return None, 2 + WAVEFORM_HEADER_BYTES
        samples, channels = struct.unpack_from("<HH", self._view(2, WAVEFORM_HEADER_BYTES), 28)
        payload = 4 * samples * channels
        _check(
            payload <= self._limits.waveform,
            f"a waveform of {payload} bytes; at most {self._limits.waveform} are taken",
            "waveform",
        )
        size = 2 + WAVEFORM_HEADER_BYTES + payload
        return (Waveform(self._view(0, size)), size) if held >= size else (None, size)


def _check(good: bool, what: str, reason: str, mend: str = "correct the client and start the scan again") -> None:
    if not good:
        raise PeerError(what, mend=mend, reason=reason)


def _string(data: memoryview, name: str) -> str:
    """UTF-8 up to the first NUL."""
    raw = bytes(data).split(b"\0", 1)[0]
    try:
        return raw.decode("utf-8")
    except UnicodeDecodeError as error:
        raise PeerError(f"{name} is not UTF-8", mend="send text as UTF-8", reason="not_utf8") from error
