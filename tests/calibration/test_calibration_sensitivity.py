"""What stays in float, on losses whose best choice is known."""

from collections.abc import Collection

import pytest
from hypothesis import given
from hypothesis import strategies as st

from calibration.judge import HeldOut
from calibration.sensitivity import Sensitivity, kept_in_float, sensitivities
from engine.plans.parity import Loss

LIMIT = 1 / 0.7
"""Of which seven tenths are asked: 1."""


class Additive:
    """Each layer in int8 adds its own loss; 1 is asked."""

    def __init__(self, losses: dict[str, float]) -> None:
        self.losses, self.asked = losses, 0

    def __call__(self, kept: Collection[str]) -> HeldOut:
        self.asked += 1
        value = sum(loss for name, loss in self.losses.items() if name not in kept)
        return HeldOut(Loss(value, "dB", LIMIT, "out", problem="too much" if value > LIMIT else ""), value)


def even(names: Collection[str]) -> dict[str, float]:
    return dict.fromkeys(names, 1 / len(names))


def choose(losses: dict[str, float], work: dict[str, float] | None = None, most: int = 99) -> list[str]:
    loss_of = Additive(losses)
    return kept_in_float(sensitivities(work or even(losses), loss_of, lambda done: None), loss_of, most)


def test_alone_and_gain_are_a_layers_own_loss() -> None:
    told: list[float] = []
    losses = {"a": 0.5, "b": 2.0, "c": 0.0}
    found = sensitivities({"a": 0.2, "b": 0.3, "c": 0.5}, Additive(losses), told.append)
    assert [one.name for one in found] == ["a", "b", "c"]
    assert [(one.alone, one.gain) for one in found] == [(pytest.approx(x), pytest.approx(x)) for x in losses.values()]
    assert [one.work for one in found] == [0.2, 0.3, 0.5]
    assert told == [pytest.approx(1 / 3), pytest.approx(2 / 3), 1]


@given(st.lists(st.floats(0, 3), min_size=1, max_size=8))
def test_as_few_as_the_loss_asks_for(values: list[float]) -> None:
    losses = {f"l{number}": value for number, value in enumerate(values)}
    kept = choose(losses)
    left, fewest = sum(values), 0
    for value in sorted(values, reverse=True):
        if left <= 1:
            break
        left, fewest = left - value, fewest + 1
    assert len(kept) <= fewest + (abs(left - 1) < 1e-9)
    assert sum(value for name, value in losses.items() if name not in kept) <= 1 + 1e-9
    assert kept == [name for name in losses if name in kept]


def test_of_those_that_are_enough_the_one_with_least_work() -> None:
    losses = {"heavy": 0.9, "light": 0.6, "useless": 0.1}
    assert choose(losses, {"heavy": 0.9, "light": 0.01, "useless": 0.09}) == ["light"]
    assert choose(losses) == ["heavy"]


def test_no_more_than_allowed_even_where_that_is_not_enough() -> None:
    assert choose({"a": 5.0, "b": 4.0, "c": 3.0, "d": 0.1}, most=2) == ["a", "b"]


def test_what_turned_out_not_to_be_needed_is_put_back() -> None:
    # `a` looks best at first; with `b` and `c` in float it changes nothing any more.
    def loss_of(kept: Collection[str]) -> HeldOut:
        value = 0.9 if {"b", "c"} <= set(kept) else {0: 3.0, 1: 2.0}.get(len(kept), 1.5) - 0.4 * ("a" in kept)
        return HeldOut(Loss(value, "dB", LIMIT, "out"), value)

    found = [Sensitivity(name, 1.0, 1.0, 1 / 3) for name in "abc"]
    assert kept_in_float(found, loss_of, 3) == ["b", "c"]


def test_what_helps_most_for_its_work_comes_first() -> None:
    losses = {"": 3.0, "a": 2.0, "b": 2.4, "c": 2.5, "ab": 1.2, "ac": 1.2, "bc": 0.8}

    def loss_of(kept: Collection[str]) -> HeldOut:
        value = losses["".join(sorted(kept))]
        return HeldOut(Loss(value, "dB", LIMIT, "out"), value)

    found = [Sensitivity("a", 1, 1, 0.8), Sensitivity("b", 1, 1, 0.1), Sensitivity("c", 1, 1, 0.1)]
    assert kept_in_float(found, loss_of, 2) == ["b", "c"]


def test_one_that_is_enough_ends_it_though_another_helps_more_in_the_mean() -> None:
    losses = {"": (1.5, 1.5), "x": (1.2, 0.5), "y": (0.9, 0.9), "z": (0.8, 0.8), "xy": (1.1, 0.4), "xz": (1.1, 0.4)}

    def loss_of(kept: Collection[str]) -> HeldOut:
        loss, mean = losses["".join(sorted(kept))]
        return HeldOut(Loss(loss, "dB", LIMIT, "out"), mean)

    found = [Sensitivity("x", 1, 1, 0.1), Sensitivity("y", 1, 1, 0.1), Sensitivity("z", 1, 1, 0.8)]
    assert kept_in_float(found, loss_of, 2) == ["y"]


def test_a_network_of_a_hundred_layers_ends() -> None:
    losses = Additive({f"l{number}": 0.05 for number in range(100)})
    found = [Sensitivity(name, 0.05, 0.05, 0.01) for name in losses.losses]
    kept = kept_in_float(found, losses, 100)
    assert len(kept) in (80, 81)
    assert losses.asked < 100 * 12
