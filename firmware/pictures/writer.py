"""Pictures of every frame to disk, from a thread of its own: the loop hands over and goes on.

Nothing waits for it: what finds no room in the short queue is dropped and counted. Its priority is that of the loop,
because it shares the interpreter's lock with it: a thread that is put to sleep while it holds the lock stops all.
"""

import errno
import logging
import os
import queue
import threading
from collections.abc import Callable
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path

from engine.picture import Quantised
from engine.seams import Clock
from engine.types import Frame
from firmware.health import Health
from firmware.pictures.dropped import Dropped, notes
from firmware.pictures.files import Kind, Plane, write
from firmware.pictures.planes import elements_plane, image_plane, kspace_plane
from firmware.pictures.retention import Retention
from firmware.record import NoteRecord

log = logging.getLogger(__name__)

_WAITING = 24
"""Three pictures each of eight frames."""
_WAITING_BYTES = 64 << 20
"""Of what waits: large images are fewer."""
_IDLE_S, _SWEEPING_S = 30.0, 0.02
_TELL_EVERY_S = 60.0
_CLOSE_S = 3.0
_RESERVE = 128 << 20
"""Bytes of the disk that are left to the journal: verdicts need them, pictures do not."""


@dataclass(frozen=True, slots=True)
class _Handed:
    scan: str
    number: int
    kind: Kind
    make: Callable[[], Plane]
    bytes: int
    began: bool = False


