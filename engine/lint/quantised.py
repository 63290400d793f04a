"""Rules for what is quantised, to which integers, along which axis."""

from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from engine.lint.fault import Findings, Found
from engine.lint.scales import QUANTISERS, SCALE, ZERO, first_uses
from engine.lint.view import View, attribute, taken
from engine.package.nodes import named

if TYPE_CHECKING:
    from onnx import NodeProto

_SYMMETRIC = "quantise signed and symmetric (int8, zero point 0): the form int8-s8"


def integer_type(view: View) -> Findings:
    """Q/DQ of other integers than int8; TensorRT takes uint8 with a warning and computes with int8."""
    for node in view.nodes_of(*QUANTISERS):
        quantises = node.op_type == "QuantizeLinear"
        whole = next(iter(node.output), "") if quantises else taken(node, 0)
        kind = view.types.get(whole, "INT8")
        if not quantises and (kind == "INT32" or view.maker(whole, "QuantizeLinear")):
            continue  # told as a bias, or at the node that quantises
        if kind != "INT8":
            yield Found(named(node), f"{whole!r} is {kind}, TensorRT computes with INT8 alone", _SYMMETRIC)


def zero_point(view: View) -> Findings:
    """A zero point that is not zero, or not stored."""
    for node, name in first_uses(view, ZERO):
        zero = view.constant(name)
        if zero is None:
            yield Found(named(node), f"zero point {name!r} is not stored in the file", _SYMMETRIC)
        elif np.any(zero):
            worst = zero.flat[int(np.argmax(np.abs(zero.astype(np.float64))))]
            yield Found(named(node), f"zero point {name!r} is {worst}, TensorRT takes 0 alone", _SYMMETRIC)


def bias_integer(view: View) -> Findings:
    """INT32 values dequantised: the bias as ONNX Runtime's quantiser leaves it."""
    for node in view.nodes_of("DequantizeLinear"):
        if view.types.get(taken(node, 0)) == "INT32":
            mend = "keep the bias in float: extra_options={'QuantizeBias': False}"
            yield Found(named(node), f"{taken(node, 0)!r} is INT32, TensorRT dequantises INT8 alone", mend)


def activation_axis(view: View) -> Findings:
    """More than one scale for a tensor that is computed; TensorRT parses it, and no kernel does it."""
    for node in view.nodes_of(*QUANTISERS):
        scale = view.constant(taken(node, SCALE))
        if scale is None or scale.size == 1 or _takes_weight(view, node):
            continue
        if node.op_type == "DequantizeLinear" and view.maker(taken(node, 0), "QuantizeLinear"):
            continue  # told at the node that quantises
        what = f"{scale.size} scales for {taken(node, 0)!r}, which is computed"
        yield Found(named(node), what, "one scale for each computed tensor; only weights have one for each channel")


def weight_axis(view: View) -> Findings:
    """Weights with scales along another axis than that of their output channels; the parser takes it without a word."""
    for node in view.nodes_of("Conv", "MatMul", "Gemm"):
        quantiser = view.maker(taken(node, 1), "DequantizeLinear")
        scale = view.constant(taken(quantiser, SCALE)) if quantiser is not None else None
        if quantiser is None or scale is None or scale.size == 1 or not _takes_weight(view, quantiser):
            continue
        weight = _weight(view, quantiser)
        rank = 2 if weight is None else weight.ndim
        wanted = 0 if node.op_type == "Conv" else rank - 1 - attribute(node, "transB", 0)
        axis = attribute(quantiser, "axis", 1)
        if axis not in (wanted, wanted - rank):
            what = f"the weights of {named(node)} have their scales along axis {axis}"
            yield Found(named(quantiser), what, f"its output channels are axis {wanted}: quantise along that")


def transposed(view: View) -> Findings:
    """A quantised ConvTranspose: which axis its scales mean differs between versions, and some gave wrong answers."""
    for node in view.nodes_of("ConvTranspose"):
        if view.maker(taken(node, 1), "DequantizeLinear"):
            mend = "keep it in float, or export it as Resize and Conv"
            yield Found(named(node), "its weights are quantised, which versions of TensorRT read differently", mend)


def _takes_weight(view: View, node: "NodeProto") -> bool:
    return _weight(view, node) is not None


def _weight(view: View, node: "NodeProto") -> NDArray[np.generic] | None:
    """What a Q or DQ node takes, when it is stored: as integers, or as the floats that a Q node makes them of."""
    made = view.maker(taken(node, 0), "QuantizeLinear")
    return view.constant(taken(node if made is None else made, 0))
