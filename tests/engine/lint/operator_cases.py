"""One small network for each operator that the lint's tables name, and for each limit one on either side of it."""

from collections.abc import Mapping
from typing import Any, NamedTuple

import numpy as np
from onnx import TensorProto
from onnx.helper import make_node

from tests.engine.lint.graphs import FLOAT, PICTURE, Value, network, node, weights

F, WHOLE = np.float32, TensorProto.INT64
LINE: Value = ("x", FLOAT, (1, 8, 1))
STACK: Value = ("x", FLOAT, (1, 2, 4, 8, 8))
SMALL: Value = ("x", FLOAT, (1, 2, 4, 4, 4, 4))
COUNTS: Value = ("x", TensorProto.INT32, (4,))
BYTES: Value = ("x", TensorProto.UINT8, (1, 4, 8, 8))
SCALE, ZERO = F(0.1), np.uint8(0)
FINE = {"ws": SCALE, "wz": np.int8(0)}


def answer(*shape: int, kind: int = FLOAT) -> tuple[Value]:
    """The outputs of a network with one."""
    return (("y", kind, shape),)


def integers(operator: str) -> bytes:
    """Four int32 numbers through an operation on bits."""
    held = {} if operator == "BitwiseNot" else {"c": np.ones(4, np.int32)}
    return node(operator, held, taken=[COUNTS], given=answer(4, kind=TensorProto.INT32), opset=18)


UNREAD: Mapping[str, bytes] = {
    "QLinearConv": node(
        "QLinearConv",
        {"s": SCALE, "z": ZERO, "w": np.ones((4, 4, 1, 1), np.int8), **FINE, "ys": SCALE, "yz": ZERO},
        taken=[BYTES], given=answer(1, 4, 8, 8, kind=TensorProto.UINT8),
    ),
    "QLinearMatMul": node(
        "QLinearMatMul",
        {"s": SCALE, "z": ZERO, "w": np.ones((8, 8), np.int8), **FINE, "ys": SCALE, "yz": ZERO},
        taken=[BYTES], given=answer(1, 4, 8, 8, kind=TensorProto.UINT8),
    ),
    "ConvInteger": node(
        "ConvInteger", {"w": np.ones((4, 4, 1, 1), np.uint8)},
        taken=[BYTES], given=answer(1, 4, 8, 8, kind=TensorProto.INT32),
    ),
    "MatMulInteger": node(
        "MatMulInteger", {"w": np.ones((8, 8), np.uint8)},
        taken=[BYTES], given=answer(1, 4, 8, 8, kind=TensorProto.INT32),
    ),
    "DynamicQuantizeLinear": network(
        [
            make_node("DynamicQuantizeLinear", ["x"], ["q", "s", "z"]),
            make_node("DequantizeLinear", ["q", "s", "z"], ["y"]),
        ]
    ),
    "BitShift": node(
        "BitShift", {"c": np.ones(4, np.uint64)}, direction="LEFT",
        taken=[("x", TensorProto.UINT64, (4,))], given=answer(4, kind=TensorProto.UINT64),
    ),
    **{name: integers(name) for name in ("BitwiseAnd", "BitwiseNot", "BitwiseOr", "BitwiseXor")},
    "DFT": node("DFT", axis=1, taken=[LINE], given=answer(1, 8, 2)),
    "Unique": node("Unique", given=[("y", FLOAT, ("count",))]),
    "Compress": node("Compress", {"c": np.array([True, False])}, axis=1, given=[("y", FLOAT, (1, "count", 8, 8))]),
    "Det": node("Det", given=answer(1, 4)),
    "CenterCropPad": node("CenterCropPad", {"s": np.array([1, 4, 4, 4])}, given=answer(1, 4, 4, 4), opset=18),
    "MaxUnpool": node(
        "MaxUnpool", {"i": np.zeros((1, 4, 8, 8), np.int64)}, kernel_shape=[2, 2], strides=[2, 2],
        given=answer(1, 4, 16, 16),
    ),
    "Col2Im": node(
        "Col2Im", {"s": np.array([8, 8]), "b": np.array([1, 1])},
        taken=[("x", FLOAT, (1, 4, 64))], given=answer(1, 4, 8, 8), opset=18,
    ),
    "AffineGrid": node(
        "AffineGrid", {"s": np.array([1, 1, 8, 8])}, taken=[("x", FLOAT, (1, 2, 3))], given=answer(1, 8, 8, 2), opset=20
    ),
    "Attention": network(
        [make_node("Attention", ["x", "k", "v"], ["y"])],
        taken=[(name, FLOAT, (1, 2, 8, 16)) for name in "xkv"], given=answer(1, 2, 8, 16), opset=23,
    ),
    "RoiAlign": node("RoiAlign", {"r": np.zeros((1, 4), F), "b": np.zeros(1, np.int64)}, given=answer(1, 4, 1, 1)),
}  # fmt: skip
"""Operator -> a network that has it."""


class Sides(NamedTuple):
    """A network beyond a limit and one within it; `why` begins the sentence."""

    why: str
    beyond: bytes
    within: bytes


