"""When something was: by a clock that people can set, and by one that nobody can while the appliance runs."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Moment:
    """A point in time of which the order with others does not hang on the time of day."""

    wall: float
    """s since 1970-01-01 UTC."""
    run: int = 0
    """Counts the starts of the appliance, from 1; 0: not known, then the time of day has to do."""
    up: float = 0.0
    """s of the clock that never jumps; compares within one run only. Infinite: it was when the run ended."""

    @property
    def order(self) -> tuple[int, float]:
        """Smaller is earlier."""
        return self.run, self.up if self.run else self.wall


def passed(since: Moment, until: Moment) -> float:
    """s from one to the other; by the time of day only where they are of different runs.

    Below 0 when `until` came first, or when the time of day was set back between two runs.
    """
    return until.up - since.up if since.run == until.run != 0 else until.wall - since.wall
