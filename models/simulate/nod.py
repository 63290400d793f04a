"""Nod: the head turns in the plane and comes back within seconds, once in every frame."""

import numpy as np
from numpy.typing import NDArray

from models.simulate.base import Base
from models.simulate.fault import Fault, Truth
from models.simulate.moving import moving
from models.simulate.recipe import Recipe

_RADIUS_MM = 50.0
"""Of a head: what a rotation counts as displacement (Power 2012)."""


def cost(base: Base, strength: float, rng: np.random.Generator) -> float:
    """Displacement of the head's surface, mm."""
    del base, rng
    return _RADIUS_MM * float(np.deg2rad(strength))


def make(base: Base, strength: float, first_frame: int, rng: np.random.Generator) -> Fault:
    """Half a sine of `strength` degrees lasting 1 to 3 s, at another time in every frame."""
    seed = int(rng.integers(2**32))
    lasts = min(float(rng.uniform(1.0, 3.0)), base.frame_seconds)

    def pose_at(seconds: NDArray[np.float64]) -> NDArray[np.float64]:
        frame = int(seconds.min() // base.frame_seconds)
        free = base.frame_seconds - lasts
        began = frame * base.frame_seconds + free * np.random.default_rng((seed, frame)).random()
        place = np.clip((seconds - began) / lasts, 0, 1)
        poses = np.zeros((len(seconds), 3))
        poses[:, 2] = strength * np.sin(np.pi * place)
        return poses

    truth = Truth("nod", RECIPE.finding, strength, RECIPE.unit, first_frame)
    return Fault((truth,), signal=moving(base, first_frame, pose_at))


RECIPE = Recipe(
    make,
    physics="the object turns about the middle of the view and back within 1 to 3 s, once a frame",
    unit="degrees",
    range=(0.2, 20.0),
    default=5.0,
    prior="start value: 2 to 8 degrees in 1 to 3 s",
    finding="motion",
    row="m13",
    cost=cost,
)
