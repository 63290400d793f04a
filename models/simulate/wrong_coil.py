"""The wrong coil is selected: a body coil far away sees the whole object evenly and weakly."""

import numpy as np

from models.simulate.base import Base, Lines
from models.simulate.fault import Fault, Truth
from models.simulate.recipe import Recipe
from models.simulate.rigid import object_of, seen_through


def make(base: Base, strength: float, first_frame: int, rng: np.random.Generator) -> Fault:
    """All elements see the object through two broad modes, `strength` dB weaker than the array; from the start."""
    del first_frame
    width = base.lines.shape[2]
    second = np.exp(0.5j * np.pi * np.linspace(-1, 1, width))
    mix = rng.standard_normal((2, base.coils, 2)) @ np.array([1, 1j])
    maps = mix[0][:, None, None] + mix[1][:, None, None] * second
    maps = np.broadcast_to(maps, base.maps.shape)
    gain = 10 ** (-strength / 20) / np.sqrt((np.abs(maps) ** 2).sum(axis=0).mean())
    far = (maps * gain).astype(np.complex64)

    def seen(lines: Lines, repetition: int) -> Lines:
        del repetition
        return seen_through(far, object_of(base, lines), np.arange(len(lines)))

    return Fault((Truth("wrong-coil", RECIPE.finding, strength, RECIPE.unit, 0),), signal=seen)


RECIPE = Recipe(
    make,
    physics="the coil maps are replaced by two broad ones with less signal, the noise stays",
    unit="dB",
    range=(1.0, 40.0),
    default=14.0,
    prior="phantom16_cimax: SNR 158 with the head coil, 32 with the body coil",
    from_start=True,
    coils=2,
    contradicts={
        "coil-loss": "the elements belong to the coil that is not selected",
        "low-snr": "both set the signal to noise ratio",
    },
)
