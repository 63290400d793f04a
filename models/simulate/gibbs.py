"""Truncation: too few lines and samples are acquired for the pixels, edges ring."""

import numpy as np
from numpy.typing import NDArray

from models.simulate.base import Base, Lines
from models.simulate.fault import Fault, Truth
from models.simulate.recipe import Recipe


def make(base: Base, strength: float, first_frame: int, rng: np.random.Generator) -> Fault:
    """The outer `strength` % of lines and samples are zero, noise included; from the start."""
    del base, first_frame, rng

    def truncated(lines: Lines, repetition: int) -> Lines:
        del repetition
        height, _, width = lines.shape
        kept = _inner(height, strength)[:, None, None] & _inner(width, strength)
        return np.where(kept, lines, np.complex64(0))

    return Fault((Truth("gibbs", RECIPE.finding, strength, RECIPE.unit, 0),), received=truncated)


def _inner(size: int, cut: float) -> NDArray[np.bool_]:
    return np.asarray(np.abs(np.arange(size) - size // 2) < size / 2 * (1 - cut / 100))


RECIPE = Recipe(
    make,
    physics="the outer part of k-space is zero along both axes",
    unit="% of the k-space width",
    range=(5.0, 90.0),
    default=50.0,
    prior="zero-filled matrices of half the pixels are common",
    from_start=True,
)
