"""Missing lines: a run of readouts that never reaches the appliance."""

import numpy as np
from numpy.typing import NDArray

from engine.errors import InputRefused
from models.simulate.base import Base
from models.simulate.fault import Fault, Truth
from models.simulate.recipe import Recipe

_TOLERANCE = 0.1
_MOST_OFF = 0.5
_NEAREST = 8
_LONGEST = 0.25
"""Of the lines."""


def cost(base: Base, strength: float, rng: np.random.Generator) -> float:
    """Missing energy, %."""
    del base, rng
    return strength


def make(base: Base, strength: float, first_frame: int, rng: np.random.Generator) -> Fault:
    """Lines in a row on one side of the centre that hold `strength` % of the k-space energy; the same in each frame."""
    first, last = _run(_energy(base), strength, rng)
    missing = np.zeros(len(base.lines), bool)
    missing[first:last] = True

    def sent(repetition: int) -> NDArray[np.bool_] | None:
        return ~missing if repetition >= first_frame else None

    truth = Truth("missing-lines", RECIPE.finding, strength, RECIPE.unit, first_frame, lines=tuple(range(first, last)))
    return Fault((truth,), sent=sent)


def _energy(base: Base) -> NDArray[np.float64]:
    """`[line]` % of the energy."""
    energy = (np.abs(base.lines) ** 2).sum(axis=(1, 2), dtype=np.float64)
    return np.asarray(100 * energy / energy.sum())


def _run(energy: NDArray[np.float64], share: float, rng: np.random.Generator) -> tuple[int, int]:
    """First line and the one after the last, of a random run with about `share`; raises InputRefused."""
    lines, middle = len(energy), len(energy) // 2
    total = np.concatenate([[0.0], np.cumsum(energy)])
    runs = [
        (abs(total[last] - total[first] - share), first, last)
        for first in range(lines)
        for last in range(first + 1, lines + 1)
        if (last <= middle or first > middle) and last - first <= _LONGEST * lines
    ]
    runs.sort()
    fitting = [run for run in runs if run[0] <= _TOLERANCE * share] or runs[:_NEAREST]
    off, first, last = runs[0]
    if off > _MOST_OFF * share:
        raise InputRefused(
            f"no lines in a row on one side of the centre hold about {share:g} % of this scan's energy",
            "missing-lines",
            f"the nearest hold {total[last] - total[first]:.2g} %",
        )
    _, first, last = fitting[int(rng.integers(len(fitting)))]
    return first, last


RECIPE = Recipe(
    make,
    physics="a run of readouts on one side of the centre is never sent",
    unit="% of the k-space energy",
    range=(0.01, 50.0),
    default=5.0,
    prior="start value; lost packets and stopped scans lose lines in a row",
    finding="missing-lines",
    row="m01",
    cost=cost,
)
