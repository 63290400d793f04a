"""Electrical disturbances that every coil picks up: one complex voltage per coil."""

import numpy as np
from numpy.typing import NDArray

from models.simulate.base import Base, noise_spread, whitening


def pick_up(base: Base, rng: np.random.Generator) -> NDArray[np.complex128]:
    """`[coil]` as large as each coil's noise, with random phases."""
    return np.asarray(noise_spread(base) * np.exp(2j * np.pi * rng.random(base.coils)))


def in_noise_units(base: Base, voltage: NDArray[np.complex128]) -> float:
    """Root of the summed power over the whitened coils."""
    return float(np.linalg.norm(whitening(base) @ voltage))
