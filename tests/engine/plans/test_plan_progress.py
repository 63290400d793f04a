"""How far a compiler is, from phases inside phases."""

from hypothesis import given
from hypothesis import strategies as st

from engine.plans.progress import PhaseShare


def test_a_phase_inside_fills_the_step_that_it_is_part_of() -> None:
    told: list[tuple[float, str]] = []
    share = PhaseShare(lambda done, phase: told.append((done, phase)))
    share.start("whole", None, 4)
    share.step("whole", 0)
    share.start("part", "whole", 2)
    share.step("part", 0)
    share.step("part", 1)
    share.finish("part")
    share.step("whole", 1)  # no news: the part had filled it
    share.finish("whole")
    share.step("whole", 2)  # the compiler's threads may be late
    assert told == [(0.25, "whole"), (0.375, "part"), (0.5, "part"), (1.0, "whole")]


events = st.lists(st.tuples(st.sampled_from(["start", "step", "finish"]), st.sampled_from("abcd"), st.integers(0, 5)))


@given(events)
def test_whatever_a_compiler_says_the_share_only_grows(said: list[tuple[str, str, int]]) -> None:
    told: list[float] = []
    share = PhaseShare(lambda done, _phase: told.append(done))
    running: list[str] = []
    for what, name, number in said:
        if what == "start" and name not in running:
            share.start(name, running[-1] if running else None, number)
            running.append(name)
        elif what == "step":
            share.step(name, number)
        elif what == "finish" and running and running[-1] == name:
            share.finish(name)
            running.pop()
    assert told == sorted(told)
    assert all(0 < done <= 1 for done in told)
