"""N/2 ghost of a delay: the receiver opens early on odd lines and late on even ones."""

import numpy as np

from models.simulate.base import Base, Lines
from models.simulate.fault import Fault, Truth, from_frame
from models.simulate.recipe import Recipe
from models.simulate.sampling import shift_samples


def cost(base: Base, strength: float, rng: np.random.Generator) -> float:
    """Ghost over object, %, half way between the middle and the side of the view."""
    del base, rng
    return 100 * float(np.tan(np.pi * strength / 8))


def make(base: Base, strength: float, first_frame: int, rng: np.random.Generator) -> Fault:
    """`strength` samples between odd and even lines."""
    del base, rng

    def delayed(lines: Lines, repetition: int) -> Lines:
        del repetition
        out = lines.copy()
        out[0::2] = shift_samples(lines[0::2], strength / 2)
        out[1::2] = shift_samples(lines[1::2], -strength / 2)
        return out

    truth = Truth("ghost-delay", RECIPE.finding, strength, RECIPE.unit, first_frame)
    return Fault((truth,), signal=from_frame(first_frame, delayed))


RECIPE = Recipe(
    make,
    physics="odd and even lines are delayed against each other: a ghost that grows towards the sides",
    unit="samples",
    range=(0.01, 2.0),
    default=0.3,
    prior="start value: 0 to 0.5 sample",
    finding="ghost",
    row="m09",
    cost=cost,
    contradicts={"ghost": "both set the difference of odd and even lines"},
)
