"""One scanner's TCP connection as a source: MRD v1 messages in, images and text back."""

import logging
import socket
import struct
import time
from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field

import numpy as np

from engine.acquisition import ACQUISITION_HEADER, Readouts
from engine.errors import PeerError
from engine.types import Frame, Scan
from firmware.health import Health
from firmware.sources import mrd_encode
from firmware.sources.capture import Capture
from firmware.sources.mrd_codec import (
    Acquisitions,
    Close,
    ConfigFile,
    ConfigText,
    Decoder,
    Event,
    Header,
    Image,
    Text,
    Waveform,
    WireLimits,
)
from firmware.sources.mrd_config import ReplyForm, choose_config, config_from_text
from firmware.sources.mrd_header import parse_header
from firmware.sources.mrd_image import ORIGINAL, PROCESSED, choose_scale, image_message
from firmware.sources.mrd_session import Session
from firmware.sources.outbox import Outbox, OutboxLimits

log = logging.getLogger(__name__)

_TICK_S = 1
_NOTHING = Readouts(np.zeros(0, ACQUISITION_HEADER), np.zeros((0, 1, 1), np.complex64))
_FLUSH_S = 5.0


@dataclass(frozen=True, slots=True)
class ConnectionLimits:
    """Patience and memory for one connected scanner."""

    message_s: float = 30.0
    """Seconds for one message to arrive once it has begun."""
    idle_s: float = 600.0
    """Seconds of silence between messages."""
    wire: WireLimits = field(default_factory=WireLimits)
    outbox: OutboxLimits = field(default_factory=OutboxLimits)


