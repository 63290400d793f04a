"""What goes back to a connected scanner: sent at once when the socket takes it, else by a thread of its own.

Whoever puts a message never waits. A peer that does not read loses our images first, then our text; what it sent
us is not affected.
"""

import logging
import select
import socket
import threading
from collections import deque
from collections.abc import Sequence
from dataclasses import dataclass

log = logging.getLogger(__name__)

_POLL_MS = 200


@dataclass(frozen=True, slots=True)
class OutboxLimits:
    """How much may wait for a peer that does not read, in bytes."""

    droppable: int = 32 << 20
    """Our own images and text."""
    returned: int = 256 << 20
    """Images of the scanner's own that must go back unchanged."""


class Outbox:
    """Bounded, ordered queue in front of one blocking socket."""

    def __init__(self, sock: socket.socket, limits: OutboxLimits | None = None) -> None:
        self._socket = sock
        self._limits = limits or OutboxLimits()
        self._lock = threading.Lock()
        self._changed = threading.Condition(self._lock)
        self._waiting: deque[memoryview] = deque()
        self._waiting_bytes = 0
        self._writer: threading.Thread | None = None
        self._broken = False
        self._closing = False
        self.dropped = 0
        """Messages that were not sent because the peer did not read or was gone."""

    def put(self, buffers: Sequence[bytes | bytearray | memoryview], *, returned: bool = False) -> bool:
        """Queue one message given as consecutive buffers; False when it was dropped. Never blocks."""
        views = [memoryview(part).cast("B") for part in buffers]
        size = sum(view.nbytes for view in views)
        limit = self._limits.returned if returned else self._limits.droppable
        with self._lock:
            if self._broken or self._closing or self._waiting_bytes + size > limit:
                self.dropped += 1
                return False
            idle = not self._waiting
            self._waiting.extend(view for view in views if view.nbytes)
            self._waiting_bytes += size
            if idle:
                self._send_what_fits()
            if self._waiting and not self._broken:
                self._wake_writer()
        return True

    def finish(self, deadline_s: float) -> bool:
        """Wait until everything is sent, at most `deadline_s` seconds; True when it was."""
        with self._lock:
            sent = self._changed.wait_for(lambda: not self._waiting or self._broken, timeout=deadline_s)
            self._closing = True
            self._changed.notify_all()
            return sent and not self._broken

    def _wake_writer(self) -> None:
        if self._writer is None:
            self._writer = threading.Thread(target=self._write, name="scanner-writer", daemon=True)
            self._writer.start()
        self._changed.notify_all()

    def _send_what_fits(self) -> None:
        """Hand the kernel what it takes without waiting; the lock is held."""
        while self._waiting:
            try:
                sent = self._socket.sendmsg(list(self._waiting)[:16], [], socket.MSG_DONTWAIT)
            except BlockingIOError:
                return
            except OSError as error:
                self._broken = True
                self.dropped += 1
                self._waiting.clear()
                self._waiting_bytes = 0
                log.info("the scanner no longer takes answers: %s", error)
                self._changed.notify_all()
                return
            self._waiting_bytes -= sent
            while sent:
                head = self._waiting[0]
                if sent < head.nbytes:
                    self._waiting[0] = head[sent:]
                    break
                sent -= head.nbytes
                self._waiting.popleft()
        self._changed.notify_all()

    def _write(self) -> None:
        poller = select.poll()
        try:
            poller.register(self._socket, select.POLLOUT)
        except (OSError, ValueError):
            return
        while True:
            with self._lock:
                self._changed.wait_for(lambda: bool(self._waiting) or self._closing or self._broken)
                if self._closing or self._broken:
                    return
            poller.poll(_POLL_MS)
            with self._lock:
                if self._waiting and not self._broken:
                    self._send_what_fits()
