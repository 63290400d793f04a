"""RF spikes: a discharge adds a voltage to one or a few neighbouring samples, in all coils at once."""

import math

import numpy as np

from models.simulate.base import Base, Lines, signal_level
from models.simulate.fault import Fault, Truth, from_frame
from models.simulate.recipe import Recipe
from models.simulate.voltage import in_noise_units, pick_up

_INNER = 24
"""Lines and samples about the centre that are left alone: a spike there is lost in the object's own signal."""
_EDGE = 4
_MOST_SAMPLES = 3


def cost(base: Base, strength: float, rng: np.random.Generator) -> float:
    """Stripe amplitude, % of the median signal: the spike's amplitude over root of all samples."""
    amplitude = in_noise_units(base, _voltage(base, strength, rng))
    return 100 * amplitude / (math.sqrt(base.lines[:, 0].size) * signal_level(base))


def make(base: Base, strength: float, first_frame: int, rng: np.random.Generator) -> Fault:
    """A cluster of one to three samples in each frame, elsewhere in every frame; `strength` in % of the peak."""
    voltage = _voltage(base, strength, rng)
    seed = int(rng.integers(2**32))

    def spiked(lines: Lines, repetition: int) -> Lines:
        line, first, weights = _cluster(lines.shape, np.random.default_rng((seed, repetition)))
        out = lines.copy()
        out[line, :, first : first + len(weights)] += (voltage[:, None] * weights).astype(np.complex64)
        return out

    line, first, weights = _cluster(base.lines.shape, np.random.default_rng((seed, first_frame)))
    truth = Truth(
        "spike", RECIPE.finding, strength, RECIPE.unit, first_frame,
        lines=(line,), samples=tuple(range(first, first + len(weights))),
    )  # fmt: skip
    return Fault((truth,), received=from_frame(first_frame, spiked))


def _voltage(base: Base, strength: float, rng: np.random.Generator) -> np.ndarray:
    voltage = pick_up(base, rng)
    return voltage * (strength / 100 * float(np.abs(base.lines).max()) / float(np.abs(voltage).max()))


def _cluster(shape: tuple[int, ...], rng: np.random.Generator) -> tuple[int, int, np.ndarray]:
    """Line, first sample, and one complex weight per sample, of which the largest has magnitude 1."""
    lines, _, samples = shape
    count = int(rng.integers(1, _MOST_SAMPLES + 1))
    while True:
        line = int(rng.integers(_EDGE, lines - _EDGE))
        first = int(rng.integers(_EDGE, samples - _EDGE - count))
        away = max(abs(line - lines // 2), abs(first - samples // 2))
        if away >= min(_INNER, lines // 4):
            break
    sizes = rng.uniform(0.3, 1.0, count)
    sizes[int(rng.integers(count))] = 1.0
    return line, first, sizes * np.exp(2j * np.pi * rng.random(count))


RECIPE = Recipe(
    make,
    physics="a discharge adds a voltage to 1 to 3 neighbouring samples of all coils, elsewhere in each frame",
    unit="% of the k-space peak",
    range=(0.05, 100.0),
    default=10.0,
    prior="0.5 to 30 % of the peak: stripes are the share of the peak times the mean of the image",
    finding="spike",
    row="m06",
    cost=cost,
)
