"""What the console asks to have recorded: refused in a sentence, or on disk before it is answered; never too much."""

from collections.abc import Callable

import pytest

from engine.errors import Unavailable
from firmware.console.asks import MOST_A_SECOND, MOST_OF_A_SCAN, MOST_OPEN, Asks
from firmware.console.messages import Answer, Ask
from firmware.record import NoteRecord, ScanRecord
from tests.firmware.console.record_cases import Known, scan_record

FINE = Ask(request=1, kind="opinion", scan="s1-1", opinion="fine")
SEEN = Ask(request=1, kind="acknowledge", scan="s1-1", finding="s1-1-coil-loss-0.0.0.0.0-10")


class Disk:
    """The record as the test wants it, and the answers that came."""

    def __init__(self) -> None:
        self.seconds = 100.0
        self.notes: list[NoteRecord] = []
        self.waiting: list[Callable[[int], None]] = []
        self.problem: str | None = None
        self.known = Known(scan_record(), scan_record("s1-2", role="localizer"), flags=[SEEN.finding, "s1-2-other"])
        self.answers: list[Answer] = []
        self.asks = Asks(self._record, lambda: self.problem, self.known, self, 7)

    def monotonic(self) -> float:
        return self.seconds

    def now(self) -> float:
        return self.seconds

    def _record(self, note: NoteRecord, committed: Callable[[int], None]) -> None:
        self.notes.append(note)
        self.waiting.append(committed)

    def ask(self, ask: Ask) -> None:
        self.asks.take(ask, self.answers.append)

    def refused(self, ask: Ask) -> str:
        """One second later than whatever came before."""
        self.seconds += 1
        self.ask(ask)
        return self.answers[-1].refused


@pytest.fixture
def disk() -> Disk:
    return Disk()


def test_the_answer_comes_from_the_commit(disk: Disk) -> None:
    disk.ask(FINE)
    assert disk.answers == []
    disk.waiting[0](17)
    assert disk.answers == [Answer(request=1, note=17)]
    assert disk.notes == [NoteRecord(kind="opinion", scan="s1-1", opinion="fine", run=7, up=100.0)]
    assert disk.known.closed == 1


@pytest.mark.parametrize(
    "ask",
    [
        FINE,
        SEEN,
        Ask(request=4, kind="acknowledge", scan="s1-2", finding="s1-2-motion-0"),
        Ask(request=2, kind="new_exam"),
        Ask(request=3, kind="opinion", scan="s1-1", opinion="bad"),
    ],
)
def test_what_may_be_said(disk: Disk, ask: Ask) -> None:
    disk.ask(ask)
    disk.waiting[0](1)
    assert disk.answers == [Answer(request=ask.request, note=1)]


@pytest.mark.parametrize(
    ("ask", "says"),
    [
        (Ask(request=1, kind="dropped"), "only the appliance"),
        (Ask(request=1, kind="new_exam", scan="s1-1"), "names no scan"),
        (Ask(request=1, kind="opinion", scan="s9-9", opinion="fine"), "there is no scan s9-9 in the record"),
        (Ask(request=1, kind="opinion", scan="", opinion="fine"), "name of the scan"),
        (Ask(request=1, kind="opinion", scan="../etc", opinion="fine"), "name of the scan"),
        (Ask(request=1, kind="opinion", scan="s1-1\n", opinion="fine"), "name of the scan"),
        (Ask(request=1, kind="opinion", scan="s1-1"), "fine or bad"),
        (Ask(request=1, kind="opinion", scan="s1-1", finding="f", opinion="bad"), "fine or bad"),
        (Ask(request=1, kind="acknowledge", scan="s1-1"), "names one finding"),
        (Ask(request=1, kind="acknowledge", scan="s1-1", finding="x" * 121), "names one finding"),
        (Ask(request=1, kind="acknowledge", scan="s1-1", finding="f", opinion="fine"), "names one finding"),
        (Ask(request=1, kind="acknowledge", scan="s1-1", finding="s1-1-motion-0"), "no finding s1-1-motion-0"),
        (Ask(request=1, kind="acknowledge", scan="s1-1", finding="s1-2-other"), "no finding s1-2-other"),
        (Ask(request=1, kind="acknowledge", scan="s1-2", finding="f"), "no finding f of scan s1-2"),
    ],
)
def test_what_may_not(disk: Disk, ask: Ask, says: str) -> None:
    assert says in disk.refused(ask)
    assert disk.notes == []


def test_a_scan_takes_so_many_notes_and_no_more(disk: Disk) -> None:
    disk.known.notes = [NoteRecord(kind="opinion", scan="s1-1", opinion="bad")] * (MOST_OF_A_SCAN - 1)
    disk.ask(FINE)
    disk.known.notes *= 2
    assert "has 200 notes and takes no more" in disk.refused(FINE)
    assert len(disk.notes) == 1


def test_a_flood_leaves_five_a_second(disk: Disk) -> None:
    for request in range(100):
        disk.ask(Ask(request=request, kind="new_exam"))
        disk.seconds += 0.001
    assert len(disk.notes) == MOST_A_SECOND
    assert {answer.refused for answer in disk.answers} == {"too many at once: wait a second, then press again"}
    disk.seconds += 1
    disk.ask(Ask(request=100, kind="new_exam"))
    assert len(disk.notes) == MOST_A_SECOND + 1


def test_no_more_than_eight_wait_for_the_disk(disk: Disk) -> None:
    for _ in range(MOST_OPEN):
        disk.ask(FINE)
        disk.seconds += 0.25
    assert "wait for the disk" in disk.refused(FINE)
    disk.waiting[0](1)
    disk.ask(FINE)
    assert len(disk.notes) == MOST_OPEN + 1


def test_a_disk_that_takes_too_long_is_told_and_makes_room(disk: Disk) -> None:
    disk.ask(FINE)
    disk.seconds += 3
    disk.asks.give_up_old()
    assert disk.answers == []
    disk.seconds += 1
    disk.asks.give_up_old()
    disk.asks.give_up_old()
    assert [answer.refused for answer in disk.answers] == ["not on disk yet: look in a minute whether it is there"]
    disk.waiting[0](5)
    assert len(disk.answers) == 1, "answered once"


def test_a_broken_disk_is_told_at_once(disk: Disk) -> None:
    disk.problem = "the journal cannot write (full)"
    assert disk.refused(FINE).startswith("the journal cannot write (full): free space")


def test_a_busy_record_is_told(disk: Disk) -> None:
    class Busy(Known):
        def scan(self, scan: str) -> ScanRecord | None:
            raise Unavailable("the record is being compacted", mend="press again in a moment")

    asks = Asks(disk._record, lambda: None, Busy(), disk, 7)
    asks.take(FINE, disk.answers.append)
    assert disk.answers[0].refused == "the record is being compacted; press again in a moment"