def resized(scales: tuple[float, ...], taken: Value = PICTURE, **more: Any) -> bytes:
    """A Resize by stored scales."""
    shape = tuple(int(size * scale) for size, scale in zip(taken[2], scales, strict=True))  # type: ignore[operator]
    nodes = [make_node("Resize", ["x", "", "scales"], ["y"], name="the_one", **{"mode": "linear", **more})]
    return network(nodes, {"scales": np.array(scales, F)}, taken=[taken], given=answer(*shape), opset=19)


def sized(policy: str) -> bytes:
    """A Resize of the last two axes to stored sizes."""
    kept = {"axes": [2, 3], "mode": "linear", "keep_aspect_ratio_policy": policy}
    nodes = [make_node("Resize", ["x", "", "", "s"], ["y"], **kept)]
    return network(nodes, {"s": np.array([16, 16])}, given=answer(1, 4, 16, 16), opset=19)


def two_outputs(operator: str, both: bool) -> bytes:
    """An operator with its second output used or not."""
    more: dict[str, Any] = {"kernel_shape": [1, 1]} if operator == "MaxPool" else {}
    held = {} if operator == "MaxPool" else {"s": np.ones(8, F)}
    kind, shape = (WHOLE, (1, 4, 8, 8)) if operator == "MaxPool" else (FLOAT, (1, 4, 8, 1))
    nodes = [make_node(operator, ["x", *held], ["y", "second"] if both else ["y"], **more)]
    given = [("y", FLOAT, PICTURE[2]), *([("second", kind, shape)] if both else [])]
    return network(nodes, held, given=given)


def normalised(training: int) -> bytes:
    """BatchNormalization in training or not."""
    held = {name: np.ones(4, F) for name in ("s", "b", "m", "v")}
    outputs = ["y", "mean", "spread"] if training else ["y"]
    return network([make_node("BatchNormalization", ["x", *held], outputs, training_mode=training)], held)


def scattered(operator: str, reduction: str) -> bytes:
    """Ones put into the picture."""
    rank = 2 if operator == "ScatterND" else 4
    held = {"i": np.zeros((1,) * rank, np.int64), "u": np.ones((1, 4, 8, 8) if rank == 2 else (1,) * 4, F)}
    return node(operator, held, reduction=reduction, opset=18)


def picked(count: int) -> bytes:
    """The largest values of a line."""
    given = [("y", FLOAT, (1, count)), ("where", WHOLE, (1, count))]
    nodes = [make_node("TopK", ["x", "k"], ["y", "where"])]
    return network(nodes, {"k": np.array([count])}, taken=[("x", FLOAT, (1, 5000))], given=given)


def summed(stored: bool) -> bytes:
    """A sum along stored axes, or along axes that are an input."""
    taken = [PICTURE, *([] if stored else [("axes", WHOLE, (2,))])]
    held = {"axes": np.array([2, 3])} if stored else {}
    return network([make_node("ReduceSum", ["x", "axes"], ["y"])], held, taken=taken, given=answer(1, 4, 1, 1))


def pooled(operator: str, **more: Any) -> bytes:
    """A pooling of 2 x 2."""
    size = 6 if more.get("dilations") == [2, 2] else 7
    opset = 19 if operator == "AveragePool" else 18
    return node(operator, kernel_shape=[2, 2], given=answer(1, 4, size, size), opset=opset, **more)


SYMMETRIC = {"coordinate_transformation_mode": "half_pixel_symmetric"}
LIMITS = (
    Sides("TensorRT convolves along",
          node("Conv", {"w": weights(2, 2, 3, 3, 3, 3)}, taken=[SMALL], given=answer(1, 2, 2, 2, 2, 2)),
          node("Conv", {"w": weights(2, 2, 3, 3, 3)}, taken=[STACK], given=answer(1, 2, 2, 6, 6))),
    *(Sides("TensorRT pools without dilations", pooled(name, dilations=[2, 2]), pooled(name))
      for name in ("MaxPool", "AveragePool", "LpPool")),
    *(Sides("TensorRT gives its first output alone", two_outputs(name, True), two_outputs(name, False))
      for name in ("MaxPool", "LayerNormalization")),
    Sides("TensorRT knows the norms", pooled("LpPool", p=3), pooled("LpPool", p=2)),
    Sides("it is in training mode", normalised(1), normalised(0)),
    Sides("TensorRT takes fmod=0", node("Mod", {"c": F(2)}, fmod=0), node("Mod", {"c": F(2)}, fmod=1)),
    Sides("TensorRT resizes without antialias", resized((1, 1, 0.5, 0.5), antialias=1), resized((1, 1, 0.5, 0.5))),
    Sides("TensorRT stretches alone", sized("not_larger"), sized("stretch")),
    Sides("TensorRT does not know its coordinate", resized((1, 1, 2, 2), **SYMMETRIC), resized((1, 1, 2, 2))),
    Sides("TensorRT resizes cubically",
          resized((1, 1, 2, 2, 2), STACK, mode="cubic"), resized((1, 1, 1, 2, 2), STACK, mode="cubic")),
    Sides("TensorRT resizes linearly", resized((2, 2, 2, 2)), resized((1, 2, 2, 2))),
    *(Sides("TensorRT scatters without", scattered(name, "add"), scattered(name, "none"))
      for name in ("ScatterND", "ScatterElements")),
    Sides("TensorRT picks 3840", picked(3841), picked(3840)),
    Sides("TensorRT needs its axes", summed(stored=False), summed(stored=True)),
)  # fmt: skip
