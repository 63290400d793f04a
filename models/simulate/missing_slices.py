"""Missing slices: whole slices never reach the appliance."""

import numpy as np
from numpy.typing import NDArray

from engine.errors import InputRefused
from models.simulate.base import Base
from models.simulate.fault import Fault, Truth
from models.simulate.recipe import Recipe


def make(base: Base, strength: float, first_frame: int, rng: np.random.Generator) -> Fault:
    """`strength` slices, chosen at random, are not sent from `first_frame` on; raises InputRefused for all of them."""
    count = round(strength)
    if count >= base.slices:
        raise InputRefused(f"{count} of {base.slices} slices", "missing-slices", f"give up to {base.slices - 1}")
    missing = tuple(sorted(map(int, rng.choice(base.slices, count, replace=False))))
    there = np.ones(base.slices, bool)
    there[list(missing)] = False

    def sent_slices(repetition: int) -> NDArray[np.bool_] | None:
        return there if repetition >= first_frame else None

    truth = Truth("missing-slices", RECIPE.finding, float(count), RECIPE.unit, first_frame, slices=missing)
    return Fault((truth,), sent_slices=sent_slices)


RECIPE = Recipe(
    make,
    physics="whole slices are never sent",
    unit="slices",
    range=(1.0, 1000.0),
    default=1.0,
    prior="start value",
    slices=2,
)
