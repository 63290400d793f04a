"""The quality network as an ONNX graph, from its weights; no training library needed.

What needs range (brightness, logarithm, difference) and what is counted (heads, embedding, distance) stays in float32
outside the convolutions that a lower precision may take.
"""

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from engine.quality import OUTPUTS
from models.quality.distance import SMALLEST
from models.quality.shape import (
    CELLS,
    DIFFERENCE_GAIN,
    FLOOR,
    LAYERS,
    LOG_GAIN,
    MIDDLE,
    MOST_DIFFERENCE,
    MOST_IMPACT,
    POOL,
    STRIDE,
)

if TYPE_CHECKING:
    from onnx import ModelProto, NodeProto

OPSET = 17
PER_KIND = ("maps.weight", "maps.bias", "severity.weight", "severity.bias", "gain", "bias", "where_bias")
"""Weights whose first axis is the kind."""

Weights = Mapping[str, NDArray[np.float32]]


def with_kinds(weights: Weights, kept: Sequence[int]) -> dict[str, NDArray[np.float32]]:
    """The same weights with the heads of some kinds only."""
    return {name: array[list(kept)] if name in PER_KIND else array for name, array in weights.items()}


def build(weights: Weights) -> "ModelProto":
    """`image` -> OUTPUTS. `weights`: those of `network.Quality.weights`, `gain` and `bias` calibrated; and of the
    distance `whitening [feature, embedding]`, `centres [centre, embedding]`, `limit []`.
    """
    from onnx import TensorProto, helper, numpy_helper

    kinds, embedded = len(weights["gain"]), weights["whitening"].shape[1]
    shapes: dict[str, list[str | int | None]] = {
        "probability": ["batch", kinds],
        "severity": ["batch", kinds],
        "where": ["batch", kinds, CELLS, CELLS],
        "embedding": ["batch", embedded],
        "distance": ["batch", 1],
    }
    constants = {
        "zero": np.float32(0), "one": np.float32(1), "floor": np.float32(FLOOR), "log_gain": np.float32(LOG_GAIN),
        "most": np.float32(MOST_DIFFERENCE), "least": np.float32(-MOST_DIFFERENCE),
        "difference_gain": np.float32(DIFFERENCE_GAIN), "most_log_impact": np.float32(np.log1p(MOST_IMPACT)),
        "smallest": np.float32(SMALLEST),
        "map_size": np.array([kinds, CELLS, CELLS], np.int64),
        "0": np.array([0], np.int64), "1": np.array([1], np.int64), "2": np.array([2], np.int64),
    }  # fmt: skip
    held = {**constants, **weights, "where_bias": weights["where_bias"][:, None, None]}
    graph = helper.make_graph(
        [*channels(), *_features(), *_kinds(), *_distance()],
        "quality",
        [helper.make_tensor_value_info("image", TensorProto.FLOAT, ["batch", 2, "y", "x"])],
        [helper.make_tensor_value_info(name, TensorProto.FLOAT, shapes[name]) for name in OUTPUTS],
        [numpy_helper.from_array(np.asarray(array), name) for name, array in held.items()],
    )
    opset = [helper.make_opsetid("", OPSET)]
    return helper.make_model(graph, producer_name="scanside", opset_imports=opset, ir_version=8)


def channels(axes: int = 2) -> "list[NodeProto]":
    """`image` -> `scaled [batch, 3, ...]` as `network.channels`, for images of two or three axes.

    The frame over its own brightness (the mean is taken within slices), as a logarithm, and the difference to before.
    """
    from onnx.helper import make_node

    window, steps = [1] * (axes - 2) + [POOL, POOL], [1] * (axes - 2) + [STRIDE, STRIDE]
    return [
        make_node("Slice", ["image", "0", "1", "1"], ["frame"]),
        make_node("Slice", ["image", "1", "2", "1"], ["before"]),
        make_node("Max", ["frame", "zero"], ["positive"]),
        make_node("AveragePool", ["positive"], ["means"], kernel_shape=window, strides=steps),
        make_node("ReduceMax", ["means"], ["brightest"], axes=list(range(2, 2 + axes)), keepdims=1),
        make_node("Max", ["brightest", "floor"], ["level"]),
        make_node("Div", ["positive", "level"], ["bright"]),
        make_node("Add", ["positive", "one"], ["above_one"]),
        make_node("Log", ["above_one"], ["logarithm"]),
        make_node("Mul", ["logarithm", "log_gain"], ["dark"]),
        make_node("Sub", ["frame", "before"], ["difference"]),
        make_node("Clip", ["difference", "least", "most"], ["limited"]),
        make_node("Mul", ["limited", "difference_gain"], ["new"]),
        make_node("Concat", ["bright", "dark", "new"], ["scaled"], axis=1),
    ]


