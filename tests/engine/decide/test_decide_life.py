"""The life of a finding: every state and event, and K of M with hysteresis."""

import itertools

import pytest
from hypothesis import given
from hypothesis import strategies as st

from engine.decide.life import TRANSITIONS, Action, Debounce, Event, State
from engine.types import Verdict


def test_the_table_is_complete() -> None:
    assert set(TRANSITIONS) == set(itertools.product(State, Event))


@pytest.mark.parametrize(("state", "event"), TRANSITIONS, ids=str)
def test_raise_and_end_are_the_only_ways_in_and_out(state: State, event: Event) -> None:
    following, action = TRANSITIONS[state, event]
    assert (action is Action.RAISE) == (state is not State.RAISED and following is State.RAISED)
    assert (action is Action.END) == (state is State.RAISED and following is State.CLEAR)


@given(st.lists(st.sampled_from(list(Event))))
def test_findings_are_raised_and_ended_in_turns(events: list[Event]) -> None:
    state, alive = State.CLEAR, False
    for event in [*events, Event.SCAN_END]:
        state, action = TRANSITIONS[state, event]
        if action is Action.RAISE:
            assert not alive
            alive = True
        if action is Action.END:
            assert alive
            alive = False
    assert not alive


def events(verdicts: str, needed: int, window: int) -> list[Event]:
    """w bad, o well inside the limit, n inside but near, c not judged."""
    debounce = Debounce(needed, window)
    kinds = {"w": Verdict.WARN, "o": Verdict.OK, "n": Verdict.OK, "c": Verdict.CANNOT_JUDGE}
    return [debounce.take(kinds[v], v == "o", frame) for frame, v in enumerate(verdicts)]


def test_one_bad_frame_of_three_is_not_enough() -> None:
    assert Event.CONFIRMED not in events("oowoo", 2, 3)
    assert events("owow", 2, 3)[-1] is Event.CONFIRMED


def test_a_hard_fault_is_confirmed_at_once() -> None:
    assert events("ow", 1, 1)[-1] is Event.CONFIRMED


def test_near_the_limit_does_not_clear() -> None:
    assert events("wwnnn", 2, 3)[-1] is Event.NOTHING
    assert events("wwooo", 2, 3)[-1] is Event.CLEARED


def test_frames_that_could_not_be_judged_change_nothing() -> None:
    assert events("wwccc", 2, 3)[-1] is Event.NOTHING


def test_the_first_bad_frame_is_remembered() -> None:
    debounce = Debounce(2, 3)
    for frame, verdict in enumerate((Verdict.OK, Verdict.WARN, Verdict.OK, Verdict.WARN)):
        debounce.take(verdict, verdict is Verdict.OK, frame)
    assert debounce.first_bad == 1
