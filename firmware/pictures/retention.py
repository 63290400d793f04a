"""How long pictures are kept: by age and by size, the oldest scans first, and what went is said.

The account of what lies on disk is made once at the start and kept up with each picture, so the folder of a long scan
is never listed while it runs. A scan that goes is renamed at once and deleted bit by bit between two writes.
"""

import logging
import os
import secrets
from contextlib import suppress
from dataclasses import dataclass, field
from itertools import islice
from pathlib import Path
from typing import Literal

from engine.seams import Clock
from firmware.pictures.dropped import Dropped
from firmware.pictures.files import KINDS

log = logging.getLogger(__name__)

_ACTIVE_S = 60.0
"""A scan that has had a picture within this time may still run: its oldest images go, not the whole."""
_FREED_SHARE, _FREED_MOST = 0.05, 64 << 20
"""Of the limit, or bytes: what is freed at once, so that not each new picture makes another one go."""
_AGE_EVERY_S = 60.0
_LEAVING = ".leaving-"
_AT_ONCE = 64


@dataclass(slots=True)
class _Kept:
    """What lies on disk of one scan."""

    written: float = 0.0
    """s of the monotonic clock, of its newest picture."""
    bytes: int = 0
    images: int = 0
    frames: dict[int, int] = field(default_factory=dict)
    """Number -> bytes, oldest first; empty for scans of earlier runs, which go as a whole."""
    began: set[int] = field(default_factory=set)
    """Frames in which a finding began: the last of their scan to go."""


class Retention:
    """The account of one folder; one thread uses it. What touches the disk raises OSError."""

    def __init__(self, folder: Path, clock: Clock, retention_s: float, limit_bytes: int) -> None:
        self._folder, self._clock = folder, clock
        self._retention_s, self._limit = retention_s, limit_bytes
        self._scans: dict[str, _Kept] = {}
        self._of_earlier_runs: set[str] = set()
        self._leaving: list[Path] = []
        self._aged_at = clock.monotonic() - _AGE_EVERY_S
        self.bytes = 0
        """Of all pictures."""

    def rebuild(self) -> None:
        """Account for what an earlier run left, by the age of its files; a clock that jumps later changes nothing."""
        self._folder.mkdir(parents=True, exist_ok=True)
        monotonic, now = self._clock.monotonic(), self._clock.now()
        with os.scandir(self._folder) as entries:
            folders = [entry for entry in entries if entry.is_dir(follow_symlinks=False)]
        for entry in folders:
            if entry.name.startswith(_LEAVING):
                self._leaving.append(Path(entry.path))
                continue
            kept, newest = _found(entry.path)
            if kept.bytes:
                kept.written = monotonic - max(0.0, now - newest)
                self._scans[entry.name] = kept
                self._of_earlier_runs.add(entry.name)
                self.bytes += kept.bytes

    def begin(self, scan: str) -> None:
        """To be called before a picture is written: what an earlier run left under this name is another scan's."""
        if scan in self._of_earlier_runs:
            self._remove(scan)

    def add(self, scan: str, number: int, size: int, *, image: bool, began: bool) -> None:
        """One picture was written; `began`: a finding began in its frame."""
        kept = self._scans.setdefault(scan, _Kept())
        kept.written = self._clock.monotonic()
        kept.frames[number] = kept.frames.get(number, 0) + size
        kept.images += image
        kept.bytes += size
        self.bytes += size
        if began:
            kept.began.add(number)

    def enforce(self) -> list[Dropped]:
        """Drop what is too old or too much; cheap when nothing is."""
        now, dropped = self._clock.monotonic(), []
        if now - self._aged_at >= _AGE_EVERY_S:
            self._aged_at = now
            for scan in [scan for scan, kept in self._scans.items() if now - kept.written > self._retention_s]:
                kept = self._remove(scan)
                dropped.append(Dropped(scan, "age", True, kept.images, kept.bytes))
        if self.bytes > self._limit:
            dropped += self._drop_down_to(self._limit - min(int(_FREED_SHARE * self._limit), _FREED_MOST), "size")
        return dropped

    def make_room(self, wanted: int) -> list[Dropped]:
        """Drop so many bytes for the sake of the disk, as far as there are as many; `sweep` deletes them."""
        return self._drop_down_to(max(self.bytes - wanted, 0), "disk")

    def sweep(self) -> bool:
        """Delete a little of what was dropped; False when nothing is left to delete."""
        if not self._leaving:
            return False
        folder = self._leaving[-1]
        try:
            with os.scandir(folder) as entries:
                some = [entry.path for entry in islice(entries, _AT_ONCE)]
            for path in some:
                os.unlink(path)
            if not some:
                folder.rmdir()
                self._leaving.pop()
        except OSError as error:
            log.warning("dropped pictures cannot be deleted before the next start: %s", error)
            self._leaving.pop()
        return True

    def _drop_down_to(self, goal: int, why: Literal["size", "disk"]) -> list[Dropped]:
        now, dropped = self._clock.monotonic(), []
        oldest_first = sorted(self._scans, key=lambda scan: self._scans[scan].written)
        for scan in oldest_first:
            over = scan in self._of_earlier_runs or now - self._scans[scan].written > _ACTIVE_S
            if self.bytes > goal and over:
                kept = self._remove(scan)
                dropped.append(Dropped(scan, why, True, kept.images, kept.bytes))
        for scan in sorted(self._scans, key=lambda scan: -self._scans[scan].bytes):
            if self.bytes > goal and len(self._scans[scan].frames) > 1:
                dropped.append(self._drop_oldest(scan, self.bytes - goal, why))
        return dropped

    def _remove(self, scan: str) -> _Kept:
        """All of a scan out of every reader's way."""
        leaving = self._folder / f"{_LEAVING}{secrets.token_hex(4)}-{scan}"
        with suppress(FileNotFoundError):  # somebody has cleared it away by hand
            (self._folder / scan).rename(leaving)
            self._leaving.append(leaving)
        self._of_earlier_runs.discard(scan)
        kept = self._scans.pop(scan)
        self.bytes -= kept.bytes
        return kept

    def _drop_oldest(self, scan: str, wanted: int, why: Literal["size", "disk"]) -> Dropped:
        """The oldest frames of a scan, its newest never; those in which a finding began come last."""
        kept = self._scans[scan]
        older = list(kept.frames)[:-1]
        freed = images = 0
        for number in sorted(older, key=kept.began.__contains__):
            if freed >= wanted:
                break
            for kind in KINDS:
                (self._folder / scan / f"{number}.{kind}").unlink(missing_ok=True)
            freed += kept.frames.pop(number)
            kept.began.discard(number)
            images += 1
        kept.images -= images
        kept.bytes -= freed
        self.bytes -= freed
        return Dropped(scan, why, False, images, freed)


def _found(folder: str) -> tuple[_Kept, float]:
    """The account of a folder of an earlier run, and when its newest picture was written (s since 1970)."""
    kept, newest = _Kept(), 0.0
    with os.scandir(folder) as entries:
        for entry in entries:
            number, _, kind = entry.name.partition(".")
            if number.isdecimal() and kind in KINDS:
                found = entry.stat(follow_symlinks=False)
                kept.bytes += found.st_size
                kept.images += kind == "image"
                newest = max(newest, found.st_mtime)
    return kept, newest
