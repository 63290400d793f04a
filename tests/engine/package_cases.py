"""Packages and networks for the tests, sealed without the code that is tested."""

import hashlib
import io
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from onnx import ModelProto, NodeProto, TensorProto, helper, numpy_helper

KEY = Ed25519PrivateKey.from_private_bytes(hashlib.sha256(b"only for tests").digest())
PUBLIC = KEY.public_key().public_bytes_raw()
KEY_ID = hashlib.sha256(PUBLIC).hexdigest()[:16]
KEYS = {KEY_ID: PUBLIC}

MANIFEST = """
name = "gain"
version = "1.0"
task = "denoise"
opset = 17
trained_for = "tests"
must_not = "be used"
[[inputs]]
name = "image"
shape = ["batch", 1, "y", "x"]
dtype = "float32"
unit = "SNR"
range = [0.0, 100.0]
[[outputs]]
name = "denoised"
shape = ["batch", 1, "y", "x"]
dtype = "float32"
unit = "SNR"
range = [0.0, 100.0]
[axes.batch]
min = 1
max = 4
[axes.y]
min = 8
max = 64
[axes.x]
min = 8
max = 64
"""

SIZES: list[Any] = ["batch", 1, "y", "x"]


def network(
    nodes: Sequence[NodeProto],
    stored: Sequence[TensorProto] = (),
    *,
    inputs: Sequence[tuple[str, int, Any]] = (("image", TensorProto.FLOAT, SIZES),),
    outputs: Sequence[tuple[str, int, Any]] = (("denoised", TensorProto.FLOAT, SIZES),),
    opset: int = 17,
    domains: Sequence[str] = (),
    **more: Any,
) -> ModelProto:
    graph = helper.make_graph(
        nodes,
        "g",
        [helper.make_tensor_value_info(*value) for value in inputs],
        [helper.make_tensor_value_info(*value) for value in outputs],
        list(stored),
    )
    opsets = [helper.make_opsetid("", opset), *(helper.make_opsetid(domain, 1) for domain in domains)]
    return helper.make_model(graph, opset_imports=opsets, ir_version=8, **more)


def stored(name: str, values: Any, dtype: Any = np.float32) -> TensorProto:
    return numpy_helper.from_array(np.asarray(values, dtype), name)


def gain(factor: float = 2.0) -> ModelProto:
    """denoised = factor * image."""
    return network(
        [helper.make_node("Mul", ["image", "factor"], ["denoised"], name="times")], [stored("factor", factor)]
    )


def npz(**arrays: Any) -> bytes:
    stream = io.BytesIO()
    np.savez(stream, **arrays)
    return stream.getvalue()


def golden() -> dict[str, Any]:
    image = np.linspace(0, 100, 2 * 8 * 9, dtype=np.float32).reshape(2, 1, 1, 8, 9)
    return {"image": image, "denoised": 2 * image}


def files(**changed: bytes | None) -> dict[str, bytes]:
    """A good package's files; `model_onnx=...` replaces one, None leaves it out."""
    whole: dict[str, bytes | None] = {
        "manifest.toml": MANIFEST.encode(),
        "model.onnx": gain().SerializeToString(),
        "card.md": b"# gain\n",
        "golden.npz": npz(**golden()),
    }
    whole |= {name.replace("_", "."): data for name, data in changed.items()}
    return {name: data for name, data in whole.items() if data is not None}


def seal(folder: Path, content: Mapping[str, bytes], key: Ed25519PrivateKey = KEY) -> Path:
    """Writes and signs, whatever the content."""
    folder.mkdir(parents=True, exist_ok=True)
    for name, data in content.items():
        (folder / name).write_bytes(data)
    lines = [f"{hashlib.sha256(data).hexdigest()}  {name}\n" for name, data in sorted(content.items())]
    listed = "".join(lines).encode()
    public = key.public_key().public_bytes_raw()
    name = hashlib.sha256(public).hexdigest()[:16]
    (folder / "checksums").write_bytes(listed)
    (folder / "signature").write_text(f"ed25519 {name} {key.sign(listed).hex()}\n")
    return folder
