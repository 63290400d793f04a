"""The denoiser as an ONNX graph, from its weights; no training library needed.

Written node by node: names stay, opset and operators are those every runner reads, and what needs range (the division
by the brightness, the cap) stays in float32 outside the convolutions that a lower precision may take.
"""

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from models.denoiser.shape import BLOCKS, FLOOR, MOST_CHANGE, NOISE_GAIN, POOL, STRIDE

if TYPE_CHECKING:
    from onnx import ModelProto, NodeProto

OPSET = 17

_QUARTERS = ("00", "01", "10", "11")
"""First row and first column of each quarter of the pixels."""
_END = 1 << 30


def build(weights: Mapping[str, NDArray[np.float32]]) -> "ModelProto":
    """`image` -> `denoised`, float32 `[batch, 1, y, x]`; `weights` by their names in `network.Denoiser`."""
    from onnx import TensorProto, helper, numpy_helper

    sizes: list[str | int | None] = ["batch", 1, "y", "x"]
    constants: dict[str, NDArray[Any]] = {
        "floor": np.array(FLOOR, np.float32),
        "noise_gain": np.array(NOISE_GAIN, np.float32),
        "most": np.array(MOST_CHANGE, np.float32),
        "least": np.array(-MOST_CHANGE, np.float32),
        "zero": np.array(0, np.float32),
        "one_more": np.array([0, 0, 0, 0, 0, 0, 1, 1], np.int64),
        "steps": np.array([2, 2], np.int64),
        "origin": np.zeros(4, np.int64),
        "plane": np.array([2, 3], np.int64),
    }
    for part in _QUARTERS:  # rows and columns from 0 on end before the padding, those from 1 on with it
        constants[f"start_{part}"] = np.array([int(first) for first in part], np.int64)
        constants[f"end_{part}"] = np.array([_END if first == "1" else -1 for first in part], np.int64)
    graph = helper.make_graph(
        [*_scaled(), *_convolutions(), *_capped()],
        "denoiser",
        [helper.make_tensor_value_info("image", TensorProto.FLOAT, sizes)],
        [helper.make_tensor_value_info("denoised", TensorProto.FLOAT, sizes)],
        [numpy_helper.from_array(array, name) for name, array in {**constants, **weights}.items()],
    )
    opset = [helper.make_opsetid("", OPSET)]
    return helper.make_model(graph, producer_name="scanside", opset_imports=opset, ir_version=8)


def _scaled() -> list["NodeProto"]:
    """`image` over its brightness, every second pixel in a channel of its own, beside the noise map."""
    from onnx.helper import make_node

    return [
        make_node("AveragePool", ["image"], ["means"], kernel_shape=[POOL, POOL], strides=[STRIDE, STRIDE]),
        make_node("ReduceMax", ["means"], ["brightest"], axes=[2, 3], keepdims=1),
        make_node("Max", ["brightest", "floor"], ["level"]),
        make_node("Div", ["image", "level"], ["scaled"]),
        make_node("Shape", ["image"], ["size"]),
        make_node("Pad", ["scaled", "one_more"], ["padded"], mode="edge"),  # for the last half of an odd size
        *(
            make_node("Slice", ["padded", f"start_{part}", f"end_{part}", "plane", "steps"], [f"quarter_{part}"])
            for part in _QUARTERS
        ),
        make_node("Div", ["noise_gain", "level"], ["noise_level"]),
        make_node("Mul", ["quarter_00", "zero"], ["nothing"]),
        make_node("Add", ["nothing", "noise_level"], ["noise_map"]),
        make_node("Concat", [*(f"quarter_{part}" for part in _QUARTERS), "noise_map"], ["stacked"], axis=1),
    ]


def _convolutions() -> list["NodeProto"]:
    """`stacked` -> `predicted`, `[batch, 4, y/2, x/2]`."""
    from onnx.helper import make_node

    nodes = [_conv("head", "stacked", "head_out"), make_node("Relu", ["head_out"], ["features_0"])]
    for block in range(BLOCKS):
        first, second, taken = f"body.{2 * block}", f"body.{2 * block + 1}", f"features_{block}"
        nodes += [
            _conv(first, taken, f"{first}_out"),
            make_node("Relu", [f"{first}_out"], [f"{first}_relu"]),
            _conv(second, f"{first}_relu", f"{second}_out"),
            make_node("Add", [taken, f"{second}_out"], [f"features_{block + 1}"]),
        ]
    return [*nodes, _conv("tail", f"features_{BLOCKS}", "predicted")]


def _capped() -> list["NodeProto"]:
    """The predicted noise back in noise sd, cut to the image's size, capped, taken away."""
    from onnx.helper import make_node

    return [
        make_node("DepthToSpace", ["predicted"], ["shuffled"], blocksize=2, mode="CRD"),
        make_node("Slice", ["shuffled", "origin", "size"], ["cut"]),
        make_node("Mul", ["cut", "level"], ["noise"]),
        make_node("Clip", ["noise", "least", "most"], ["change"]),
        make_node("Sub", ["image", "change"], ["denoised"]),
    ]


def _conv(name: str, taken: str, given: str) -> "NodeProto":
    from onnx.helper import make_node

    weights = [taken, f"{name}.weight", f"{name}.bias"]
    return make_node("Conv", weights, [given], name=name, kernel_shape=[3, 3], pads=[1, 1, 1, 1])
