"""N/2 ghost: odd and even lines differ in phase, as echo-planar readouts of both directions do."""

import numpy as np

from models.simulate.base import Base, Lines
from models.simulate.fault import Fault, Truth, from_frame
from models.simulate.recipe import Recipe


def cost(base: Base, strength: float, rng: np.random.Generator) -> float:
    """Ghost over object, %: the tangent of half the phase between odd and even lines."""
    del base, rng
    return 100 * float(np.tan(np.deg2rad(strength) / 2))


def make(base: Base, strength: float, first_frame: int, rng: np.random.Generator) -> Fault:
    """`strength` is the phase between odd and even lines in degrees."""
    del rng
    turn = np.exp(1j * np.deg2rad(strength) / 2 * (-1.0) ** np.arange(len(base.lines)))

    def alternating(lines: Lines, repetition: int) -> Lines:
        del repetition
        return np.asarray(lines * turn[: len(lines), None, None], np.complex64)

    truth = Truth("ghost", RECIPE.finding, strength, RECIPE.unit, first_frame)
    return Fault((truth,), signal=from_frame(first_frame, alternating))


RECIPE = Recipe(
    make,
    physics="odd and even lines differ by a phase phi: a copy of tan(phi / 2), half a view away",
    unit="degrees",
    range=(0.1, 120.0),
    default=15.0,
    prior="start value: phi 0 to 15 degrees",
    finding="ghost",
    row="m09",
    cost=cost,
)
