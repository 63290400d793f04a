"""What the variants share: convolutions, heads, random weights, the model around a graph."""

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from models.quality.shape import (
    DIFFERENCE_GAIN,
    FLOOR,
    LOG_GAIN,
    MOST_DIFFERENCE,
    MOST_IMPACT,
)

if TYPE_CHECKING:
    from onnx import ModelProto, NodeProto

OPSET = 17
KINDS, EMBEDDED = 3, 16

Weights = dict[str, NDArray[np.float32]]


def he(random: np.random.Generator, *shape: int) -> NDArray[np.float32]:
    """Normal weights `[out, in, ...]` with variance 2 / inputs (He, Zhang, Ren and Sun 2015)."""
    weights: NDArray[np.float32] = random.standard_normal(shape).astype(np.float32)
    return weights * np.float32(np.sqrt(2 / np.prod(shape[1:])))


def model(
    name: str,
    nodes: "Sequence[NodeProto]",
    weights: Mapping[str, NDArray[np.generic]],
    sizes: Sequence[str],
) -> "ModelProto":
    """`image [batch, 2, *sizes]` -> `probability`, `severity` (each `[batch, 3]`), `embedding [batch, 16]`."""
    from onnx import TensorProto, helper, numpy_helper

    given: dict[str, list[str | int | None]] = {
        "probability": ["batch", KINDS],
        "severity": ["batch", KINDS],
        "embedding": ["batch", EMBEDDED],
    }
    graph = helper.make_graph(
        list(nodes),
        name,
        [helper.make_tensor_value_info("image", TensorProto.FLOAT, ["batch", 2, *sizes])],
        [helper.make_tensor_value_info(output, TensorProto.FLOAT, shape) for output, shape in given.items()],
        [numpy_helper.from_array(np.asarray(array), key) for key, array in {**_CONSTANTS, **weights}.items()],
    )
    opset = [helper.make_opsetid("", OPSET)]
    return helper.make_model(graph, producer_name="scanside", opset_imports=opset, ir_version=8)


def conv(name: str, taken: str, given: str, steps: Sequence[int], group: int = 1) -> "NodeProto":
    """3 along each axis, with the strides `steps`."""
    from onnx.helper import make_node

    axes = len(steps)
    shape, pads = [3] * axes, [1] * 2 * axes
    weights = [taken, f"{name}.weight", f"{name}.bias"]
    return make_node("Conv", weights, [given], name=name, kernel_shape=shape, pads=pads, strides=steps, group=group)


def heads(axes: Sequence[int]) -> "list[NodeProto]":
    """`kinds_map`, `severity_map` (kinds along the one axis that is neither the batch nor in `axes`), `mean_features
    [batch, feature]` -> the outputs."""
    from onnx.helper import make_node

    return [
        *_mean_exponential("kinds_map", "logit", axes),
        make_node("Sigmoid", ["logit"], ["probability"]),
        *_mean_exponential("severity_map", "log_impact", axes),
        make_node("Clip", ["log_impact", "zero", "most_log_impact"], ["limited_log_impact"]),
        make_node("Exp", ["limited_log_impact"], ["impact_and_one"]),
        make_node("Sub", ["impact_and_one", "one"], ["severity"]),
        make_node("MatMul", ["mean_features", "mixing"], ["embedding"], name="mixing"),
    ]


def _mean_exponential(taken: str, given: str, axes: Sequence[int]) -> "list[NodeProto]":
    """Log of the mean of exp over `axes`; the maximum is taken out so that nothing overflows."""
    from onnx.helper import make_node

    return [
        make_node("ReduceMax", [taken], [f"{given}_most"], axes=axes, keepdims=1),
        make_node("Sub", [taken, f"{given}_most"], [f"{given}_below"]),
        make_node("Exp", [f"{given}_below"], [f"{given}_shares"]),
        make_node("ReduceMean", [f"{given}_shares"], [f"{given}_share"], axes=axes, keepdims=1),
        make_node("Log", [f"{given}_share"], [f"{given}_lower"]),
        make_node("Add", [f"{given}_lower", f"{given}_most"], [f"{given}_kept"]),
        make_node("Flatten", [f"{given}_kept"], [given], axis=1),
    ]


_CONSTANTS: Mapping[str, NDArray[np.generic]] = {
    "zero": np.array(0, np.float32), "one": np.array(1, np.float32), "floor": np.array(FLOOR, np.float32),
    "log_gain": np.array(LOG_GAIN, np.float32), "most": np.array(MOST_DIFFERENCE, np.float32),
    "least": np.array(-MOST_DIFFERENCE, np.float32), "difference_gain": np.array(DIFFERENCE_GAIN, np.float32),
    "most_log_impact": np.array(np.log1p(MOST_IMPACT), np.float32),
    "0": np.array([0], np.int64), "1": np.array([1], np.int64), "2": np.array([2], np.int64),
}  # fmt: skip