class MrdConnection:
    """A `Source` over one accepted socket; every method but `send_*` belongs to one thread."""

    def __init__(
        self,
        sock: socket.socket,
        scan_id: str,
        limits: ConnectionLimits,
        health: Health,
        capture: Capture | None = None,
        exam_key: bytes = b"",
        monotonic: Callable[[], float] = time.monotonic,
    ) -> None:
        sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE, 1)
        # A receive time-out in the kernel keeps the socket blocking: one system call per receive, not two.
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_RCVTIMEO, struct.pack("@ll", _TICK_S, 0))
        self._socket, self._scan_id, self._limits, self._health = sock, scan_id, limits, health
        self._capture, self._exam_key, self._monotonic = capture, exam_key, monotonic
        self._decoder = Decoder(limits.wire)
        self._session = Session()
        self._outbox = Outbox(sock, limits.outbox)
        self._events = self._receive_events()
        self._scan: Scan | None = None
        self._config_name, self._form = "scanside", ReplyForm.FLOAT32
        self._scale: float | None = None
        self._images_sent: Counter[int] = Counter()
        self._stopping = False
        self._peer_done = False
        self._ended_by = "eof"
        self._waiting_since = monotonic()
        self.received: Counter[str] = Counter()

    # --- Source ------------------------------------------------------------------------------------

    def scan(self) -> Scan:
        """Wait for configuration and header; raises PeerError or InputRefused with the reason."""
        for event in self._events:
            if isinstance(event, Header):
                self._scan = parse_header(event.xml, self._scan_id, self._exam_key)
                return self._scan
            if event is not None:
                self._take(event)
        raise PeerError(
            f"the connection ended ({self._ended_by}) before a header came",
            mend="send a configuration and the MRD header first",
            reason=f"no_header_{self._ended_by}",
        )

    def readouts(self) -> Iterator[Readouts]:
        """Batches of readouts, an empty one after each quiet second; all other messages are dealt with here."""
        for event in self._events:
            if event is None:
                yield _NOTHING
            elif isinstance(event, Acquisitions):
                yield event.readouts
            else:
                self._take(event)

    @property
    def ended_by(self) -> str:
        """close, eof, timeout or stopped."""
        return self._ended_by

    def send_image(self, frame: Frame) -> None:
        """The frame as one IMAGE message in the form that the configuration asks for; processed ones are series 2."""
        if self._form is ReplyForm.NONE or self._scan is None:
            return
        if self._form is ReplyForm.INT16 and self._scale is None:
            self._scale = choose_scale(frame)
        series = PROCESSED if frame.processed_by else ORIGINAL
        self._images_sent[series] += 1
        message = image_message(
            frame,
            self._scan,
            self._form.value,
            scale=self._scale or 1.0,
            series_index=series,
            image_index=self._images_sent[series],
        )
        if not self._outbox.put(message):
            self._health.count("images_dropped_peer_not_reading")

    def send_text(self, text: str) -> None:
        """One TEXT message; dropped and counted when the peer does not read."""
        if not self._outbox.put([mrd_encode.text(text)]):
            self._health.count("texts_dropped_peer_not_reading")

    # --- the connection ----------------------------------------------------------------------------

    def stop(self) -> None:
        """End the scan from another thread: what is there is judged, the peer gets text and CLOSE."""
        self._stopping = True

    def finish(self) -> None:
        """Send CLOSE, flush and close; a peer that does not read is given five seconds."""
        self._outbox.put([mrd_encode.close()])
        flushed = self._outbox.finish(_FLUSH_S)
        if flushed and not self._peer_done:
            self._drain()
        self._socket.close()
        for kind, count in self.received.items():
            self._health.count(f"received_{kind}", count)

    def _drain(self) -> None:
        """Read what a refused peer still sends, one second at most, so that our reason is not lost to a reset."""
        try:
            self._socket.shutdown(socket.SHUT_WR)
            self._socket.settimeout(0.2)
            end = self._monotonic() + 1.0
            while self._monotonic() < end and self._socket.recv(1 << 16):
                pass
        except OSError:
            pass  # the peer is gone: there is nobody left to tell

    def _take(self, event: Event) -> None:
        match event:
            case ConfigFile(name=name):
                self._configure(name)
            case ConfigText(text=text):
                self._configure(text)
            case Text(text=line):
                self.received["texts"] += 1
                if (wanted := config_from_text(line)) is not None:
                    self._configure(wanted)
            case Image(raw=raw):
                self.received["images"] += 1
                if not self._outbox.put([bytes(raw)], returned=True):
                    self._health.count("returned_images_dropped_peer_not_reading")
            case Waveform():
                self.received["waveforms"] += 1

    def _configure(self, wanted: str) -> None:
        config = choose_config(wanted)
        self._config_name, self._form = config.name, config.form
        if config.remark:
            self.send_text(config.remark)

    def _receive_events(self) -> Iterator[Event | None]:
        """Every event in the order the session allows (None: a quiet second), until CLOSE, end, silence or stop."""
        while True:
            for event in self._decoder.events():
                self._waiting_since = self._monotonic()
                self._session.take(event)
                if isinstance(event, Close):
                    self._ended_by, self._peer_done = "close", True
                    return
                yield event
            received = self._receive()
            if received is None:
                yield None
            elif not received:
                return

    def _receive(self) -> bool | None:
        """Wait for bytes; None after a second without, False at the end, after too long a silence, or when told."""
        inside = self._decoder.inside_message
        view = self._decoder.writable()
        if self._stopping:
            self._ended_by = "stopped"
            return False
        if self._out_of_patience(inside):
            return False
        try:
            count = self._socket.recv_into(view)
        except BlockingIOError:
            return None
        except OSError as error:
            log.info("scan=%s connection lost: %s", self._scan_id, error)
            count = 0
        if count == 0:
            self._ended_by, self._peer_done = "eof", True
            return False
        if not inside:
            self._waiting_since = self._monotonic()
        if self._capture is not None:
            self._capture.take(view[:count])
        self._decoder.wrote(count)
        return True

    def _out_of_patience(self, inside: bool) -> bool:
        """True after too long inside a message (however slowly it drips in) or between messages."""
        patience = self._limits.message_s if inside else self._limits.idle_s
        if self._monotonic() - self._waiting_since <= patience:
            return False
        self._ended_by = "timeout"
        what = f"a message stayed unfinished for {patience:g} s" if inside else f"silent for {patience:g} s"
        log.warning("scan=%s %s: the scan ends as partial", self._scan_id, what)
        self._health.count("timeout_inside_message" if inside else "timeout_idle")
        self.send_text(f"ERROR: {what}; the scan ends here as partial")
        return True
