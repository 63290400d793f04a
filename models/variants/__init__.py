"""Relatives of the quality network with random weights: examples of what else the workshop can take.

`python -m models.variants FOLDER` writes a source folder for each, as `pack` takes it.
"""

from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from models.variants import hybrid, volume

if TYPE_CHECKING:
    from onnx import ModelProto


@dataclass(frozen=True, slots=True)
class Variant:
    """One example."""

    build: "Callable[[], ModelProto]"
    frames: Callable[[], NDArray[np.float32]]
    """Golden inputs, `[frame, 1, 2, ...]`, SNR."""


VARIANTS = {
    "quality-3d": Variant(volume.build, volume.golden_frames),
    "quality-hybrid": Variant(hybrid.build, hybrid.golden_frames),
}
"""Name of the package -> row."""
