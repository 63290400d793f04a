"""Pulsation: blood in a vessel brightens and darkens with the heart, and ghosts along the phase direction."""

import numpy as np
from numpy.typing import NDArray

from models.simulate.base import Base, Lines, object_mask
from models.simulate.fault import Fault, Truth, from_frame
from models.simulate.recipe import Recipe
from models.simulate.rigid import object_of, seen_through

_RADIUS_MM = 3.0
_HEART_HERTZ = (0.9, 1.5)


def make(base: Base, strength: float, first_frame: int, rng: np.random.Generator) -> Fault:
    """A vessel whose signal swings by `strength` % of the object's median about its mean."""
    vessel = _vessel(base, rng)
    level = float(np.median(np.abs(object_of(base, base.lines))[object_mask(base)]))
    swing = seen_through(base.maps, (vessel * level * strength / 100).astype(np.complex64), np.arange(len(base.lines)))
    turns = 2 * np.pi * rng.uniform(*_HEART_HERTZ)

    def beating(lines: Lines, repetition: int) -> Lines:
        phase = turns * (repetition * base.frame_seconds + base.times)
        return np.asarray(lines + np.sin(phase)[:, None, None] * swing, np.complex64)

    truth = Truth("pulsation", RECIPE.finding, strength, RECIPE.unit, first_frame)
    return Fault((truth,), signal=from_frame(first_frame, beating))


def _vessel(base: Base, rng: np.random.Generator) -> NDArray[np.float64]:
    """A round vessel of 3 mm radius with a soft edge, somewhere in the object."""
    places = np.argwhere(object_mask(base))
    y0, x0 = places[int(rng.integers(len(places)))]
    y, x = np.indices(object_mask(base).shape)
    distance = np.hypot((y - y0) * base.pixel_mm[0], (x - x0) * base.pixel_mm[1])
    return np.asarray(np.exp(-((distance / _RADIUS_MM) ** 2)))


RECIPE = Recipe(
    make,
    physics="a small vessel's signal swings with the heart, at 0.9 to 1.5 Hz",
    unit="% of the median signal",
    range=(1.0, 2000.0),
    default=300.0,
    prior="start value; inflow makes blood several times as bright as tissue",
    finding="motion",
)
