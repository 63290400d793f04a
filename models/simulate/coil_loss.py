"""Dead coil elements: a broken plug, cable or preamplifier."""

from collections.abc import Sequence

import numpy as np

from engine.errors import InputRefused
from models.simulate.base import Base
from models.simulate.coil import connector, quieter, residual_noise, snr_loss
from models.simulate.fault import Fault, Truth, from_frame
from models.simulate.recipe import Recipe


def solve(base: Base, impact: float, rng: np.random.Generator) -> float:
    """The fewest elements in wiring order that cost at least `impact` % SNR in the worst quarter of the object."""
    wired = connector(base.coils, rng, 1)[0]
    for count in range(1, base.coils):
        elements = [(wired + n) % base.coils for n in range(count)]
        if snr_loss(base, elements, 0.0) >= impact:
            return float(count)
    raise InputRefused(
        f"no number of lost elements costs {impact:g} % of the signal to noise ratio", "coil-loss", "ask for less"
    )


def make(base: Base, strength: float, first_frame: int, rng: np.random.Generator) -> Fault:
    """`strength` elements in wiring order from a random connector on."""
    count = min(round(strength), base.coils - 1)
    return lose_elements(connector(base.coils, rng, count), first_frame)


def lose_elements(elements: Sequence[int], first_frame: int) -> Fault:
    """Exactly these elements: no signal, and of the noise only the receiver's own."""
    lost = tuple(sorted(elements))
    return Fault(
        (Truth("coil-loss", RECIPE.finding, float(len(lost)), RECIPE.unit, first_frame, elements=lost),),
        signal=from_frame(first_frame, lambda lines, _: quieter(lines, lost, 0.0)),
        noise=from_frame(first_frame, lambda noise, _: residual_noise(noise, lost)),
    )


RECIPE = Recipe(
    make,
    physics="elements lose their signal, and their noise down to the receiver's own (-20 dB)",
    unit="elements",
    range=(1.0, 128.0),
    default=4.0,
    prior="head coils plug in by connectors of four",
    finding="coil-loss",
    row="m04",
    solve=solve,
    coils=2,
)
