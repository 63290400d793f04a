"""The quality network with attention behind its convolutions, written out in operators that every runner reads.

A pre-norm transformer block (Vaswani et al. 2017; Xiong et al. 2020): norm, scaled dot products in two heads, sum;
norm, two layers with GELU (by Erf), sum. Places are told apart by a depthwise convolution before it.
"""

from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from models.quality.graph import channels
from models.variants.frames import snr_frames
from models.variants.parts import EMBEDDED, KINDS, Weights, conv, he, heads, model

if TYPE_CHECKING:
    from onnx import ModelProto, NodeProto

LAYERS = ((3, 16), (16, 24), (24, 32), (32, 32))
"""Convolutions at stride 2: channels in, channels out."""
WIDTH, HEADS, INNER = 32, 2, 64


def build() -> "ModelProto":
    """`image [batch, 2, y, x]`, SNR -> `probability`, `severity`, `embedding`; weights random, the seed fixed."""
    return model("quality-hybrid", [*_convolutions(), *_attention(), *_inner(), *_ends()], _weights(), ["y", "x"])


def golden_frames() -> NDArray[np.float32]:
    """`[2, 1, 2, 64, 64]`: two objects in noise and the frame before."""
    return snr_frames(2, (64, 64))


def _convolutions() -> "list[NodeProto]":
    """`image` -> `tokens [batch, place, 32]`, a place for every 16 x 16 pixels."""
    from onnx.helper import make_node

    nodes, taken = channels(2), "scaled"
    for number in range(len(LAYERS)):
        nodes.append(conv(f"layers.{number}", taken, f"layer_{number}_raw", (2, 2)))
        nodes.append(make_node("Relu", [f"layer_{number}_raw"], [f"layer_{number}"]))
        taken = f"layer_{number}"
    return [
        *nodes,
        conv("place", taken, "place_map", (1, 1), group=WIDTH),
        make_node("Add", [taken, "place_map"], ["placed"]),
        make_node("Reshape", ["placed", "as_rows"], ["rows"]),
        make_node("Transpose", ["rows"], ["tokens"], perm=[0, 2, 1]),
    ]


def _attention() -> "list[NodeProto]":
    """`tokens` -> `attended`, the same shape."""
    from onnx.helper import make_node

    nodes = [_norm("norm_1", "tokens", "normed")]
    for part, perm in (("query", (0, 2, 1, 3)), ("key", (0, 2, 3, 1)), ("value", (0, 2, 1, 3))):
        nodes += [
            make_node("MatMul", ["normed", f"{part}.weight"], [f"{part}_all"], name=part),
            make_node("Reshape", [f"{part}_all", "as_heads"], [f"{part}_heads"]),
            make_node("Transpose", [f"{part}_heads"], [part], perm=perm),
        ]
    return [
        *nodes,
        make_node("Mul", ["query", "head_scale"], ["scaled_query"]),
        make_node("MatMul", ["scaled_query", "key"], ["likeness"], name="likeness"),
        make_node("Softmax", ["likeness"], ["shares"], axis=-1),
        make_node("MatMul", ["shares", "value"], ["gathered"], name="gathered"),
        make_node("Transpose", ["gathered"], ["gathered_places"], perm=[0, 2, 1, 3]),
        make_node("Reshape", ["gathered_places", "as_tokens"], ["gathered_tokens"]),
        make_node("MatMul", ["gathered_tokens", "out.weight"], ["attention"], name="out"),
        make_node("Add", ["tokens", "attention"], ["attended"]),
    ]


def _inner() -> "list[NodeProto]":
    """`attended` -> `features [batch, place, 32]`."""
    from onnx.helper import make_node

    return [
        _norm("norm_2", "attended", "normed_2"),
        make_node("MatMul", ["normed_2", "up.weight"], ["up_raw"], name="up"),
        make_node("Add", ["up_raw", "up.bias"], ["up"]),
        make_node("Div", ["up", "root_two"], ["up_over_root"]),
        make_node("Erf", ["up_over_root"], ["error_function"]),
        make_node("Add", ["error_function", "one"], ["twice_share"]),
        make_node("Mul", ["up", "twice_share"], ["twice_gelu"]),
        make_node("Mul", ["twice_gelu", "half"], ["gelu"]),
        make_node("MatMul", ["gelu", "down.weight"], ["down_raw"], name="down"),
        make_node("Add", ["down_raw", "down.bias"], ["down"]),
        make_node("Add", ["attended", "down"], ["sum"]),
        _norm("norm_3", "sum", "features"),
    ]


def _ends() -> "list[NodeProto]":
    from onnx.helper import make_node

    return [
        make_node("MatMul", ["features", "kinds.weight"], ["kinds_map"], name="kinds"),
        make_node("MatMul", ["features", "severity.weight"], ["severity_map"], name="severity"),
        make_node("ReduceMean", ["features"], ["mean_features"], axes=[1], keepdims=0),
        *heads([1]),
    ]


def _norm(name: str, taken: str, given: str) -> "NodeProto":
    from onnx.helper import make_node

    return make_node("LayerNormalization", [taken, f"{name}.gain", f"{name}.bias"], [given], name=name, axis=-1)


def _weights() -> dict[str, NDArray[np.generic]]:
    random = np.random.default_rng(32)
    weights: Weights = {}
    for number, (taken, given) in enumerate(LAYERS):
        weights[f"layers.{number}.weight"] = he(random, given, taken, 3, 3)
        weights[f"layers.{number}.bias"] = np.full(given, 0.01, np.float32)
    weights |= {"place.weight": he(random, WIDTH, 1, 3, 3), "place.bias": np.zeros(WIDTH, np.float32)}
    for part in ("query", "key", "value", "out"):
        weights[f"{part}.weight"] = he(random, WIDTH, WIDTH).T.copy()
    for part, taken, given in (("up", WIDTH, INNER), ("down", INNER, WIDTH)):
        weights[f"{part}.weight"] = he(random, given, taken).T.copy()
        weights[f"{part}.bias"] = np.zeros(given, np.float32)
    for norm in ("norm_1", "norm_2", "norm_3"):
        weights |= {f"{norm}.gain": np.ones(WIDTH, np.float32), f"{norm}.bias": np.zeros(WIDTH, np.float32)}
    for head in ("kinds", "severity"):
        weights[f"{head}.weight"] = he(random, KINDS, WIDTH).T.copy()
    return {
        **weights,
        "mixing": he(random, EMBEDDED, WIDTH).T.copy(),
        "head_scale": np.array((WIDTH // HEADS) ** -0.5, np.float32),
        "root_two": np.array(np.sqrt(2), np.float32),
        "half": np.array(0.5, np.float32),
        "as_rows": np.array([0, WIDTH, -1], np.int64),
        "as_heads": np.array([0, -1, HEADS, WIDTH // HEADS], np.int64),
        "as_tokens": np.array([0, -1, WIDTH], np.int64),
    }