def _features() -> list["NodeProto"]:
    """`scaled` -> `last_features`, and the features in between."""
    from onnx.helper import make_node

    nodes, taken = [], "scaled"
    for number, (_, _, stride) in enumerate(LAYERS):
        given = f"features_{number}"
        nodes.append(_conv(f"layers.{number}", taken, f"{given}_raw", stride))
        nodes.append(make_node("Relu", [f"{given}_raw"], [given]))
        taken = given
    return [
        *nodes,
        make_node("ReduceMean", [taken], ["columns"], axes=[2], keepdims=1),
        make_node("ReduceMean", [taken], ["plane"], axes=[2, 3], keepdims=1),
        _conv("along", "columns", "of_columns"),
        _conv("whole", "plane", "of_plane"),
        make_node("Add", [taken, "of_columns"], ["with_columns"]),
        make_node("Add", ["with_columns", "of_plane"], ["with_context"]),
        make_node("Relu", ["with_context"], ["context"]),
        _conv("last", "context", "last_raw", 1),
        make_node("Relu", ["last_raw"], ["last_features"]),
    ]


def _kinds() -> list["NodeProto"]:
    """`last_features` -> `probability`, `severity`, `where`."""
    from onnx.helper import make_node

    return [
        _conv("maps", "last_features", "map"),
        *_mean_exponential("map", "how_surely"),
        make_node("Mul", ["how_surely", "gain"], ["scaled_logit"]),
        make_node("Add", ["scaled_logit", "bias"], ["logit"]),
        make_node("Sigmoid", ["logit"], ["probability"]),
        _conv("severity", "last_features", "severity_map"),
        *_mean_exponential("severity_map", "log_impact"),
        make_node("Clip", ["log_impact", "zero", "most_log_impact"], ["limited_log_impact"]),
        make_node("Exp", ["limited_log_impact"], ["impact_and_one"]),
        make_node("Sub", ["impact_and_one", "one"], ["severity"]),
        make_node("Shape", ["image"], ["batch"], start=0, end=1),
        make_node("Concat", ["batch", "map_size"], ["where_size"], axis=0),
        make_node("Resize", ["map", "", "", "where_size"], ["coarse"], mode="linear"),
        make_node("Add", ["coarse", "where_bias"], ["where_logit"]),
        make_node("Sigmoid", ["where_logit"], ["where"]),
    ]


def _distance() -> list["NodeProto"]:
    """Mean features -> `embedding`, of which all parts have the same spread where trained -> `distance`."""
    from onnx.helper import make_node

    return [
        make_node("ReduceMean", [f"features_{MIDDLE}"], ["texture"], axes=[2, 3], keepdims=0),
        make_node("ReduceMean", ["last_features"], ["meaning"], axes=[2, 3], keepdims=0),
        make_node("Concat", ["texture", "meaning"], ["mean_features"], axis=1),
        make_node("Add", ["mean_features", "smallest"], ["above_zero"]),
        make_node("Log", ["above_zero"], ["log_features"]),
        make_node("MatMul", ["log_features", "whitening"], ["embedding"]),
        make_node("Unsqueeze", ["embedding", "1"], ["one_embedding"]),
        make_node("Sub", ["one_embedding", "centres"], ["from_centres"]),
        make_node("ReduceL2", ["from_centres"], ["lengths"], axes=[2], keepdims=0),
        make_node("ReduceMin", ["lengths"], ["nearest"], axes=[1], keepdims=1),
        make_node("Div", ["nearest", "limit"], ["distance"]),
    ]


def _mean_exponential(taken: str, given: str) -> list["NodeProto"]:
    """Log of the mean of exp over the plane, `[batch, kind]`; the maximum is taken out so that nothing overflows."""
    from onnx.helper import make_node

    return [
        make_node("ReduceMax", [taken], [f"{given}_most"], axes=[2, 3], keepdims=1),
        make_node("Sub", [taken, f"{given}_most"], [f"{given}_below"]),
        make_node("Exp", [f"{given}_below"], [f"{given}_shares"]),
        make_node("ReduceMean", [f"{given}_shares"], [f"{given}_share"], axes=[2, 3], keepdims=1),
        make_node("Log", [f"{given}_share"], [f"{given}_lower"]),
        make_node("Add", [f"{given}_lower", f"{given}_most"], [f"{given}_plane"]),
        make_node("Flatten", [f"{given}_plane"], [given], axis=1),
    ]


def _conv(name: str, taken: str, given: str, stride: int = 0) -> "NodeProto":
    """3 x 3 of some stride; stride 0: 1 x 1."""
    from onnx.helper import make_node

    weights = [taken, f"{name}.weight", f"{name}.bias"]
    if not stride:
        return make_node("Conv", weights, [given], name=name)
    steps = [stride, stride]
    return make_node("Conv", weights, [given], name=name, kernel_shape=[3, 3], pads=[1, 1, 1, 1], strides=steps)
