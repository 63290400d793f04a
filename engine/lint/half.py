"""Rules for half precision, which ends at 65,504."""

import math
from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from engine.lint.fault import Findings, Found
from engine.lint.view import View, taken
from engine.package.nodes import named

if TYPE_CHECKING:
    from onnx import NodeProto

_INFINITE = 65520.0
"""From here on a value rounds to infinity."""
_ASSUMED = 8.0
"""What a value is taken to reach where nothing says more: inputs are scaled to about 1, features to some units."""
_MOST = 1e300
"""Bounds stay finite, so that two of them can be divided."""

SUMS_IN_HALF = (
    "InstanceNormalization", "LayerNormalization", "MeanVarianceNormalization",
    "LpNormalization", "Softmax", "LogSoftmax", "ReduceL2", "ReduceSumSquare", "ReduceLogSumExp",
)  # fmt: skip
_SUMS = ("ReduceMean", "ReduceSum", "GlobalAveragePool")
_LAYERS = ("Conv", "ConvTranspose", "MatMul", "Gemm")
_WITHIN_ONE = ("Sigmoid", "Tanh", "Softmax", "HardSigmoid", "Softsign", "Erf", "Sin", "Cos")
_SAME = (
    "Identity", "Cast", "Relu", "LeakyRelu", "Abs", "Neg", "Reshape", "Transpose", "Squeeze", "Unsqueeze", "Flatten",
    "Slice", "Expand", "MaxPool", "AveragePool", "ReduceMax", "ReduceMean", "ReduceSum", "Pad", "Gather", "Tile",
)  # fmt: skip


def half_range(view: View) -> Findings:
    """Norms, softmax and sums of squares in half: squares overflow above 256, sums of exponentials lose digits."""
    for node in view.nodes_of(*SUMS_IN_HALF, *_SUMS):
        name = taken(node, 0)
        if view.types.get(name) == "FLOAT16" and (node.op_type in SUMS_IN_HALF or _squared(view, name)):
            what = "it sums in half precision, where digits are lost and the squares of 256 and more are infinite"
            yield Found(named(node), what, "Cast to float before it and back behind it")


def half_overflow(view: View) -> Findings:
    """Values of half tensors that become infinite by stored factors alone, also where the result is then squared.

    Checked is what products, quotients and sums with stored values come to where each other value is 8 at most, and
    what comes of multiplying those. A quotient of two computed values is taken to grow with what is above and shrink
    with what is below. What a layer adds up over its channels is not bounded here: a pass does not replace a run on the
    strongest frames.
    """
    reach: dict[str, float] = {}
    for node in view.nodes:
        value = min(_reached(view, node, [_of(view, name, reach) for name in node.input]), _MOST)
        for name in node.output:
            reach[name] = _ASSUMED if node.op_type in _LAYERS else value
            if view.types.get(name) == "FLOAT16" and value >= _INFINITE:
                reach[name] = _ASSUMED  # one cause is told once
                what = f"{name!r} reaches {value:.3g} where a value of 8 comes in; half precision ends at 65504"
                yield Found(named(node), what, "keep this part in float, or scale the weights down")


def _of(view: View, name: str, reach: dict[str, float]) -> float:
    """Greatest magnitude of a tensor."""
    if name in reach:
        return reach[name]
    stored = view.constant(name)
    greatest = float(np.abs(stored.astype(np.float64)).max(initial=0)) if stored is not None else np.inf
    return greatest if np.isfinite(greatest) else _ASSUMED  # what is stored as infinite is told by the rule for weights


def _reached(view: View, node: "NodeProto", each: Sequence[float]) -> float:
    """Greatest magnitude of what a node makes, of one term alone where it adds up many."""
    match node.op_type:
        case "Mul" | "Conv" | "ConvTranspose" | "MatMul" | "Gemm" if _with_stored(view, node):
            return each[0] * each[1]
        case "Mul" if max(each, default=0.0) > _ASSUMED:
            return math.prod(each)
        case "Pow" if len(each) > 1 and each[0] > _ASSUMED:
            return _power(each[0], view.constant(taken(node, 1)))
        case "Div" if len(each) > 1:
            below = view.constant(taken(node, 1))
            scaled = max(each[1] / _ASSUMED, 1.0)
            least = scaled if below is None else float(np.abs(below.astype(np.float64)).min(initial=1))
            return each[0] / max(least, 1e-30)
        case "Add" | "Sub" if _with_stored(view, node):
            return sum(each)
        case "Add" | "Sub" | "Concat" | "Max" | "Where":
            return max(each, default=_ASSUMED)
        case "Clip" | "Min" if each:
            return min(each[0], max(each[1:], default=np.inf))
        case operator if operator in _WITHIN_ONE:
            return 1.0
        case operator if operator in _SAME and each:
            return each[0]
    return _ASSUMED


def _power(base: float, exponents: NDArray[np.generic] | None) -> float:
    """Of a value above 1 to stored powers; what is computed is taken for 1, the same again."""
    with np.errstate(over="ignore"):
        return float(base ** (1.0 if exponents is None else exponents.astype(np.float64).max(initial=0)))


def _with_stored(view: View, node: "NodeProto") -> bool:
    """Whether one of two inputs is stored."""
    return bool(taken(node, 1)) and any(view.origin(name) in view.stored for name in node.input[:2])


def _squared(view: View, name: str) -> bool:
    """Whether a tensor is x * x or a power."""
    node = view.makers.get(name)
    return node is not None and (node.op_type == "Pow" or (node.op_type == "Mul" and taken(node, 0) == taken(node, 1)))
