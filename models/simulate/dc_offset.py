"""DC offset: a constant in every sample of a receiver, a bright point in the middle of the image."""

import numpy as np

from models.simulate.base import Base, Lines, signal_level
from models.simulate.fault import Fault, Truth, from_frame
from models.simulate.recipe import Recipe
from models.simulate.voltage import in_noise_units, pick_up


def cost(base: Base, strength: float, rng: np.random.Generator) -> float:
    """The point's amplitude, % of the median signal."""
    del base, rng
    return strength


def make(base: Base, strength: float, first_frame: int, rng: np.random.Generator) -> Fault:
    """A point of `strength` % of the median signal in the middle pixel."""
    voltage = pick_up(base, rng)
    wanted = strength / 100 * signal_level(base) / np.sqrt(base.lines[:, 0].size)
    offset = (voltage * wanted / in_noise_units(base, voltage)).astype(np.complex64)

    def shifted(lines: Lines, repetition: int) -> Lines:
        del repetition
        return np.asarray(lines + offset[:, None])

    truth = Truth("dc-offset", RECIPE.finding, strength, RECIPE.unit, first_frame)
    return Fault((truth,), received=from_frame(first_frame, shifted))


RECIPE = Recipe(
    make,
    physics="a constant is added to every sample of each receiver",
    unit="% of the median signal",
    range=(0.1, 2000.0),
    default=100.0,
    prior="start value; digital receivers rarely show it",
    finding="dc-offset",
    row="m08",
    cost=cost,
)
