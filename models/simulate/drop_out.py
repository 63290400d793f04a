"""Signal drop-out: the whole slice loses signal, as after motion during diffusion weighting or a failing RF pulse."""

import numpy as np

from models.simulate.base import Base, Lines
from models.simulate.fault import Fault, Truth, from_frame
from models.simulate.recipe import Recipe


def cost(base: Base, strength: float, rng: np.random.Generator) -> float:
    """Loss of signal, %."""
    del base, rng
    return strength


def make(base: Base, strength: float, first_frame: int, rng: np.random.Generator) -> Fault:
    """`strength` % of the signal is lost; the noise stays."""
    del base, rng
    kept = np.float32(1 - strength / 100)

    def weakened(lines: Lines, repetition: int) -> Lines:
        del repetition
        return lines * kept

    truth = Truth("drop-out", RECIPE.finding, strength, RECIPE.unit, first_frame)
    return Fault((truth,), signal=from_frame(first_frame, weakened))


RECIPE = Recipe(
    make,
    physics="the object's signal is scaled down, the noise stays",
    unit="% of the signal",
    range=(1.0, 99.0),
    default=60.0,
    prior="start value: factors of 0.3 to 0.9",
    finding="drop-out",
    row="m15",
    cost=cost,
    contradicts={"low-snr": "both set the signal to noise ratio"},
)
