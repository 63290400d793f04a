"""A time of day that jumps is said for some minutes; one that is set gently is not."""

import pytest

from firmware.wall_clock import WallClock


class Hands:
    def __init__(self) -> None:
        self.running, self.shown = 50.0, 1_800_000_000.0

    def monotonic(self) -> float:
        return self.running

    def now(self) -> float:
        return self.shown

    def run(self, seconds: float, jump: float = 0.0) -> None:
        self.running += seconds
        self.shown += seconds + jump


def test_a_gently_set_clock_is_no_problem() -> None:
    hands = Hands()
    wall = WallClock(hands)
    for _ in range(1000):
        hands.run(5.0, jump=0.0025)
        assert wall.look() == 0
    assert wall.problem is None


@pytest.mark.parametrize(("jump", "says"), [(3600.0, "+3600 s"), (-86400.0, "-86400 s")])
def test_a_jump_is_told_once_and_shown_for_ten_minutes(jump: float, says: str) -> None:
    hands = Hands()
    wall = WallClock(hands)
    hands.run(5.0, jump)
    assert wall.look() == pytest.approx(jump)
    assert says in str(wall.problem)
    for _ in range(120):
        hands.run(5.0)
        assert wall.look() == 0
    assert says in str(wall.problem)
    hands.run(5.0)
    assert wall.problem is None
