"""Cut off: the field of view is too small along the readout, and the receiver's filter removes what lies outside."""

from dataclasses import replace

import numpy as np

from engine.types import Encoding, Space
from models.simulate.base import Base, Lines
from models.simulate.fault import Fault, Truth
from models.simulate.recipe import Recipe
from models.simulate.sampling import crop_readout


def make(base: Base, strength: float, first_frame: int, rng: np.random.Generator) -> Fault:
    """The field of view is `strength` % smaller along the readout, with pixels of the same size; from the start."""
    del first_frame, rng
    width = base.lines.shape[2]
    reduced = _even(width * (1 - strength / 100))
    truth = Truth("cut-off", RECIPE.finding, 100 * (1 - reduced / width), RECIPE.unit, 0)

    def cut(lines: Lines, repetition: int) -> Lines:
        del repetition
        return crop_readout(lines, reduced)

    return Fault((truth,), signal=cut, encoding=lambda encoding: _smaller(encoding, reduced / width))


def _smaller(encoding: Encoding, share: float) -> Encoding:
    return replace(encoding, encoded=_space(encoding.encoded, share), recon=_space(encoding.recon, share))


def _space(space: Space, share: float) -> Space:
    (x, y, z), (wide, high, deep) = space.matrix, space.field_of_view
    return Space((_even(x * share), y, z), (wide * share, high, deep))


def _even(samples: float) -> int:
    return 2 * round(samples / 2)


RECIPE = Recipe(
    make,
    physics="columns outside a smaller field of view are lost along the readout",
    unit="% of the field of view",
    range=(1.0, 75.0),
    default=60.0,
    prior="start value: field of view 5 to 40 % too small; 60 % cuts into a head with air around it",
    finding="cut-off",
    from_start=True,
)
