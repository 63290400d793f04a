"""An intermittent coil element: a plug that makes contact on some lines only."""

import numpy as np

from models.simulate.base import Base, Lines
from models.simulate.coil import quieter
from models.simulate.fault import Fault, Truth, from_frame
from models.simulate.recipe import Recipe

_RUN = 4
"""Lines that a contact lasts or fails."""


def make(base: Base, strength: float, first_frame: int, rng: np.random.Generator) -> Fault:
    """One random element loses its signal on about `strength` % of the lines, others in every frame."""
    element, seed = int(rng.integers(base.coils)), int(rng.integers(2**32))

    def failing(lines: Lines, repetition: int) -> Lines:
        runs = np.random.default_rng((seed, repetition)).random(-(-len(lines) // _RUN)) < strength / 100
        silent = np.repeat(runs, _RUN)[: len(lines)]
        return np.where(silent[:, None, None], quieter(lines, (element,), 0.0), lines)

    truth = Truth("intermittent-element", RECIPE.finding, strength, RECIPE.unit, first_frame, elements=(element,))
    return Fault((truth,), signal=from_frame(first_frame, failing))


RECIPE = Recipe(
    make,
    physics="one element's signal is gone on random runs of four lines",
    unit="% of the lines",
    range=(5.0, 95.0),
    default=80.0,
    prior="start value",
    finding="coil-loss",
    coils=2,
    contradicts={"wrong-coil": "the element belongs to the coil that is not selected"},
)
