"""Bias field: a smooth change of brightness over the object."""

import numpy as np
from numpy.typing import NDArray

from models.simulate.base import Base, Lines, images, kspace, object_mask
from models.simulate.fault import Fault, Truth, from_frame
from models.simulate.recipe import Recipe


def cost(base: Base, strength: float, rng: np.random.Generator) -> float:
    """Change of brightness that 95 % of the object stays below, %."""
    del base, rng
    return strength


def make(base: Base, strength: float, first_frame: int, rng: np.random.Generator) -> Fault:
    """The object times a random smooth field; 95 % of the object change by less than `strength` %."""
    field = np.exp(np.log1p(strength / 100) * _shape(base, rng)).astype(np.float32)[:, None, :]

    def shaded(lines: Lines, repetition: int) -> Lines:
        del repetition
        return kspace(images(lines) * field)

    truth = Truth("bias-field", RECIPE.finding, strength, RECIPE.unit, first_frame)
    return Fault((truth,), signal=from_frame(first_frame, shaded))


def _shape(base: Base, rng: np.random.Generator) -> NDArray[np.float64]:
    """A random polynomial of second order with median 0 over the object, of which 95 % lie within 1 of it."""
    mask = object_mask(base)
    y, x = np.mgrid[-1 : 1 : mask.shape[0] * 1j, -1 : 1 : mask.shape[1] * 1j]
    weights = rng.standard_normal(5)
    field = np.tensordot(weights, np.stack([y, x, y * x, y**2, x**2]), axes=1)
    field -= np.median(field[mask])
    return np.asarray(field / np.percentile(np.abs(field[mask]), 95))


RECIPE = Recipe(
    make,
    physics="the object is multiplied by a smooth polynomial field",
    unit="% at the 95th percentile",
    range=(1.0, 300.0),
    default=40.0,
    prior="start value; a uniformity below 82 % at 3 T fails the ACR phantom test",
    finding="bias-field",
    row="m18",
    cost=cost,
)
