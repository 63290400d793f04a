"""The rules for half precision against numpy's own half."""

from itertools import pairwise
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from onnx.helper import make_node

from engine.lint import lint
from tests.engine.lint.faults import multiplied
from tests.engine.lint.graphs import FLOAT, HALF, PICTURE, network, node

VALUES: dict[str, Any] = {"taken": [("x", HALF, PICTURE[2])], "given": [("y", HALF, PICTURE[2])]}


def rules(data: bytes) -> list[str]:
    return [fault.rule for fault in lint(data, "tensorrt", "net.onnx")]


def half(*values: float) -> np.ndarray:
    return np.array(values, np.float16).reshape([-1] if len(values) > 1 else [])


@settings(max_examples=60, deadline=None, derandomize=True)
@given(st.lists(st.integers(-6, 15), min_size=1, max_size=6))
def test_a_chain_of_factors_is_told_exactly_when_eight_becomes_infinite(powers: list[int]) -> None:
    value, infinite = np.float16(8), False
    for power in powers:
        with np.errstate(over="ignore"):
            value = value * np.float16(2.0**power)
        infinite = infinite or bool(np.isinf(value))
    assert bool(rules(multiplied(*(2.0**power for power in powers)))) == infinite


@pytest.mark.parametrize(
    ("operator", "stored", "infinite"),
    [
        ("Div", 1e-4, True),  # 8 / 0.0001 = 80,000
        ("Div", 1e-3, False),
        ("Add", 65504, False),  # 65,512 rounds to 65,504
        ("Sub", 65504, False),
        ("Max", 65504, False),
    ],
)
def test_what_is_done_with_a_stored_value(operator: str, stored: float, infinite: bool) -> None:
    assert rules(node(operator, {"c": half(stored)}, **VALUES)) == ["half-overflow"] * infinite


@pytest.mark.parametrize(("weight", "infinite"), [(9000, True), (8000, False)])
def test_a_weight_that_is_too_large(weight: float, infinite: bool) -> None:
    held = {"w": np.full((4, 4, 1, 1), weight, np.float16)}
    assert rules(node("Conv", held, **VALUES)) == ["half-overflow"] * infinite


@pytest.mark.parametrize("bound", ["Sigmoid", "Clip"])
def test_a_bounded_value_may_be_made_large(bound: str) -> None:
    held = {"low": half(-1), "high": half(1), "c": half(6e4)}
    first = make_node(bound, ["x", "low", "high"] if bound == "Clip" else ["x"], ["within"])
    assert rules(network([first, make_node("Mul", ["within", "c"], ["y"])], held, **VALUES)) == []


def test_one_cause_is_told_once() -> None:
    nodes = [
        make_node("Mul", ["x", "c"], ["large"]),
        make_node("Relu", ["large"], ["r"]),
        make_node("Neg", ["r"], ["y"]),
    ]
    assert rules(network(nodes, {"c": half(6e4)}, **VALUES)) == ["half-overflow"]


def test_what_is_cast_to_half_is_looked_at_before() -> None:
    nodes = [make_node("Mul", ["x", "c"], ["large"]), make_node("Cast", ["large"], ["y"], to=HALF)]
    held, values = {"c": np.float32(1e5)}, {"given": VALUES["given"]}
    assert rules(network(nodes, held, **values)) == ["half-overflow"]


def squared(factor: float, square: str) -> bytes:
    """(x * factor) ** 2 in half."""
    held = {"c": half(factor), "two": half(2)}
    nodes = [
        make_node("Mul", ["x", "c"], ["scaled"]),
        make_node(square, ["scaled", "two" if square == "Pow" else "scaled"], ["y"]),
    ]
    return network(nodes, held, **VALUES)


@pytest.mark.parametrize("square", ["Pow", "Mul"])
@pytest.mark.parametrize(("factor", "infinite"), [(1000, True), (32, True), (31, False), (0.5, False)])
def test_the_square_of_what_was_made_large_is_told(square: str, factor: float, infinite: bool) -> None:
    with np.errstate(over="ignore"):
        assert bool(np.isinf(np.float16(8 * factor) ** 2)) == infinite
    assert rules(squared(factor, square)) == ["half-overflow"] * infinite


@pytest.mark.parametrize("total", ["ReduceMean", "ReduceSum"])
def test_what_is_divided_by_its_own_size_is_no_fault(total: str) -> None:
    nodes = [
        make_node("Mul", ["x", "c"], ["scaled"]),
        make_node("Mul", ["scaled", "scaled"], ["squares"]),
        make_node(total, ["squares"], ["size"]),
        make_node("Div", ["squares", "size"], ["share"]),
        make_node("Cast", ["share"], ["y"], to=HALF),
    ]
    assert rules(network(nodes, {"c": np.float32(1000)}, given=VALUES["given"])) == []


def test_bounds_beyond_all_numbers_stay_bounds() -> None:
    names = ["x", *(f"s{index}" for index in range(12))]
    nodes = [make_node("Mul", ["x", "c"], ["s0"])]
    nodes += [make_node("Mul", [name, name], [after]) for name, after in pairwise(names[1:])]
    nodes += [
        make_node("Div", [names[-1], names[-1]], ["ratio"]),
        make_node("Mul", ["ratio", "d"], ["large"]),
        make_node("Cast", ["large"], ["y"], to=HALF),
    ]
    for factor, told in ((1e5, ["half-overflow"]), (10, [])):
        held = {"c": np.float32(1000), "d": np.float32(factor)}
        assert rules(network(nodes, held, given=VALUES["given"])) == told


@pytest.mark.parametrize("square", ["Pow", "Mul"])
@pytest.mark.parametrize("total", ["ReduceMean", "ReduceSum", "GlobalAveragePool"])
@pytest.mark.parametrize("kind", [HALF, FLOAT])
def test_a_sum_of_squares_is_told_in_half_alone(square: str, total: str, kind: int) -> None:
    held = {"two": half(2) if kind == HALF else np.float32(2)}
    nodes = [
        make_node(square, ["x", "two" if square == "Pow" else "x"], ["squared"]),
        make_node(total, ["squared"], ["y"], name="total"),
    ]
    shape = (1, 4, 1, 1) if total == "GlobalAveragePool" else (1, 1, 1, 1)
    data = network(nodes, held, taken=[("x", kind, PICTURE[2])], given=[("y", kind, shape)])
    assert rules(data) == ["half-range"] * (kind == HALF)
