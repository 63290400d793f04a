"""Saturation: the receiver's gain is too high, samples beyond full scale are clipped."""

import numpy as np
from numpy.typing import NDArray

from models.simulate.base import Base, Lines
from models.simulate.fault import Fault, Truth, from_frame
from models.simulate.recipe import Recipe

_RECOVERY = 2
"""Further samples that an overdriven receiver stays at full scale."""


def make(base: Base, strength: float, first_frame: int, rng: np.random.Generator) -> Fault:
    """Full scale of all receivers is `strength` % of the largest part of any sample."""
    del rng
    parts = base.lines.view(np.float32)
    scale = np.float32(strength / 100 * float(np.abs(parts).max()))
    over = np.abs(parts) > scale
    elements = np.flatnonzero(over.any(axis=(0, 2)))
    truth = Truth(
        "saturation", RECIPE.finding, strength, RECIPE.unit, first_frame,
        lines=tuple(map(int, np.flatnonzero(over.any(axis=(1, 2))))), elements=tuple(map(int, elements)),
    )  # fmt: skip
    return Fault((truth,), received=from_frame(first_frame, lambda lines, _: clipped(lines, scale)))


def clipped(lines: Lines, scale: np.float32) -> Lines:
    """Real and imaginary parts at most `scale`; a part that exceeded it stays there for some samples."""
    parts = lines.view(np.float32).reshape(*lines.shape, 2)
    out: NDArray[np.float32] = np.clip(parts, -scale, scale)
    over = np.abs(parts) > scale
    for later in range(_RECOVERY, 0, -1):
        held = over[:, :, :-later]
        out[:, :, later:][held] = np.copysign(scale, parts[:, :, :-later][held])
    out[over] = np.copysign(scale, parts[over])
    return np.ascontiguousarray(out).view(np.complex64)[..., 0]


RECIPE = Recipe(
    make,
    physics="real and imaginary parts are clipped at full scale and stay there for two more samples",
    unit="% of the peak",
    range=(20.0, 99.0),
    default=70.0,
    prior="start value: 50 to 95 % of the peak",
    finding="saturation",
    row="m02",
)
