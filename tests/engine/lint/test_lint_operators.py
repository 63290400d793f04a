"""The tables of operators: each row told in words, and true of the parser that is installed."""

from pathlib import Path

import pytest

from engine.lint import lint
from engine.lint.operators import LIMITS, UNREAD, UNREAD_BY_RTX
from tests.engine.lint import operator_cases
from tests.engine.lint.graphs import node
from tests.engine.lint.rtx import needs_rtx, try_all

SIDES = {f"{index} {sides.why}": sides for index, sides in enumerate(operator_cases.LIMITS)}


@pytest.mark.parametrize("operator", operator_cases.UNREAD)
def test_an_unread_operator_is_named_with_what_to_do_instead(operator: str) -> None:
    why, mend = {**UNREAD, **UNREAD_BY_RTX}[operator]
    faults = lint(operator_cases.UNREAD[operator], "rtx", "net.onnx")
    assert [(fault.what, fault.mend) for fault in faults if fault.rule == "operator"] == [(why, mend)]
    assert all(fault.place.startswith(f"{operator} node") for fault in faults if fault.rule == "operator")


def test_roi_align_is_read_by_tensorrt_alone() -> None:
    data = operator_cases.UNREAD["RoiAlign"]
    assert lint(data, "tensorrt", "net.onnx") == ()
    assert lint(data, "rtx", "net.onnx") != ()


@pytest.mark.parametrize("name", SIDES)
def test_a_limit_is_told_beyond_and_not_within(name: str) -> None:
    sides = SIDES[name]
    for target in ("tensorrt", "rtx"):
        (fault,) = lint(sides.beyond, target, "net.onnx")
        assert fault.rule == "operator"
        assert fault.what.startswith(sides.why)
        assert lint(sides.within, target, "net.onnx") == ()
    assert lint(sides.beyond, "cpu", "net.onnx") == ()


def test_every_row_has_a_case() -> None:
    assert operator_cases.UNREAD.keys() == {*UNREAD, *UNREAD_BY_RTX}
    assert all(any(limit.why.startswith(sides.why) for sides in SIDES.values()) for limit in LIMITS)


@needs_rtx
def test_the_parser_reads_none_of_them(tmp_path: Path) -> None:
    beyond = {name: sides.beyond for name, sides in SIDES.items()}
    outcomes = try_all({**operator_cases.UNREAD, **beyond}, tmp_path)
    assert {name for name, outcome in outcomes.items() if outcome.does == "builds"} == set()


@needs_rtx
def test_the_parser_reads_what_is_within_the_limits(tmp_path: Path) -> None:
    outcomes = try_all({name: sides.within for name, sides in SIDES.items()}, tmp_path)
    assert {name: o.said for name, o in outcomes.items() if o.does != "builds"} == {}


def test_an_operator_outside_the_list_of_packages_is_a_fault_everywhere() -> None:
    for target in ("tensorrt", "rtx", "cpu"):
        (fault,) = lint(node("RandomNormalLike"), target, "net.onnx")
        assert "not in the list of allowed operators" in fault.what
