"""Bounded capture of what came over the wire, replayable; off unless asked for.

The receiving thread hands bytes over and never waits for the disk: what does not fit the queue or the size limit
ends the capture, and the file's name says so.
"""

import logging
import queue
import threading
from pathlib import Path

log = logging.getLogger(__name__)

_QUEUE_CHUNKS = 256


class Capture:
    """Writes one connection's bytes to `<scan>.mrdwire`; `<scan>.partial.mrdwire` when it was cut."""

    def __init__(self, directory: Path, scan_id: str, limit_bytes: int) -> None:
        directory.mkdir(parents=True, exist_ok=True)
        self._path = directory / f"{scan_id}.mrdwire"
        self._left = limit_bytes
        self._cut = ""
        self._queue: queue.Queue[bytes | None] = queue.Queue(_QUEUE_CHUNKS)
        self._thread = threading.Thread(target=self._write, name=f"capture-{scan_id}", daemon=True)
        self._thread.start()

    def take(self, data: memoryview) -> None:
        """Keep a copy of `data`; never blocks."""
        if self._cut:
            return
        if data.nbytes > self._left:
            self._end("its size limit is reached")
            return
        self._left -= data.nbytes
        try:
            self._queue.put_nowait(bytes(data))
        except queue.Full:
            self._end("the disk is too slow")

    def close(self) -> None:
        """Finish the file within five seconds."""
        try:
            self._queue.put(None, timeout=5)
        except queue.Full:
            self._end("the disk is too slow")
            return
        self._thread.join(5)

    def _end(self, why: str) -> None:
        self._cut = why
        log.warning("capture=%s ends early: %s; the scan itself is not affected", self._path.name, why)

    def _write(self) -> None:
        try:
            with self._path.open("wb") as file:
                while (data := self._queue.get()) is not None:
                    file.write(data)
        except OSError as error:
            self._end(f"writing failed ({error})")
        if self._cut and self._path.exists():
            self._path.rename(self._path.with_suffix(".partial.mrdwire"))
