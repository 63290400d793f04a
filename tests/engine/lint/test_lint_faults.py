"""Every fault class: named in a network that has it, not in the same one without it."""

from pathlib import Path

import numpy as np
import onnx
import pytest
from onnx import numpy_helper
from onnx.helper import make_node

from engine.errors import PackageRefused
from engine.lint import RULES, TARGETS, advise, check_lint, lint
from engine.lint.half import SUMS_IN_HALF
from models.shipped import PACKAGES
from tests.engine.lint.faults import FAULTS, joined, residual
from tests.engine.lint.graphs import FLOAT, HALF, PICTURE, network, node, quantised
from tests.engine.lint.operator_cases import picked
from tests.engine.lint.rtx import needs_rtx, try_all

GPU = ("tensorrt", "rtx")


@pytest.mark.parametrize("name", FAULTS)
def test_a_fault_is_named_and_its_absence_is_not(name: str) -> None:
    case = FAULTS[name]
    for target in GPU:
        faults = lint(case.bad, target, name)
        assert faults, target
        assert faults[0].rule == case.rule
        assert all(word and word == word.strip() for word in (faults[0].place, faults[0].what, faults[0].mend))
        assert lint(case.good, target, name) == ()


@pytest.mark.parametrize("name", FAULTS)
def test_a_cpu_is_told_only_what_breaks_there(name: str) -> None:
    case = FAULTS[name]
    faults = lint(case.bad, "cpu", name)
    assert bool(faults) == case.cpu
    if "cpu" in RULES[case.rule].targets:
        assert faults[0].rule == case.rule
    assert lint(case.good, "cpu", name) == ()


def test_every_rule_has_a_fault() -> None:
    assert {case.rule for case in FAULTS.values()} == set(RULES)


@needs_rtx
def test_what_the_parser_does_by_itself(tmp_path: Path) -> None:
    """Refused, taken without a word, or the end of the process: why the lint comes first."""
    outcomes = try_all({name: case.bad for name, case in FAULTS.items()}, tmp_path)
    assert {name: outcome.does for name, outcome in outcomes.items()} == {n: c.alone for n, c in FAULTS.items()}


@needs_rtx
def test_the_parser_takes_the_good_ones(tmp_path: Path) -> None:
    good = {case.good: name for name, case in FAULTS.items()}
    outcomes = try_all({name: data for data, name in good.items()}, tmp_path)
    assert {outcome.does for outcome in outcomes.values()} == {"builds"}


def test_a_fault_says_where_what_and_what_to_do() -> None:
    (fault,) = lint(FAULTS["Conv scales along inputs"].bad, "tensorrt", "net.onnx")
    assert str(fault) == (
        "DequantizeLinear node 'w_DQ': the weights of Conv node 'middle' have their scales along axis 1; "
        "its output channels are axis 0: quantise along that"
    )


def test_check_raises_with_the_first_fault_and_counts_the_others() -> None:
    bad = FAULTS["uint8 activations around 128"].bad
    with pytest.raises(PackageRefused, match=r"x_Q.*is UINT8.*\(and 1 more\).*signed and symmetric") as caught:
        check_lint(bad, "tensorrt", "net.onnx")
    assert (caught.value.reason, caught.value.where, caught.value.exit_code) == ("lint", "net.onnx", 1)
    check_lint(quantised(), "tensorrt", "net.onnx")


@pytest.mark.parametrize("operator", SUMS_IN_HALF)
def test_what_sums_in_half_is_told(operator: str) -> None:
    values = {"taken": [("x", HALF, PICTURE[2])], "given": [("y", HALF, PICTURE[2])]}
    (fault,) = lint(node(operator, {"scale": np.ones(8, np.float16)}, **values), "tensorrt", "net.onnx")
    assert (fault.rule, fault.place) == ("half-range", f"{operator} node 'the_one'")


def test_a_target_that_is_none_is_not_taken_for_a_pass() -> None:
    with pytest.raises(ValueError, match="none of tensorrt, rtx, cpu"):
        lint(quantised(), "gpu", "net.onnx")


@pytest.mark.parametrize("opset", ["opset 21", "opset 26"])
def test_an_operator_set_says_which_version_reads_it(opset: str) -> None:
    said = str(lint(FAULTS[opset].bad, "tensorrt", "net.onnx")[0])
    assert ("from 10.9 on" if opset == "opset 21" else "no TensorRT") in said


@pytest.mark.parametrize("target", TARGETS)
@pytest.mark.parametrize("name", [folder.name for folder in sorted(PACKAGES.iterdir()) if folder.is_dir()])
def test_shipped_networks_have_no_fault(name: str, target: str) -> None:
    assert lint((PACKAGES / name / "model.onnx").read_bytes(), target, name) == ()


def written(data: bytes, name: str, **value: object) -> bytes:
    """The same file with a stored tensor as a Constant node of plain numbers."""
    model = onnx.load_from_string(data)
    (old,) = (tensor for tensor in model.graph.initializer if tensor.name == name)
    model.graph.initializer.remove(old)
    model.graph.node.insert(0, make_node("Constant", [], [name], **value))
    return model.SerializeToString()


@pytest.mark.parametrize("target", TARGETS)
@pytest.mark.parametrize(
    ("name", "bad", "good"),
    [
        ("scale", {"value_float": -0.1}, {"value_float": 0.1}),
        ("weight_scale", {"value_floats": [0.1, -0.1, 0.1, 0.1]}, {"value_floats": [0.1] * 4}),
    ],
)
def test_a_scale_is_read_however_it_is_written_down(
    target: str, name: str, bad: dict[str, object], good: dict[str, object]
) -> None:
    (fault,) = lint(written(quantised(), name, **bad), target, "net.onnx")
    assert (fault.rule, fault.what.split(" in ")[0]) == ("scale", f"scale {name!r} is -0.1")
    assert lint(written(quantised(), name, **good), target, "net.onnx") == ()


@pytest.mark.parametrize("value", [{"value_ints": [4000]}, {"value": numpy_helper.from_array(np.array([4000]))}])
def test_a_number_is_read_however_it_is_written_down(value: dict[str, object]) -> None:
    (fault,) = lint(written(picked(4000), "k", **value), "tensorrt", "net.onnx")
    assert fault.what == "TensorRT picks 3840 at most"


def test_a_whole_number_behind_a_cast_is_read_too() -> None:
    nodes = [
        make_node("Constant", [], ["whole"], value_int=0),
        make_node("Cast", ["whole"], ["scale"], to=FLOAT),
        make_node("QuantizeLinear", ["x", "scale", "zero"], ["q"]),
        make_node("DequantizeLinear", ["q", "scale", "zero"], ["y"]),
    ]
    (fault,) = lint(network(nodes, {"zero": np.int8(0)}), "cpu", "net.onnx")
    assert (fault.rule, fault.what) == ("scale", "scale 'whole' is 0")


def test_unequal_scales_before_a_concat_are_advice_and_no_fault() -> None:
    assert [advice.rule for advice in advise(joined(0.02), "net.onnx")] == ["joined-scales"]
    assert advise(joined(0.05), "net.onnx") == ()
    assert lint(joined(0.02), "tensorrt", "net.onnx") == ()


def test_a_sum_of_quantised_and_float_is_advice_and_no_fault() -> None:
    assert [advice.rule for advice in advise(residual("x", "a_near"), "net.onnx")] == ["half-quantised-sum"]
    assert advise(residual("a_near", "b_near"), "net.onnx") == ()
    assert lint(residual("x", "a_near"), "tensorrt", "net.onnx") == ()
