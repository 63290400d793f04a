"""A quality network with fixed weights, whose answers plain numpy knows, too; sealed with the tests' key.

Motion is the mean difference of the two images, ghost a hundredth of the mean, gibbs never; the distance is a
thousandth of the mean. The map is the image on 16 x 16 points over its limit of 100.
"""

from pathlib import Path

import numpy as np
from onnx import TensorProto, helper

from engine.package.keys import key_id
from models.signing import write_public_half
from tests.engine.package_cases import KEY, files, network, npz, seal, stored

KINDS = ("motion", "ghost", "gibbs")

MANIFEST = """
name = "referee"
version = "0.1"
task = "quality"
opset = 18
trained_for = "tests"
must_not = "be used"
[[inputs]]
name = "image"
shape = ["batch", 2, "y", "x"]
dtype = "float32"
unit = "SNR"
range = [0.0, 10000.0]
[[outputs]]
name = "probability"
shape = ["batch", 3]
dtype = "float32"
unit = "probability"
range = [0.0, 1.0]
labels = ["motion", "ghost", "gibbs"]
[[outputs]]
name = "severity"
shape = ["batch", 3]
dtype = "float32"
unit = "% of the median signal"
range = [0.0, 100000.0]
labels = ["motion", "ghost", "gibbs"]
[[outputs]]
name = "where"
shape = ["batch", 3, 16, 16]
dtype = "float32"
unit = "1"
range = [0.0, 1.0]
labels = ["motion", "ghost", "gibbs"]
[[outputs]]
name = "embedding"
shape = ["batch", 2]
dtype = "float32"
unit = "1"
range = [0.0, 10000.0]
[[outputs]]
name = "distance"
shape = ["batch", 1]
dtype = "float32"
unit = "times the limit"
range = [0.0, 100.0]
[axes.batch]
min = 1
max = 4
[axes.y]
min = 8
max = 512
typical = 64
[axes.x]
min = 8
max = 512
typical = 64
"""

_TO_PROBABILITY = np.array([[0, 0.01, 0], [1, 0, 0]], np.float32)
_TO_SEVERITY = np.array([[0, 0.1, 0], [20, 0, 0]], np.float32)
_OUTPUTS = {
    "probability": ["batch", 3],
    "severity": ["batch", 3],
    "where": ["batch", 3, 16, 16],
    "embedding": ["batch", 2],
    "distance": ["batch", 1],
}


def build() -> bytes:
    node = helper.make_node
    nodes = [
        node("Split", ["image"], ["now", "before"], axis=1, num_outputs=2),
        node("Sub", ["now", "before"], ["change"]),
        node("Abs", ["change"], ["size"]),
        node("ReduceMean", ["now", "plane"], ["level"], keepdims=0),
        node("ReduceMean", ["size", "plane"], ["moved"], keepdims=0),
        node("Concat", ["level", "moved"], ["embedding"], axis=1),
        node("MatMul", ["embedding", "to_probability"], ["open"]),
        node("Clip", ["open", "zero", "one"], ["probability"]),
        node("MatMul", ["embedding", "to_severity"], ["severity"]),
        node("Resize", ["now", "", "", "cells"], ["small"], mode="linear", axes=[2, 3]),
        node("Div", ["small", "hundred"], ["share"]),
        node("Clip", ["share", "zero", "one"], ["map"]),
        node("Concat", ["map", "map", "map"], ["where"], axis=1),
        node("Div", ["level", "thousand"], ["distance"]),
    ]
    values = [
        stored("plane", [2, 3], np.int64),
        stored("cells", [16, 16], np.int64),
        stored("to_probability", _TO_PROBABILITY),
        stored("to_severity", _TO_SEVERITY),
        *(stored(name, value) for name, value in (("zero", 0), ("one", 1), ("hundred", 100), ("thousand", 1000))),
    ]
    model = network(
        nodes,
        values,
        inputs=[("image", TensorProto.FLOAT, ["batch", 2, "y", "x"])],
        outputs=[(name, TensorProto.FLOAT, shape) for name, shape in _OUTPUTS.items()],
        opset=18,
    )
    return model.SerializeToString()


def answers(batch: np.ndarray) -> dict[str, np.ndarray]:
    """What the network says of `[batch, 2, y, x]`, but for the map: that of an image with one value."""
    level = batch[:, 0].mean(axis=(1, 2), dtype=np.float64)
    moved = np.abs(batch[:, 0] - batch[:, 1]).mean(axis=(1, 2), dtype=np.float64)
    features = np.stack((level, moved), axis=1)
    return {
        "probability": np.clip(features @ _TO_PROBABILITY, 0, 1),
        "severity": features @ _TO_SEVERITY,
        "where": np.broadcast_to(np.clip(level / 100, 0, 1)[:, None, None, None], (len(batch), 3, 16, 16)),
        "embedding": features,
        "distance": level[:, None] / 1000,
    }


def write_package(folder: Path, *, name: str = "referee", golden_factor: float = 1.0) -> tuple[Path, Path]:
    """(package, folder of keys) below `folder`; the golden distance is numpy's times `golden_factor`."""
    images = np.stack([np.full((1, 2, 24, 20), level, np.float32) for level in (10.0, 40.0)])
    made = {key: np.stack([answers(image)[key] for image in images]).astype(np.float32) for key in _OUTPUTS}
    made["distance"] = made["distance"] * np.float32(golden_factor)
    content = files(
        manifest_toml=MANIFEST.encode(),
        model_onnx=build(),
        card_md=b"# referee\n",
        golden_npz=npz(image=images, **made),
    )
    keys = folder / "keys"
    keys.mkdir()
    write_public_half(KEY, keys / f"{key_id(KEY.public_key().public_bytes_raw())}.pub")
    return seal(folder / name, content), keys
