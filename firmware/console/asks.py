"""What people say through the page on its way to the record: checked, bounded, answered once it is on disk.

The page is the one part of the appliance that others talk to; nothing that comes from it is believed.
"""

import re
import threading
from collections import deque
from collections.abc import Callable
from itertools import count
from typing import Protocol

import msgspec

from engine.errors import ScansideError
from engine.seams import Clock
from engine.types import ScanRole
from firmware.console.messages import Answer, Ask
from firmware.record import NoteRecord, ScanRecord

MOST_OPEN = 8
"""On their way to the disk at once."""
MOST_A_SECOND = 5
MOST_OF_A_SCAN = 200
"""Notes."""
_PATIENCE_S = 4.0
"""For the disk, less than the console waits for us; then whoever asked is told, and makes room for others."""

_ID = re.compile(r"[A-Za-z0-9_.-]{1,120}")
_OPINIONS = ("fine", "bad")

Reply = Callable[[Answer], None]
RecordNote = Callable[[NoteRecord, Callable[[int], None]], None]
"""Takes a note for the record; calls back with its sequence, from another thread, once it is on disk. Never blocks."""


class Known(Protocol):
    """What the record holds; each method raises ScansideError when it cannot be read now."""

    def scan(self, scan: str) -> ScanRecord | None: ...

    def has_flag(self, scan: str, finding: str) -> bool: ...

    def notes_of(self, scan: str) -> list[NoteRecord]: ...

    def close(self) -> None:
        """Until the next question."""


class Asks:
    """`take` and `give_up_old` belong to one thread; answers may come from the journal's."""

    def __init__(
        self, record: RecordNote, problem: Callable[[], str | None], known: Known, clock: Clock, run: int
    ) -> None:
        self._record, self._problem, self._known, self._clock, self._run = record, problem, known, clock, run
        self._lock = threading.Lock()
        self._ids = count()
        self._open: dict[int, tuple[float, Ask, Reply]] = {}
        self._lately: deque[float] = deque(maxlen=MOST_A_SECOND)

    def take(self, ask: Ask, reply: Reply) -> None:
        """Have it recorded, or say why not; `reply` is called once, and must not block."""
        if refused := self._busy() or self._wrong(ask):
            reply(Answer(request=ask.request, refused=refused))
            return
        number = next(self._ids)
        with self._lock:
            self._open[number] = self._clock.monotonic(), ask, reply
        said = NoteRecord(kind=ask.kind, scan=ask.scan, finding=ask.finding, opinion=ask.opinion)
        note = msgspec.structs.replace(said, run=self._run, up=self._clock.monotonic())
        self._record(note, lambda sequence: self._close(number, Answer(request=ask.request, note=sequence)))

    def give_up_old(self) -> None:
        """Tell those for whom the disk takes too long."""
        since = self._clock.monotonic() - _PATIENCE_S
        with self._lock:
            old = [(number, ask) for number, (began, ask, _) in self._open.items() if began <= since]
        for number, ask in old:
            refused = "not on disk yet: look in a minute whether it is there"
            self._close(number, Answer(request=ask.request, refused=refused))

    def _close(self, number: int, answer: Answer) -> None:
        with self._lock:
            waiting = self._open.pop(number, None)
        if waiting is not None:  # it was not told meanwhile that the disk takes too long
            _, _, reply = waiting
            reply(answer)

    def _busy(self) -> str:
        now = self._clock.monotonic()
        if len(self._lately) == MOST_A_SECOND and now - self._lately[0] < 1:
            return "too many at once: wait a second, then press again"
        self._lately.append(now)
        with self._lock:
            if len(self._open) >= MOST_OPEN:
                return "others still wait for the disk: press again in some seconds"
        if (problem := self._problem()) is not None:
            return f"{problem}: free space on the disk, then press again"
        return ""

    def _wrong(self, ask: Ask) -> str:
        if ask.kind == "dropped":
            return "only the appliance says what its record no longer holds"
        if ask.kind == "new_exam":
            return "a new examination names no scan" if ask.scan or ask.finding or ask.opinion else ""
        if not _ID.fullmatch(ask.scan):
            return "the name of the scan is none: open the page anew"
        if ask.kind == "acknowledge":
            if not _ID.fullmatch(ask.finding) or ask.opinion:
                return "an acknowledgement names one finding and nothing else: open the page anew"
        elif ask.opinion not in _OPINIONS or ask.finding:
            return f"an opinion of a series is {' or '.join(_OPINIONS)}: open the page anew"
        try:
            return self._unknown(ask)
        except ScansideError as error:
            return str(error)
        finally:
            self._known.close()

    def _unknown(self, ask: Ask) -> str:
        scan = self._known.scan(ask.scan)
        if scan is None:
            return f"there is no scan {ask.scan} in the record: open the page anew"
        if ask.finding and not self._raised(scan, ask.finding):
            return f"there is no finding {ask.finding} of scan {ask.scan} in the record: open the page anew"
        if len(self._known.notes_of(ask.scan)) >= MOST_OF_A_SCAN:
            return f"scan {ask.scan} has {MOST_OF_A_SCAN} notes and takes no more: write it down elsewhere"
        return ""

    def _raised(self, scan: ScanRecord, finding: str) -> bool:
        """Findings of localizers and the like are shown, but no message of their own was made of them."""
        mine = finding.startswith(f"{scan.scan}-")
        return mine and (scan.role != ScanRole.IMAGING.value or self._known.has_flag(scan.scan, finding))
