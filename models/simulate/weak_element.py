"""A weak coil element: a cold joint or a detuned loop hears less of the patient and as much noise."""

import numpy as np

from models.simulate.base import Base
from models.simulate.coil import quieter, snr_loss
from models.simulate.fault import Fault, Truth, from_frame
from models.simulate.recipe import Recipe


def cost(base: Base, strength: float, rng: np.random.Generator) -> float:
    """SNR lost by the worst quarter of the object, %."""
    return snr_loss(base, (_element(base, rng),), 10 ** (-strength / 20))


def make(base: Base, strength: float, first_frame: int, rng: np.random.Generator) -> Fault:
    """One random element loses `strength` dB of its signal."""
    element = _element(base, rng)
    gain = 10 ** (-strength / 20)
    truth = Truth("weak-element", RECIPE.finding, strength, RECIPE.unit, first_frame, elements=(element,))
    return Fault((truth,), signal=from_frame(first_frame, lambda lines, _: quieter(lines, (element,), gain)))


def _element(base: Base, rng: np.random.Generator) -> int:
    return int(rng.integers(base.coils))


RECIPE = Recipe(
    make,
    physics="one element's signal is scaled down, its noise stays",
    unit="dB",
    range=(0.5, 60.0),
    default=10.0,
    prior="start value: 0 to 40 dB",
    finding="coil-loss",
    row="m04",
    cost=cost,
    coils=2,
    contradicts={"wrong-coil": "the element belongs to the coil that is not selected"},
)
