"""Frequency drift: the magnet or its gradients warm up and the object's frequency moves away."""

import numpy as np

from models.simulate.base import Base, Lines
from models.simulate.fault import Fault, Truth, from_frame
from models.simulate.recipe import Recipe

_FRAMES = 4
"""The offset is reached after so many frames and stays."""


def cost(base: Base, strength: float, rng: np.random.Generator) -> float:
    """Displacement along the readout at the end, pixels."""
    del rng
    return float(strength * base.dwell_seconds * base.lines.shape[2])


def make(base: Base, strength: float, first_frame: int, rng: np.random.Generator) -> Fault:
    """An offset that grows steadily over four frames to `strength` Hz."""
    del rng
    samples = base.lines.shape[2]
    since_excitation = base.echo_seconds + (np.arange(samples) - samples // 2) * base.dwell_seconds

    def turned(lines: Lines, repetition: int) -> Lines:
        frames = repetition - first_frame + base.times / base.frame_seconds
        offset = strength * np.minimum(frames / _FRAMES, 1.0)
        turn = np.exp(2j * np.pi * np.outer(offset, since_excitation))
        return np.asarray(lines * turn[:, None, :], np.complex64)

    truth = Truth("frequency-drift", RECIPE.finding, strength, RECIPE.unit, first_frame)
    return Fault((truth,), signal=from_frame(first_frame, turned))


RECIPE = Recipe(
    make,
    physics="a growing frequency offset turns the phase at the echo and shifts the object along the readout",
    unit="Hz",
    range=(0.5, 1000.0),
    default=60.0,
    prior="start value: 0 to 60 Hz a run",
    finding="frequency-drift",
    row="m19",
    cost=cost,
)
