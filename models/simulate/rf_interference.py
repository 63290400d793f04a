"""RF interference: a tone from outside the room, with another phase in every readout, draws a line along phase."""

import math

import numpy as np

from models.simulate.base import Base, Lines, signal_level
from models.simulate.fault import Fault, Truth, from_frame
from models.simulate.recipe import Recipe
from models.simulate.voltage import in_noise_units, pick_up

_EDGE = 3


def cost(base: Base, strength: float, rng: np.random.Generator) -> float:
    """Amplitude of the line in the image, % of the median signal."""
    level = strength * in_noise_units(base, pick_up(base, rng))
    return 100 * level * math.sqrt(base.lines.shape[2]) / signal_level(base)


def make(base: Base, strength: float, first_frame: int, rng: np.random.Generator) -> Fault:
    """One tone in a random column; `strength` is its amplitude in every sample over the noise's sd of the coil."""
    voltage = pick_up(base, rng) * strength
    samples = base.lines.shape[2]
    column = int(rng.integers(_EDGE, samples - _EDGE))
    beside = float(rng.uniform(-0.5, 0.5))
    # A tone between two columns is shared by them: its strength is what its own column shows.
    wave = np.exp(-2j * np.pi * (column + beside - samples // 2) * np.arange(samples) / samples) / np.sinc(beside)
    seed = int(rng.integers(2**32))

    def toned(lines: Lines, repetition: int) -> Lines:
        phases = np.exp(2j * np.pi * np.random.default_rng((seed, repetition)).random(len(lines)))
        tone = phases[:, None, None] * voltage[:, None] * wave
        return np.asarray(lines + tone, np.complex64)

    truth = Truth("rf-interference", RECIPE.finding, strength, RECIPE.unit, first_frame, columns=(column,))
    return Fault((truth,), received=from_frame(first_frame, toned))


RECIPE = Recipe(
    make,
    physics="one tone in all coils with a random phase per readout: a line along the phase direction",
    unit="noise sd",
    range=(0.01, 1000.0),
    default=3.0,
    prior="start value: 0.02 to 3 noise sd; more where the door stands open",
    finding="rf-interference",
    row="m07",
    cost=cost,
)
