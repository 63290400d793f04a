"""The listening side of the MRD server: accepts scanners, one thread for each, refuses whom it should."""

import contextlib
import ipaddress
import logging
import socket
import threading
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path

from engine.errors import Unavailable
from engine.seams import Source
from firmware.health import Health
from firmware.sources import mrd_encode
from firmware.sources.capture import Capture
from firmware.sources.mrd_connection import ConnectionLimits, MrdConnection

log = logging.getLogger(__name__)

_BACKLOG = 64


@dataclass(frozen=True, slots=True)
class ServerSettings:
    """Who may connect, and how many."""

    host: str = "127.0.0.1"
    port: int = 9002
    """0 lets the system choose."""
    allow: tuple[str, ...] = ("127.0.0.0/8", "::1/128")
    """Addresses or networks that may connect."""
    connections: int = 64
    connections_per_address: int = 16
    connection: ConnectionLimits = field(default_factory=ConnectionLimits)
    record_dir: Path | None = None
    record_limit_bytes: int = 2 << 30


class MrdServer:
    """Listens; gives each accepted connection to `take` as a source in a thread of its own."""

    def __init__(
        self,
        settings: ServerSettings,
        take: Callable[[Source], None],
        health: Health,
        scan_prefix: str,
        exam_key: bytes = b"",
    ) -> None:
        self._settings, self._take, self._health, self._prefix = settings, take, health, scan_prefix
        self._exam_key = exam_key
        self._allowed = [ipaddress.ip_network(network, strict=False) for network in settings.allow]
        self._lock = threading.Lock()
        self._open: dict[MrdConnection, tuple[str, threading.Thread]] = {}
        self._count = 0
        self._stopping = False
        self._socket = _listen(settings.host, settings.port)
        self.port: int = self._socket.getsockname()[1]
        self._thread = threading.Thread(target=self._accept, name="scanner-accept", daemon=True)

    def start(self) -> None:
        """Begin to accept."""
        self._thread.start()
        log.info("listening for scanners on %s port %d", self._settings.host, self.port)

    def stop(self, deadline_s: float = 5.0) -> None:
        """Accept no more, end open scans, wait for their threads."""
        self._stopping = True
        with contextlib.suppress(OSError):  # not every system lets a listening socket be shut down
            self._socket.shutdown(socket.SHUT_RDWR)
        self._socket.close()
        with self._lock:
            open_now = dict(self._open)
        for connection in open_now:
            connection.stop()
        for _, thread in open_now.values():
            thread.join(deadline_s)

    def _accept(self) -> None:
        while not self._stopping:
            try:
                sock, peer = self._socket.accept()
            except OSError as error:
                if not self._stopping:
                    log.error("accepting scanners failed: %s", error)
                return
            self._health.progress("accept")
            address = str(peer[0])
            if refusal := self._refusal(address):
                self._turn_away(sock, refusal)
            else:
                self._serve(sock, address)

    def _refusal(self, address: str) -> str:
        ip = ipaddress.ip_address(address.split("%")[0])
        mapped = getattr(ip, "ipv4_mapped", None)
        if not any((mapped or ip) in network for network in self._allowed):
            self._health.count("refused_address")
            log.warning("connection from %s refused: not in scanner.allow", address)
            return "this address is not in the appliance's scanner.allow list; ask the site engineer to add it"
        with self._lock:
            total = len(self._open)
            same = sum(1 for other, _ in self._open.values() if other == address)
        if total >= self._settings.connections or same >= self._settings.connections_per_address:
            self._health.count("refused_busy")
            log.warning("connection from %s refused: %d open, %d from there", address, total, same)
            return "busy: too many connections are open; close one and try again"
        return ""

    def _turn_away(self, sock: socket.socket, reason: str) -> None:
        try:
            sock.setblocking(False)
            sock.send(mrd_encode.text(f"ERROR: {reason}") + mrd_encode.close())
        except OSError:
            pass  # the peer is gone already
        sock.close()

    def _serve(self, sock: socket.socket, address: str) -> None:
        self._count += 1
        scan_id = f"{self._prefix}-{self._count}"
        settings = self._settings
        capture = Capture(settings.record_dir, scan_id, settings.record_limit_bytes) if settings.record_dir else None
        connection = MrdConnection(sock, scan_id, settings.connection, self._health, capture, self._exam_key)
        thread = threading.Thread(target=self._run, args=(connection, capture), name=f"scanner-{scan_id}", daemon=True)
        with self._lock:
            self._open[connection] = (address, thread)
        log.info("scan=%s scanner connected from %s", scan_id, address)
        thread.start()

    def _run(self, connection: MrdConnection, capture: Capture | None) -> None:
        try:
            self._take(connection)
        except Exception:
            # The supervisor seam: one connection's fault ends that connection and nothing else.
            log.exception("a scanner connection failed")
            self._health.count("connections_failed")
            connection.send_text("ERROR: internal fault; this scan was not judged to its end")
        finally:
            connection.finish()
            if capture is not None:
                capture.close()
            with self._lock:
                self._open.pop(connection, None)


def _listen(host: str, port: int) -> socket.socket:
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    sock = socket.socket(family, socket.SOCK_STREAM)
    sock.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    try:
        sock.bind((host, port))
        sock.listen(_BACKLOG)
    except OSError as error:
        sock.close()
        raise Unavailable(
            f"cannot listen on {host} port {port} ({error.strerror})",
            mend="stop what uses that port, or choose another in scanner.port",
        ) from error
    return sock
