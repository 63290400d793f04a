"""One small network per fault, and the same without it."""

from collections.abc import Mapping
from typing import NamedTuple

import numpy as np
from onnx import TensorProto, helper
from onnx.helper import make_node

from tests.engine.lint.graphs import ANSWER, FLOAT, HALF, PICTURE, network, node, quantised, weights


class Case(NamedTuple):
    """What the lint must say, and what the parser and builder of TensorRT for RTX do by themselves."""

    rule: str
    bad: bytes
    good: bytes
    alone: str
    """refuses, dies; or builds: it takes the fault without a word."""
    cpu: bool = False
    """Whether it is a fault on a CPU too."""


def typed(kind: int, place: str) -> bytes:
    """A network with a tensor of some element type as input, in between, or as output."""
    to_float = make_node("Cast", ["x" if place == "input" else "middle"], ["y"], name="back", to=FLOAT)
    if place == "input":
        return network([to_float], taken=[("x", kind, PICTURE[2])])
    if place == "output":
        return network([make_node("Cast", ["x"], ["y"], name="there", to=kind)], given=[("y", kind, PICTURE[2])])
    return network([make_node("Cast", ["x"], ["middle"], name="there", to=kind), to_float])


def in_half(operator: str, *shapes: tuple[int, ...], cast: bool = False, **attributes: object) -> bytes:
    """An operator with stored ones of these shapes in half, or in float between Casts."""
    kind = np.float32 if cast else np.float16
    held = {f"c{index}": np.ones(shape, kind) for index, shape in enumerate(shapes)}
    values = {"taken": [("x", HALF, PICTURE[2])], "given": [("y", HALF, PICTURE[2])]}
    if not cast:
        return node(operator, held, **values, **attributes)
    middle = make_node(operator, ["wide", *held], ["answer"], name="the_one", **attributes)
    casts = make_node("Cast", ["x"], ["wide"], to=FLOAT), make_node("Cast", ["answer"], ["y"], to=HALF)
    return network([casts[0], middle, casts[1]], held, **values)


def squared(kind: int) -> bytes:
    """A mean of squares in half or float."""
    dtype, values = helper.tensor_dtype_to_np_dtype(kind), [("x", kind, PICTURE[2])]
    nodes = [make_node("Pow", ["x", "two"], ["square"]), make_node("ReduceMean", ["square"], ["y"], name="mean")]
    return network(nodes, {"two": dtype.type(2)}, taken=values, given=[("y", kind, (1, 1, 1, 1))])


def multiplied(*factors: float) -> bytes:
    """x in half times one stored factor after the other."""
    names = ["x", *(f"m{index}" for index in range(len(factors) - 1)), "y"]
    nodes = [make_node("Mul", [names[i], f"c{i}"], [names[i + 1]], name=f"times_{i}") for i in range(len(factors))]
    held = {f"c{index}": np.float16(factor) for index, factor in enumerate(factors)}
    return network(nodes, held, taken=[("x", HALF, PICTURE[2])], given=[("y", HALF, PICTURE[2])])


def four(value: float) -> np.ndarray:
    """Scales of four channels, of which the second is `value`."""
    return np.array([0.01, value, 0.01, 0.01], np.float32)


FLOATS, WHOLE = typed(FLOAT, "input"), quantised()
COLUMNS = quantised("MatMul", axis=1)
PER_CHANNEL = {"scale": np.full(4, 0.05, np.float32), "zero": np.zeros(4, np.int8), "activation_axis": 1}
FOREIGN = network([make_node("Gelu", ["x"], ["y"], name="gelu", domain="com.microsoft")], domains=["com.microsoft"])
TRANSPOSED = {"w": weights(4, 4, 3, 3)}

