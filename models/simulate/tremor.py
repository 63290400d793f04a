"""Tremor: a fast small shaking."""

import numpy as np
from numpy.typing import NDArray

from models.simulate.base import Base
from models.simulate.fault import Fault, Truth
from models.simulate.moving import direction, millimetres, moving
from models.simulate.recipe import Recipe


def make(base: Base, strength: float, first_frame: int, rng: np.random.Generator) -> Fault:
    """A sine of 4 to 6 Hz and `strength` mm in a random direction."""
    swing = direction(base, rng) * strength
    turns = 2 * np.pi * rng.uniform(4.0, 6.0)

    def pose_at(seconds: NDArray[np.float64]) -> NDArray[np.float64]:
        return np.asarray(np.sin(turns * seconds)[:, None] * swing)

    truth = Truth("tremor", RECIPE.finding, strength, RECIPE.unit, first_frame)
    return Fault((truth,), signal=moving(base, first_frame, pose_at))


RECIPE = Recipe(
    make,
    physics="the object shakes at 4 to 6 Hz",
    unit="mm",
    range=(0.02, 10.0),
    default=0.5,
    prior="start value: 4 to 6 Hz, 0.1 to 0.5 mm",
    finding="motion",
    row="m13",
    cost=millimetres,
)
