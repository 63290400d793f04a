"""Drift: the head sinks slowly into its cushion."""

import numpy as np

from models.simulate.base import Base
from models.simulate.fault import Fault, Truth
from models.simulate.moving import direction, moving
from models.simulate.recipe import Recipe

_FRAMES = 10


def cost(base: Base, strength: float, rng: np.random.Generator) -> float:
    """Displacement after ten frames, mm."""
    del rng
    return strength * _FRAMES * base.frame_seconds / 60


def make(base: Base, strength: float, first_frame: int, rng: np.random.Generator) -> Fault:
    """A steady shift of `strength` mm a minute in a random direction."""
    pace = direction(base, rng) * strength / 60
    truth = Truth("drift", RECIPE.finding, strength, RECIPE.unit, first_frame)
    return Fault((truth,), signal=moving(base, first_frame, lambda seconds: seconds[:, None] * pace))


RECIPE = Recipe(
    make,
    physics="the object shifts steadily in the plane",
    unit="mm/min",
    range=(0.1, 100.0),
    default=4.0,
    prior="1 to 2 mm a minute over 16,995 sessions (PMC11814480)",
    finding="motion",
    row="m13",
    cost=cost,
)
