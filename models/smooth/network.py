"""Binomial smoothing as an ONNX network. `python -m models.smooth.network FOLDER` writes what `pack` takes.

The kernel is the outer product of [1 2 1]/4 with itself: unit sum, so flat regions keep their value, and the standard
deviation of white noise falls to 0.375 of itself (the root of the sum of squares of the nine weights).
"""

import shutil
import sys
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from models.answers import npz_bytes

if TYPE_CHECKING:
    from onnx import ModelProto

OPSET = 17


def kernel() -> NDArray[np.float32]:
    """`[3, 3]` weights, sum 1."""
    line = np.array([1.0, 2.0, 1.0]) / 4
    return np.outer(line, line).astype(np.float32)


def build() -> "ModelProto":
    """`image` -> `denoised`, both float32 `[batch, 1, y, x]`; the border is continued by its edge values."""
    from onnx import TensorProto, helper, numpy_helper

    sizes: list[str | int | None] = ["batch", 1, "y", "x"]
    graph = helper.make_graph(
        [
            helper.make_node("Pad", ["image", "margins"], ["padded"], name="border", mode="edge"),
            helper.make_node("Conv", ["padded", "kernel"], ["denoised"], name="smoothing", kernel_shape=[3, 3]),
        ],
        "smooth",
        [helper.make_tensor_value_info("image", TensorProto.FLOAT, sizes)],
        [helper.make_tensor_value_info("denoised", TensorProto.FLOAT, sizes)],
        [
            numpy_helper.from_array(np.array([0, 0, 1, 1, 0, 0, 1, 1], np.int64), "margins"),
            numpy_helper.from_array(kernel()[None, None], "kernel"),
        ],
    )
    opset = [helper.make_opsetid("", OPSET)]
    return helper.make_model(graph, producer_name="scanside", opset_imports=opset, ir_version=8)


def golden_frames() -> NDArray[np.float32]:
    """`[frame, 1, 1, 96, 80]`: discs in noise of sd 1 (SNR units), one bright and one dim."""
    random = np.random.default_rng(1)
    y, x = np.mgrid[-1:1:96j, -1:1:80j]
    disc = (y**2 + x**2 < 0.6) * (1 + 0.5 * np.sin(9 * x) * np.cos(7 * y))
    frames = [level * disc + random.standard_normal(disc.shape) for level in (40.0, 5.0)]
    images: NDArray[np.float32] = np.abs(np.stack(frames))[:, None, None].astype(np.float32)
    return images


def write_source(folder: Path) -> None:
    """manifest.toml, card.md, model.onnx and the frames of golden.npz in the new folder `folder`."""
    folder.mkdir(parents=True)
    for name in ("manifest.toml", "card.md"):
        shutil.copyfile(Path(__file__).with_name(name), folder / name)
    (folder / "model.onnx").write_bytes(build().SerializeToString(deterministic=True))
    (folder / "golden.npz").write_bytes(npz_bytes({"image": golden_frames()}))


if __name__ == "__main__":
    write_source(Path(sys.argv[1]))