class Pictures:
    """Keeps the pictures of one appliance in one folder; `put_...` from any thread, never blocking."""

    def __init__(
        self,
        folder: Path,
        clock: Clock,
        health: Health,
        *,
        retention_days: float,
        limit_mib: int,
        on_dropped: Callable[[NoteRecord], None] = lambda _: None,
    ) -> None:
        """`on_dropped` is told in one sentence what is no longer kept, from the writer's thread."""
        self._folder, self._clock, self._health, self._on_dropped = folder, clock, health, on_dropped
        self._limits = retention_days * 86400.0, limit_mib << 20
        self._retention = Retention(folder, clock, *self._limits)
        self._queue: queue.SimpleQueue[_Handed | None] = queue.SimpleQueue()  # a tenth of the cost of a bounded one
        self._handing, self._handed_bytes, self._taken_bytes = threading.Lock(), 0, 0
        self._dropped: list[Dropped] = []
        self._told_at = clock.monotonic()
        self._failing = False
        self._thread = threading.Thread(target=self._run, name="pictures", daemon=True)

    def start(self) -> None:
        """Begin to write; what was handed over before is written, too."""
        self._thread.start()

    def close(self) -> None:
        """Write what waits, some seconds at most."""
        self._queue.put(None)
        self._thread.join(_CLOSE_S)
        if self._thread.is_alive():
            log.error("%d pictures are not written: the disk does not answer", self.waiting - 1)

    @property
    def bytes_on_disk(self) -> int:
        """Of all pictures."""
        return self._retention.bytes

    @property
    def waiting(self) -> int:
        """Pictures handed over and not yet written."""
        return self._queue.qsize()

    @property
    def waiting_bytes(self) -> int:
        """Of their samples."""
        return self._handed_bytes - self._taken_bytes

    def put_image(self, scan: str, frame: Frame) -> None:
        """The image; its pixels are kept until it is written and must not change."""
        self._put_shown(scan, frame, "image")

    def put_processed(self, scan: str, frame: Frame) -> None:
        """What a network made of the image."""
        self._put_shown(scan, frame, "processed")

    def put_raw(self, scan: str, frame: Frame, kspace: Quantised, elements: Quantised, *, began: bool) -> None:
        """What `engine.picture` makes of the raw data; `began`: a finding began in this frame."""
        told = replace(frame, data=frame.data[:0].copy())  # they need no pixel: the image is not kept for them
        self._put(_Handed(scan, frame.number, "kspace", partial(kspace_plane, told, kspace), kspace.data.nbytes, began))
        self._put(
            _Handed(
                scan, frame.number, "elements", partial(elements_plane, told, elements), elements.data.nbytes, began
            )
        )

    def _put_shown(self, scan: str, frame: Frame, kind: Kind) -> None:
        """Of several partitions the one that is shown alone waits."""
        if len(frame.data) > 1:
            frame = replace(frame, data=frame.data[len(frame.data) // 2, None].copy())
        self._put(_Handed(scan, frame.number, kind, partial(image_plane, frame), frame.data.nbytes))

    def _put(self, handed: _Handed) -> None:
        with self._handing:
            waiting = self.waiting_bytes
            room = self._queue.qsize() < _WAITING and (not waiting or waiting + handed.bytes <= _WAITING_BYTES)
            if room:
                self._handed_bytes += handed.bytes
                self._queue.put(handed)
        if not room:
            self._health.count("pictures_dropped_busy")

    # --- the thread that writes --------------------------------------------------------------------

    def _run(self) -> None:
        self._sheltered(self._retention.rebuild)
        handed: _Handed | None
        sweeping = True
        while True:
            try:
                handed = self._queue.get(timeout=_SWEEPING_S if sweeping else _IDLE_S)
            except queue.Empty:
                self._sheltered(self._leave_room)
                self._sheltered(self._enforce)
            else:
                if handed is None:
                    break
                self._sheltered(partial(self._keep, handed))
                self._taken_bytes += handed.bytes
            sweeping = self._retention.sweep()
        self._sheltered(self._tell)

    def _sheltered(self, step: Callable[[], object]) -> None:
        try:
            step()
        except OSError as error:
            self._fail(error)
        except Exception:
            # The supervisor seam: a fault of ours in one picture must not end the thread that writes all others.
            log.exception("keeping a picture failed")
            self._health.count("pictures_failed")

    def _keep(self, handed: _Handed) -> None:
        plane = handed.make()
        self._retention.begin(handed.scan)
        if self._leave_room() > 0:
            raise OSError(errno.ENOSPC, f"less than {_RESERVE >> 20} MiB are free, they are left to the verdicts")
        size = write(self._folder, handed.scan, handed.number, handed.kind, plane)
        self._retention.add(handed.scan, handed.number, size, image=handed.kind == "image", began=handed.began)
        if self._failing:
            self._failing = False
            log.warning("pictures are kept again")
            self._health.problem("pictures", None)
        self._enforce()

    def _leave_room(self) -> int:
        """The oldest pictures go until the verdicts have their reserve; bytes that are lacking even so."""
        if (lacking := self._lacking()) > 0:
            self._note(self._retention.make_room(lacking))
            while (lacking := self._lacking()) > 0 and self._retention.sweep():
                pass
        return lacking

    def _lacking(self) -> int:
        """Bytes of the reserve that the disk does not have."""
        self._folder.mkdir(parents=True, exist_ok=True)
        disk = os.statvfs(self._folder)
        return _RESERVE - disk.f_bavail * disk.f_frsize

    def _fail(self, error: OSError) -> None:
        self._health.count("pictures_not_written")
        if self._failing:
            return
        self._failing = True
        why = error.strerror or str(error)
        log.error("pictures cannot be kept: %s; images and verdicts go on", why)
        self._health.problem(
            "pictures", f"pictures cannot be kept for the page ({why}): make room where appliance.state_dir is"
        )

    def _enforce(self) -> None:
        self._note(self._retention.enforce())
        if self._dropped and self._clock.monotonic() - self._told_at >= _TELL_EVERY_S:
            self._tell()

    def _note(self, dropped: list[Dropped]) -> None:
        for each in dropped:
            self._health.count(f"pictures_dropped_{each.why}", each.images)
        self._dropped += dropped

    def _tell(self) -> None:
        dropped, self._dropped = self._dropped, []
        self._told_at = self._clock.monotonic()
        for note in notes(dropped, *self._limits):
            self._on_dropped(note)
