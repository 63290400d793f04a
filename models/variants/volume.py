"""The quality network along three axes: convolutions of 3 x 3 x 3 with a residual sum, for stacks of slices."""

from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from models.quality.graph import channels
from models.variants.frames import snr_frames
from models.variants.parts import EMBEDDED, KINDS, Weights, conv, he, heads, model

if TYPE_CHECKING:
    from onnx import ModelProto, NodeProto

LAYERS = ((3, 8, (1, 2, 2)), (8, 16, (2, 2, 2)), (16, 16, (1, 1, 1)), (16, 16, (1, 1, 1)), (16, 32, (2, 2, 2)))
"""Channels in, channels out, strides along z, y, x. What goes into the third is added to what the fourth makes."""
_ALL = (2, 3, 4)


def build() -> "ModelProto":
    """`image [batch, 2, z, y, x]`, SNR -> `probability`, `severity`, `embedding`; weights random, the seed fixed."""
    return model("quality-3d", _nodes(), _weights(), ["z", "y", "x"])


def golden_frames() -> NDArray[np.float32]:
    """`[2, 1, 2, 8, 32, 32]`: two objects in noise and the stack before."""
    return snr_frames(2, (8, 32, 32))


def _nodes() -> "list[NodeProto]":
    from onnx.helper import make_node

    steps = [steps for *_, steps in LAYERS]
    nodes = channels(3)
    for number, taken, given in ((0, "scaled", "first"), (1, "first", "second"), (2, "second", "third")):
        nodes.append(conv(f"layers.{number}", taken, f"{given}_raw", steps[number]))
        nodes.append(make_node("Relu", [f"{given}_raw"], [given]))
    return [
        *nodes,
        conv("layers.3", "third", "fourth", steps[3]),
        make_node("Add", ["second", "fourth"], ["sum_raw"], name="residual"),
        make_node("Relu", ["sum_raw"], ["sum"]),
        conv("layers.4", "sum", "features_raw", steps[4]),
        make_node("Relu", ["features_raw"], ["features"]),
        make_node("Conv", ["features", "kinds.weight", "kinds.bias"], ["kinds_map"], name="kinds"),
        make_node("Conv", ["features", "severity.weight", "severity.bias"], ["severity_map"], name="severity"),
        make_node("ReduceMean", ["features"], ["mean_features"], axes=_ALL, keepdims=0),
        *heads(_ALL),
    ]


def _weights() -> Weights:
    random, weights = np.random.default_rng(31), {}
    for number, (taken, given, _) in enumerate(LAYERS):
        weights[f"layers.{number}.weight"] = he(random, given, taken, 3, 3, 3)
        weights[f"layers.{number}.bias"] = np.full(given, 0.01, np.float32)
    width = LAYERS[-1][1]
    for head in ("kinds", "severity"):
        weights[f"{head}.weight"] = he(random, KINDS, width, 1, 1, 1)
        weights[f"{head}.bias"] = np.zeros(KINDS, np.float32)
    return {**weights, "mixing": he(random, EMBEDDED, width).T.copy()}
