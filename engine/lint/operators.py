"""Operators that the TensorRT parsers do not read, or read within limits, in the user's words.

Each row was tried on the parser and builder of TensorRT for RTX 1.7, whose ONNX parser is TensorRT's own.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from engine.lint.fault import Findings, Found
from engine.lint.view import View, attribute, taken, word
from engine.package.manifest import CONTROL_FLOW
from engine.package.nodes import named
from engine.package.operators import why_refused

if TYPE_CHECKING:
    from onnx import NodeProto

_INTEGER = ("it computes on integers by itself", "quantise with QuantizeLinear and DequantizeLinear: the form int8-s8")
_BITS = ("TensorRT has no operations on bits", "use And, Or, Not, or arithmetic")
_DATA_SIZED = ("the size of its output depends on the data", "use a mask: Where with a fixed size")

UNREAD: Mapping[str, tuple[str, str]] = {
    "QLinearConv": _INTEGER, "QLinearMatMul": _INTEGER, "ConvInteger": _INTEGER, "MatMulInteger": _INTEGER,
    "DynamicQuantizeLinear": ("it makes its scale from the input", "store scales from calibration: the form int8-s8"),
    "BitShift": _BITS, "BitwiseAnd": _BITS, "BitwiseNot": _BITS, "BitwiseOr": _BITS, "BitwiseXor": _BITS,
    "DFT": ("TensorRT has no Fourier transform", "transform before the network, or multiply by its matrix (MatMul)"),
    "Unique": _DATA_SIZED, "Compress": _DATA_SIZED,
    "Det": ("TensorRT has no determinant", "write it out for the small matrix it is"),
    "CenterCropPad": ("TensorRT does not read it", "use Slice and Pad"),
    "MaxUnpool": ("TensorRT does not read it", "use Resize, or DepthToSpace"),
    "Col2Im": ("TensorRT does not read it", "use ConvTranspose"),
    "AffineGrid": ("TensorRT does not read it", "write it as MatMul on a stored grid"),
    "Attention": ("builders fail on it, and one died", "write it out: MatMul, Softmax in float32, MatMul"),
}  # fmt: skip
"""Operator -> why, and what to do."""

UNREAD_BY_RTX = {"RoiAlign": ("TensorRT for RTX has no plug-in for it", "use Slice and Resize, or TensorRT")}


@dataclass(frozen=True, slots=True)
class Limit:
    """What an operator may not ask for."""

    operators: tuple[str, ...]
    asks: Callable[[View, "NodeProto"], bool]
    why: str
    mend: str


def _spatial(view: View, node: "NodeProto") -> int:
    """Axes that a convolution runs along; 0: not known."""
    said = next((len(a.ints) for a in node.attribute if a.name == "kernel_shape"), 0)
    weight = view.constant(taken(node, 1))
    return said or (0 if weight is None else weight.ndim - 2)


def _dilated(_view: View, node: "NodeProto") -> bool:
    return any(step != 1 for a in node.attribute if a.name == "dilations" for step in a.ints)


def _late_axes(view: View, node: "NodeProto") -> bool:
    inputs = {value.name for value in view.model.graph.input}
    return bool(taken(node, 1)) and view.origin(taken(node, 1)) in inputs - set(view.stored)


def _resized_axes(view: View, node: "NodeProto") -> tuple[int, ...]:
    """Axes that a Resize changes, from the end (-1), as far as its scales are stored."""
    scales = view.constant(taken(node, 2))
    return () if scales is None else tuple(int(axis) - scales.size for axis in np.flatnonzero(scales != 1))


def _picks(view: View, node: "NodeProto") -> int:
    """How many values a TopK gives; 0: not known."""
    number = view.constant(taken(node, 1))
    return int(number.flat[0]) if number is not None and number.size == 1 and number.dtype.kind == "i" else 0


def _takes_float(view: View, node: "NodeProto") -> bool:
    return view.types.get(taken(node, 0)) in ("FLOAT", "FLOAT16", "BFLOAT16", "DOUBLE")


_SAMPLING = ("half_pixel_symmetric", "tf_crop_and_resize")
_REDUCTIONS = (
    "ReduceL1", "ReduceL2", "ReduceLogSum", "ReduceLogSumExp", "ReduceMax", "ReduceMean", "ReduceMin", "ReduceProd",
    "ReduceSum", "ReduceSumSquare", "Squeeze", "Unsqueeze",
)  # fmt: skip

LIMITS = (
    Limit(("Conv", "ConvTranspose"), lambda v, n: _spatial(v, n) > 3,
          "TensorRT convolves along one to three axes", "fold an axis into the channels"),
    Limit(("MaxPool", "AveragePool", "LpPool"), _dilated,
          "TensorRT pools without dilations", "use a strided convolution, or Slice before the pooling"),
    Limit(("MaxPool", "LayerNormalization"), lambda _v, n: sum(map(bool, n.output)) > 1,
          "TensorRT gives its first output alone", "leave the others out"),
    Limit(("LpPool",), lambda _v, n: attribute(n, "p", 2) > 2,
          "TensorRT knows the norms of order 1 and 2", "write it as Abs, Pow, AveragePool, Pow"),
    Limit(("BatchNormalization",), lambda _v, n: attribute(n, "training_mode", 0) != 0,
          "it is in training mode", "export for inference (model.eval()), folded into the convolution"),
    Limit(("Mod",), lambda v, n: not attribute(n, "fmod", 0) and _takes_float(v, n),
          "TensorRT takes fmod=0 for integers alone", "set fmod=1, or write x - y * Floor(x / y)"),
    Limit(("Resize",), lambda _v, n: attribute(n, "antialias", 0) != 0,
          "TensorRT resizes without antialias", "put an AveragePool or a smoothing Conv before it"),
    Limit(("Resize",), lambda _v, n: word(n, "keep_aspect_ratio_policy") not in ("", "stretch"),
          "TensorRT stretches alone", "give the wanted sizes themselves"),
    Limit(("Resize",), lambda _v, n: word(n, "coordinate_transformation_mode") in _SAMPLING,
          "TensorRT does not know its coordinate_transformation_mode", "use half_pixel, align_corners or asymmetric"),
    Limit(("Resize",), lambda v, n: word(n, "mode") == "cubic" and any(axis < -2 for axis in _resized_axes(v, n)),
          "TensorRT resizes cubically along the last two axes alone", "use mode linear"),
    Limit(("Resize",), lambda v, n: word(n, "mode") == "linear" and len(_resized_axes(v, n)) > 3,
          "TensorRT resizes linearly along three axes at most", "resize in two steps"),
    Limit(("ScatterND", "ScatterElements"), lambda _v, n: word(n, "reduction") not in ("", "none"),
          "TensorRT scatters without a reduction", "add with MatMul on a stored matrix"),
    Limit(("TopK",), lambda v, n: _picks(v, n) > 3840,
          "TensorRT picks 3840 at most", "pick in two steps, or reduce first"),
    Limit(_REDUCTIONS, _late_axes,
          "TensorRT needs its axes stored in the file", "export with constant axes"),
)  # fmt: skip


def operator(view: View) -> Findings:
    """Operators outside the list of packages, and what TensorRT does not read, or only within limits."""
    unread = {"tensorrt": UNREAD, "rtx": {**UNREAD, **UNREAD_BY_RTX}}.get(view.target, {})
    for node in view.nodes:
        if node.op_type in unread and node.domain in ("", "ai.onnx"):
            yield Found(named(node), *unread[node.op_type])
            continue
        what, mend = why_refused(node.op_type, node.domain, CONTROL_FLOW)
        if what:
            yield Found(named(node), what, mend)
        for limit in LIMITS if unread else ():
            if node.op_type in limit.operators and limit.asks(view, node):
                yield Found(named(node), limit.why, limit.mend)
