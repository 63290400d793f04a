"""Low signal to noise: more noise than the scan should have, in noise readouts and frames alike."""

import numpy as np

from models.simulate.base import Base, Lines, signal_level
from models.simulate.fault import Fault, Truth
from models.simulate.recipe import Recipe


def cost(base: Base, strength: float, rng: np.random.Generator) -> float:
    """The signal to noise ratio itself."""
    del base, rng
    return strength


def make(base: Base, strength: float, first_frame: int, rng: np.random.Generator) -> Fault:
    """Noise so strong that the object's median signal to noise ratio is `strength`; from the prescan on."""
    del first_frame, rng
    factor = np.float32(signal_level(base) / strength)

    def louder(noise: Lines, repetition: int) -> Lines:
        del repetition
        return noise * factor

    return Fault((Truth("low-snr", RECIPE.finding, strength, RECIPE.unit, 0),), noise=louder)


RECIPE = Recipe(
    make,
    physics="the receive chain's noise is scaled up in all coils alike, noise readouts included",
    unit="(signal to noise)",
    range=(0.5, 50.0),
    default=4.0,
    prior="start value: below 10 doubtful, below 5 nothing else is judged",
    finding="low-snr",
    row="m05",
    cost=cost,
    from_start=True,
)