FAULTS: Mapping[str, Case] = {
    "uint8 activations": Case("integer-type", quantised(zero=np.uint8(0)), WHOLE, "builds"),
    "uint8 activations around 128": Case("integer-type", quantised(zero=np.uint8(128)), WHOLE, "refuses"),
    "uint8 weights": Case("integer-type", quantised(weight_dtype=np.uint8), WHOLE, "refuses"),
    "int16 activations": Case("integer-type", quantised(zero=np.int16(0)), WHOLE, "refuses", cpu=True),
    "zero point": Case("zero-point", quantised(zero=np.int8(3)), WHOLE, "refuses"),
    "scale of zero": Case("scale", quantised(scale=np.float32(0)), WHOLE, "refuses", cpu=True),
    "negative scale": Case("scale", quantised(scale=np.float32(-0.1)), WHOLE, "refuses", cpu=True),
    "NaN scale": Case("scale", quantised(scale=np.float32(np.nan)), WHOLE, "refuses", cpu=True),
    "infinite scale": Case("scale", quantised(scale=np.float32(np.inf)), WHOLE, "builds", cpu=True),
    "scale of zero in a channel": Case("scale", quantised(weight_scale=four(0)), WHOLE, "refuses", cpu=True),
    "negative scale in a channel": Case("scale", quantised(weight_scale=four(-1)), WHOLE, "refuses", cpu=True),
    "NaN scale in a channel": Case("scale", quantised(weight_scale=four(np.nan)), WHOLE, "refuses", cpu=True),
    "three scales for four": Case(
        "scale-size", quantised(weight_scale=np.full(3, 0.01, np.float32)), WHOLE, "refuses", cpu=True
    ),
    "scale from the input": Case("made-scale", quantised(made_scale=True), WHOLE, "dies"),
    "scales per channel of what is computed": Case("activation-axis", quantised(**PER_CHANNEL), WHOLE, "builds"),
    "Conv scales along inputs": Case("weight-axis", quantised(axis=1), WHOLE, "builds"),
    "MatMul scales along inputs": Case("weight-axis", quantised("MatMul", axis=0), COLUMNS, "builds"),
    "quantised ConvTranspose, axis 0": Case(
        "transposed", quantised("ConvTranspose"), node("ConvTranspose", TRANSPOSED, pads=[1, 1, 1, 1]), "builds"
    ),
    "quantised ConvTranspose, axis 1": Case(
        "transposed", quantised("ConvTranspose", axis=1), node("ConvTranspose", TRANSPOSED, pads=[1, 1, 1, 1]), "builds"
    ),
    "INT32 bias": Case("bias-integer", quantised(bias="int32"), WHOLE, "refuses"),
    "NaN weight": Case(
        "weights", node("Mul", {"c": np.float32(np.nan)}), node("Mul", {"c": np.float32(2)}), "builds", cpu=True
    ),
    "infinite half": Case("weights", multiplied(np.inf), multiplied(2), "builds", cpu=True),
    "half overflow": Case("half-overflow", multiplied(6e4), multiplied(6e3), "builds", cpu=True),
    "half overflow in two steps": Case("half-overflow", multiplied(300, 300), multiplied(300, 0.1), "builds", cpu=True),
    "float plus half": Case(
        "mixed-types", node("Add", {"c": np.float16(1)}), node("Add", {"c": np.float32(1)}), "refuses", cpu=True
    ),
    "InstanceNormalization in half": Case(
        "half-range", in_half("InstanceNormalization", (4,), (4,)),
        in_half("InstanceNormalization", (4,), (4,), cast=True), "builds",
    ),
    "LayerNormalization in half": Case(
        "half-range", in_half("LayerNormalization", (8,)), in_half("LayerNormalization", (8,), cast=True), "builds"
    ),
    "Softmax in half": Case("half-range", in_half("Softmax"), in_half("Softmax", cast=True), "builds"),
    "mean of squares in half": Case("half-range", squared(HALF), squared(FLOAT), "builds"),
    "opset 14": Case("opset", node("Relu", opset=14), node("Relu", opset=17), "builds", cpu=True),
    "opset 21": Case("opset", node("Relu", opset=21), node("Relu", opset=20), "builds", cpu=True),
    "opset 26": Case("opset", node("Relu", opset=26), node("Relu", opset=20), "builds", cpu=True),
    "foreign domain": Case("operator", FOREIGN, node("Erf"), "builds", cpu=True),
    "uint8 in between": Case(
        "element-type", typed(TensorProto.UINT8, "middle"), typed(TensorProto.UINT8, "input"), "refuses"
    ),
    **{
        f"{name.lower()} {place}": Case(
            "element-type", typed(getattr(TensorProto, name), place), FLOATS,
            "builds" if name == "DOUBLE" else "refuses", cpu=name.startswith("COMPLEX"),
        )
        for name in ("UINT16", "INT16", "UINT32", "UINT64", "COMPLEX64", "COMPLEX128", "STRING", "DOUBLE")
        for place in ("input", "middle", "output")
    },
}  # fmt: skip

JOINED = [
    make_node("QuantizeLinear", ["x", "s1", "zero"], ["a"]),
    make_node("DequantizeLinear", ["a", "s1", "zero"], ["a_near"]),
    make_node("QuantizeLinear", ["x", "s2", "zero"], ["b"]),
    make_node("DequantizeLinear", ["b", "s2", "zero"], ["b_near"]),
]


def joined(second: float) -> bytes:
    """A Concat of two quantised tensors with scales 0.05 and `second`."""
    held = {"zero": np.int8(0), "s1": np.float32(0.05), "s2": np.float32(second)}
    nodes = [*JOINED, make_node("Concat", ["a_near", "b_near"], ["y"], name="join", axis=1)]
    return network(nodes, held, given=[("y", FLOAT, (1, 8, 8, 8))])


def residual(*branches: str) -> bytes:
    """A sum of two branches: `x` is float, `a_near` quantised."""
    held = {"zero": np.int8(0), "s1": np.float32(0.05), "s2": np.float32(0.05)}
    return network([*JOINED, make_node("Add", list(branches), ["y"], name="sum")], held, given=[ANSWER])
