"""Whether the time of day jumps: durations and the order of records do not need it, people who read times do."""

from engine.seams import Clock

_JUMP_S = 2.0
"""Less is what setting a clock gently does between two looks."""
_SHOWN_S = 600.0


class WallClock:
    """Compares the time of day with the time that never jumps, at each look."""

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._ahead = clock.now() - clock.monotonic()
        self._jumped_at: float | None = None
        self._by = 0.0

    def look(self) -> float:
        """s that the time of day has jumped since the last look; 0 when it has not."""
        now = self._clock.monotonic()
        ahead = self._clock.now() - now
        by, self._ahead = ahead - self._ahead, ahead
        if abs(by) < _JUMP_S:
            return 0.0
        self._jumped_at, self._by = now, by
        return by

    @property
    def problem(self) -> str | None:
        """One sentence for some minutes after a jump."""
        if self._jumped_at is None or self._clock.monotonic() - self._jumped_at > _SHOWN_S:
            return None
        return (
            f"the time of day jumped by {self._by:+.0f} s: times recorded before and after do not compare; "
            "see to the machine's time service"
        )
