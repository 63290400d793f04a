"""Breathing: the object rises and falls along the phase direction."""

import numpy as np
from numpy.typing import NDArray

from models.simulate.base import Base
from models.simulate.fault import Fault, Truth
from models.simulate.moving import millimetres, moving
from models.simulate.recipe import Recipe


def make(base: Base, strength: float, first_frame: int, rng: np.random.Generator) -> Fault:
    """sin^2 of 0.2 to 0.3 Hz and `strength` mm from end to end, along the phase direction."""
    swing = np.array([strength / base.pixel_mm[0], 0.0, 0.0])
    turns = np.pi * rng.uniform(0.2, 0.3)

    def pose_at(seconds: NDArray[np.float64]) -> NDArray[np.float64]:
        return np.asarray((np.sin(turns * seconds) ** 2)[:, None] * swing)

    truth = Truth("breathing", RECIPE.finding, strength, RECIPE.unit, first_frame)
    return Fault((truth,), signal=moving(base, first_frame, pose_at))


RECIPE = Recipe(
    make,
    physics="the object moves to and fro along phase at 0.2 to 0.3 Hz",
    unit="mm",
    range=(0.02, 25.0),
    default=5.0,
    prior="start value: 0.05 to 0.3 mm for a head, 5 to 20 mm for an abdomen",
    finding="motion",
    row="m13",
    cost=millimetres,
)
