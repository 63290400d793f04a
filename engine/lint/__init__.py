"""What TensorRT's parser refuses, misreads or takes without a word, found before it and said in words.

A parser accepts NaN weights, half constants that become infinite, scales along the wrong axis and operator sets that it
was never made for. So each form is linted first, for the library that is to read it.
"""

from collections.abc import Callable, Iterable
from dataclasses import dataclass

from engine.errors import PackageRefused
from engine.lint import advice, half, operators, quantised, scales, types
from engine.lint.fault import Fault, Findings
from engine.lint.view import View, look
from engine.lint.weights import weights
from engine.package.graph import check_valid

__all__ = ["RULES", "TARGETS", "VERSION", "Fault", "advise", "check_lint", "lint"]

VERSION = 2
"""Goes up when a rule changes: a plan that passed an older lint is linted and made again."""

TARGETS = ("tensorrt", "rtx", "cpu")
"""TensorRT; TensorRT for RTX; ONNX Runtime and OpenVINO on a CPU."""
_GPU = TARGETS[:2]


@dataclass(frozen=True, slots=True)
class Rule:
    """One row of the table."""

    find: Callable[[View], Findings]
    targets: tuple[str, ...] = TARGETS


RULES = {
    "opset": Rule(types.opset),
    "operator": Rule(operators.operator),
    "element-type": Rule(types.element_type, _GPU),
    "scale": Rule(scales.bad_scale),
    "scale-size": Rule(scales.scale_size),
    "made-scale": Rule(scales.made_scale, _GPU),
    "integer-type": Rule(quantised.integer_type, _GPU),
    "zero-point": Rule(quantised.zero_point, _GPU),
    "bias-integer": Rule(quantised.bias_integer, _GPU),
    "activation-axis": Rule(quantised.activation_axis, _GPU),
    "weight-axis": Rule(quantised.weight_axis, _GPU),
    "transposed": Rule(quantised.transposed, _GPU),
    "mixed-types": Rule(types.mixed_types),
    "weights": Rule(weights),
    "half-range": Rule(half.half_range, _GPU),
    "half-overflow": Rule(half.half_overflow),
}
"""Name -> row, in the order in which faults are told."""

_ADVICE = {"joined-scales": advice.joined_scales, "half-quantised-sum": advice.half_quantised_sum}


def lint(data: bytes, target: str, where: str) -> tuple[Fault, ...]:
    """Every fault of the ONNX file `data` for one of TARGETS; empty: none. Raises PackageRefused for what is no ONNX.

    Where no rule finds anything, ONNX's own checker has the last word (rule `valid`).
    """
    if target not in TARGETS:
        raise ValueError(f"{target!r} is none of {', '.join(TARGETS)}")
    view = _look(data, target, where)
    rules = ((name, rule.find) for name, rule in RULES.items() if target in rule.targets)
    return _faults(rules, view, where) or _invalid(data)


def check_lint(data: bytes, target: str, where: str) -> None:
    """Raises PackageRefused (reason `lint`) with the first fault and the number of further ones."""
    faults = lint(data, target, where)
    if faults:
        first, more = faults[0], len(faults) - 1
        what = f"{first.place}: {first.what}" + (f" (and {more} more)" if more else "")
        raise PackageRefused(what, where, first.mend, reason="lint")


def advise(data: bytes, where: str) -> tuple[Fault, ...]:
    """What makes a quantised network slower than it need be; raises PackageRefused for what is no ONNX."""
    return _faults(_ADVICE.items(), _look(data, "tensorrt", where), where)


def _look(data: bytes, target: str, where: str) -> View:
    try:
        return look(data, target, where)
    except UnicodeDecodeError as error:
        raise _no_text(error, where) from error


def _faults(rules: Iterable[tuple[str, Callable[[View], Findings]]], view: View, where: str) -> tuple[Fault, ...]:
    try:
        return tuple(Fault(name, *found) for name, find in rules for found in find(view))
    except UnicodeDecodeError as error:
        raise _no_text(error, where) from error


def _invalid(data: bytes) -> tuple[Fault, ...]:
    try:
        check_valid(data, "")
    except PackageRefused as refused:
        return (Fault("valid", "the network", refused.what, refused.mend),)
    return ()


def _no_text(error: UnicodeDecodeError, where: str) -> PackageRefused:
    return PackageRefused(f"a name is no text ({error})", where, "export the network again", reason="lint")
