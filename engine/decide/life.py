"""The life of one finding: a table of (state, event) -> (state, action), and the window that makes the events."""

from collections import deque
from enum import StrEnum
from typing import NamedTuple

from engine.types import Verdict


class State(StrEnum):
    """Where a possible finding is."""

    CLEAR = "clear"
    CANDIDATE = "candidate"
    RAISED = "raised"


class Event(StrEnum):
    """What one more frame says."""

    BAD = "bad"
    """Beyond a limit, not yet often enough."""
    CONFIRMED = "confirmed"
    """Beyond a limit, often enough."""
    CLEARED = "cleared"
    """The whole window is well inside the limit."""
    NOTHING = "nothing"
    """Inside the limit but not for long, or not measurable."""
    SCAN_END = "scan_end"


class Action(StrEnum):
    """What the decider does."""

    NONE = "none"
    RAISE = "raise"
    KEEP = "keep"
    END = "end"


TRANSITIONS: dict[tuple[State, Event], tuple[State, Action]] = {
    (State.CLEAR, Event.BAD): (State.CANDIDATE, Action.NONE),
    (State.CLEAR, Event.CONFIRMED): (State.RAISED, Action.RAISE),
    (State.CLEAR, Event.CLEARED): (State.CLEAR, Action.NONE),
    (State.CLEAR, Event.NOTHING): (State.CLEAR, Action.NONE),
    (State.CLEAR, Event.SCAN_END): (State.CLEAR, Action.NONE),
    (State.CANDIDATE, Event.BAD): (State.CANDIDATE, Action.NONE),
    (State.CANDIDATE, Event.CONFIRMED): (State.RAISED, Action.RAISE),
    (State.CANDIDATE, Event.CLEARED): (State.CLEAR, Action.NONE),
    (State.CANDIDATE, Event.NOTHING): (State.CANDIDATE, Action.NONE),
    (State.CANDIDATE, Event.SCAN_END): (State.CLEAR, Action.NONE),
    (State.RAISED, Event.BAD): (State.RAISED, Action.KEEP),
    (State.RAISED, Event.CONFIRMED): (State.RAISED, Action.KEEP),
    (State.RAISED, Event.CLEARED): (State.CLEAR, Action.END),
    (State.RAISED, Event.NOTHING): (State.RAISED, Action.NONE),
    (State.RAISED, Event.SCAN_END): (State.CLEAR, Action.END),
}


class Seen(NamedTuple):
    """Which frame of a stratum; later ones are greater."""

    repetition: int
    number: int
    """Place in the order of completion within the scan."""


class Debounce:
    """K of M with hysteresis: remembers the last M frames of one stratum."""

    def __init__(self, needed: int, window: int) -> None:
        self._needed = needed
        self._bad: deque[tuple[bool, Seen]] = deque(maxlen=window)
        self._clear: deque[bool] = deque(maxlen=window)

    def take(self, severity: Verdict, clear: bool, frame: Seen) -> Event:
        """One more frame; a frame that could not be judged changes nothing."""
        if severity is Verdict.CANNOT_JUDGE:
            return Event.NOTHING
        bad = severity is not Verdict.OK
        self._bad.append((bad, frame))
        self._clear.append(clear)
        if bad:
            return Event.CONFIRMED if sum(b for b, _ in self._bad) >= self._needed else Event.BAD
        if len(self._clear) == self._clear.maxlen and all(self._clear):
            return Event.CLEARED
        return Event.NOTHING

    @property
    def undecided(self) -> bool:
        """A bad frame is remembered, and the scan could not say whether it meant anything."""
        short = len(self._bad) < (self._bad.maxlen or 0)
        return any(bad for bad, _ in self._bad) and (short or self._bad[-1][0])

    @property
    def first_bad(self) -> Seen | None:
        """Frame in which the fault was first measured, of those still remembered; None: in none of them."""
        return next((frame for bad, frame in self._bad if bad), None)
