"""A signed package made at run time: a touch of a 3 x 3 mean, with a key that nobody else has.

A full mean takes more from the edges of the test objects than a denoiser may.
"""

import io
from pathlib import Path

import numpy as np
import onnx
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat
from onnx import TensorProto, helper, numpy_helper

from tests.engine.package_cases import seal

SHARE = 1 / 64

MANIFEST = """
name = "mean"
version = "1.2.3"
task = "{task}"
opset = 17
trained_for = "tests"
must_not = "be used for anything else"
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
[[inputs]]
name = "image"
shape = ["batch", 1, "y", "x"]
dtype = "float32"
unit = "SNR"
range = [0.0, 10000.0]
[[outputs]]
name = "denoised"
shape = ["batch", 1, "y", "x"]
dtype = "float32"
unit = "SNR"
range = [0.0, 10000.0]
"""


def smoothed(image: np.ndarray) -> np.ndarray:
    """The image, by `SHARE` its mean over 3 x 3 pixels of the last two axes with zeros outside, in plain numpy."""
    padded = np.pad(image, [(0, 0)] * (image.ndim - 2) + [(1, 1), (1, 1)]).astype(np.float64)
    y, x = image.shape[-2:]
    mean = sum(padded[..., i : i + y, j : j + x] for i in range(3) for j in range(3)) / 9
    return (1 - SHARE) * image + SHARE * mean


def network() -> bytes:
    shape = ["batch", 1, "y", "x"]
    weight = np.full((1, 1, 3, 3), SHARE / 9, np.float32)
    weight[..., 1, 1] += 1 - SHARE
    graph = helper.make_graph(
        [helper.make_node("Conv", ["image", "weight"], ["denoised"], pads=[1, 1, 1, 1])],
        "mean",
        [helper.make_tensor_value_info("image", TensorProto.FLOAT, shape)],
        [helper.make_tensor_value_info("denoised", TensorProto.FLOAT, shape)],
        [numpy_helper.from_array(weight, "weight")],
    )
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=8)
    onnx.checker.check_model(model)
    return model.SerializeToString()


def write_package(folder: Path, *, task: str = "denoise", golden_factor: float = 1.0) -> tuple[Path, Path]:
    """(package, folder of keys) below `folder`; golden answers are those of numpy times `golden_factor`."""
    image = np.random.default_rng(1).uniform(0, 50, (2, 1, 1, 24, 20)).astype(np.float32)
    golden = io.BytesIO()
    np.savez(golden, image=image, denoised=(golden_factor * smoothed(image)).astype(np.float32))
    files = {
        "manifest.toml": MANIFEST.format(task=task).encode(),
        "model.onnx": network(),
        "card.md": b"A touch of a mean of 3 x 3 pixels, for tests.\n",
        "golden.npz": golden.getvalue(),
    }
    key = Ed25519PrivateKey.generate()
    keys = folder / "keys"
    keys.mkdir()
    public = key.public_key().public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo)
    (keys / "test.pub").write_bytes(public)
    return seal(folder / "mean", files, key), keys
