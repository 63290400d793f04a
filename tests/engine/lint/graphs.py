"""Small networks as ONNX bytes, each with one thing that can be made wrong."""

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import onnx
from numpy.typing import NDArray
from onnx import TensorProto, helper, numpy_helper
from onnx.helper import make_node

Value = tuple[str, int, Sequence[int | str]]
"""Name, element type, shape."""

FLOAT, HALF = TensorProto.FLOAT, TensorProto.FLOAT16
PICTURE: Value = ("x", FLOAT, (1, 4, 8, 8))
ANSWER: Value = ("y", FLOAT, (1, 4, 8, 8))
SCALE, ZERO = np.float32(0.05), np.int8(0)


def network(
    nodes: Sequence[onnx.NodeProto],
    constants: Mapping[str, Any] | None = None,
    taken: Sequence[Value] = (PICTURE,),
    given: Sequence[Value] = (ANSWER,),
    opset: int = 17,
    domains: Sequence[str] = (),
) -> bytes:
    """An ONNX file; `constants`: name -> array."""
    graph = helper.make_graph(
        list(nodes),
        "small",
        [helper.make_tensor_value_info(*value) for value in taken],
        [helper.make_tensor_value_info(*value) for value in given],
        [numpy_helper.from_array(np.asarray(array), name) for name, array in (constants or {}).items()],
    )
    imports = [helper.make_opsetid("", opset), *(helper.make_opsetid(domain, 1) for domain in domains)]
    return bytes(helper.make_model(graph, opset_imports=imports, ir_version=8).SerializeToString())


def weights(*shape: int) -> NDArray[np.float32]:
    """Seeded, about 0.3 in size."""
    return (0.3 * np.random.default_rng(4).standard_normal(shape)).astype(np.float32)


def quantised(
    operator: str = "Conv",
    *,
    scale: Any = SCALE,
    zero: Any = ZERO,
    weight_scale: Any = None,
    axis: int = 0,
    bias: str = "float32",
    made_scale: bool = False,
    activation_axis: int | None = None,
    weight_dtype: type = np.int8,
) -> bytes:
    """A quantised Conv or ConvTranspose of 4 channels, or a MatMul of rows of 8; good unless a word says otherwise."""
    shape = (8, 8) if operator == "MatMul" else (4, 4, 3, 3)
    weight_scale = np.full(shape[axis], 0.01, np.float32) if weight_scale is None else weight_scale
    whole = np.clip(np.round(weights(*shape) / 0.01), -127, 127)
    stored = (whole + (128 if weight_dtype is np.uint8 else 0)).astype(weight_dtype)
    constants = {"scale": scale, "zero": zero, "weight": stored, "weight_scale": weight_scale}
    constants["weight_zero"] = np.full(np.shape(weight_scale), 128 if weight_dtype is np.uint8 else 0, weight_dtype)
    places = {} if activation_axis is None else {"axis": activation_axis}
    nodes = [
        *([make_node("ReduceMax", ["x"], ["scale"], keepdims=0)] if made_scale else []),
        make_node("QuantizeLinear", ["x", "scale", "zero"], ["x_whole"], name="x_Q", **places),
        make_node("DequantizeLinear", ["x_whole", "scale", "zero"], ["x_near"], name="x_DQ", **places),
        make_node("DequantizeLinear", ["weight", "weight_scale", "weight_zero"], ["w_near"], name="w_DQ", axis=axis),
    ]
    if made_scale:
        del constants["scale"]
    if operator == "MatMul":
        return network([*nodes, make_node("MatMul", ["x_near", "w_near"], ["y"], name="middle")], constants)
    if bias == "int32":
        constants |= {"b": np.zeros(4, np.int32), "b_scale": np.full(4, 0.0005, np.float32)}
        nodes.append(make_node("DequantizeLinear", ["b", "b_scale"], ["b_near"], name="b_DQ", axis=0))
    else:
        constants["b_near"] = np.zeros(4, np.float32)
    nodes.append(make_node(operator, ["x_near", "w_near", "b_near"], ["y"], name="middle", pads=[1, 1, 1, 1]))
    return network(nodes, constants)


def node(operator: str, constants: Mapping[str, Any] | None = None, **more: Any) -> bytes:
    """`x`, then the constants in their order -> one operator -> `y`; `more`: attributes, and arguments of `network`."""
    kept = {key: more.pop(key) for key in ("taken", "given", "opset", "domains") if key in more}
    held = constants or {}
    return network([make_node(operator, ["x", *held], ["y"], name="the_one", **more)], held, **kept)
