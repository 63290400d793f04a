"""How one kind of fault is made: its physical range, its natural strength, and the row that finds it."""

from collections.abc import Callable
from dataclasses import dataclass, field

import numpy as np

from engine.decide.limits import shipped_limits
from engine.errors import InputRefused
from models.simulate.base import Base
from models.simulate.fault import Fault

Make = Callable[[Base, float, int, np.random.Generator], Fault]
"""`(base, strength, first_frame, rng) -> fault`."""
Cost = Callable[[Base, float, np.random.Generator], float]
"""`(base, strength, rng) -> impact` in the unit of the row that finds it; grows with strength."""
Solve = Callable[[Base, float, np.random.Generator], float]
"""`(base, impact, rng) -> strength`."""

_STEPS = 60
_LEAST_LINES = 32


@dataclass(frozen=True, slots=True)
class Recipe:
    """One entry of the table of faults."""

    make: Make
    physics: str
    """In a line, for people."""
    unit: str
    range: tuple[float, float]
    default: float
    prior: str
    """Where range and default come from."""
    finding: str = ""
    row: str = ""
    """Row whose impact limit `times_limit` multiplies; empty: there is none."""
    cost: Cost | None = None
    solve: Solve | None = None
    """Where `cost` cannot be inverted by halving (whole numbers of lines or elements)."""
    from_start: bool = False
    """Holds for the whole series: a prescription or the choice of a coil."""
    coils: int = 1
    """Least number of coil elements."""
    slices: int = 1
    """Least number of slices."""
    contradicts: dict[str, str] = field(default_factory=dict)
    """Other kind -> why both at once are impossible."""


def check_size(kind: str, recipe: Recipe, base: Base) -> None:
    """Raises InputRefused where the scan is too small for the fault."""
    lines = base.lines.shape[0]
    if lines < _LEAST_LINES:
        raise InputRefused(
            f"the scan has {lines} lines, a fault needs {_LEAST_LINES}", kind, "give a scan with more lines"
        )
    if base.coils < recipe.coils:
        raise InputRefused(
            f"the scan has {base.coils} coil element, this fault needs {recipe.coils}", kind, "give a multi-coil scan"
        )
    if base.slices < recipe.slices:
        raise InputRefused(
            f"the scan has {base.slices} slice, this fault needs {recipe.slices}", kind, "give a multi-slice scan"
        )


def check_strength(kind: str, recipe: Recipe, strength: float) -> None:
    """Raises InputRefused where a strength is not physical."""
    low, high = recipe.range
    if not low <= strength <= high:
        raise InputRefused(
            f"a strength of {strength:g} {recipe.unit} is outside its physical range",
            kind,
            f"give {low:g} to {high:g} {recipe.unit}",
        )


def strength_at(kind: str, recipe: Recipe, base: Base, times_limit: float, seed: int) -> float:
    """Strength whose impact is `times_limit` times the limit of the row that finds it; raises InputRefused."""
    if not times_limit > 0:
        raise InputRefused(f"{times_limit:g} times the limit is no strength", kind, "give a number above 0")
    limit, up = _impact_limit(recipe.row)
    if not limit:
        raise InputRefused("no row has an impact limit for it", kind, "leave the strength to its default")
    target = limit * times_limit if up else limit / times_limit
    if recipe.solve is not None:
        return recipe.solve(base, target, np.random.default_rng(seed))
    assert recipe.cost is not None, "a recipe with a row says what its strength costs"
    low, high = recipe.range
    reached = [recipe.cost(base, strength, np.random.default_rng(seed)) for strength in (low, high)]
    if not reached[0] <= target <= reached[1]:
        raise InputRefused(
            f"{times_limit:g} times the limit ({target:g}) cannot be reached by {low:g} to {high:g} {recipe.unit}",
            kind,
            f"give an impact of {reached[0]:.3g} to {reached[1]:.3g}",
        )
    for _ in range(_STEPS):
        middle = 0.5 * (low + high)
        below = recipe.cost(base, middle, np.random.default_rng(seed)) < target
        low, high = (middle, high) if below else (low, middle)
    return high


def _impact_limit(name: str) -> tuple[float, bool]:
    """Rescan limit of a row, its warn limit where it has none, 0 without either; and whether large is bad."""
    row = shipped_limits().rows.get(name)
    limit = (row.rescan or row.warn) if row is not None else None
    if row is None or limit is None or limit.value is None:
        return 0.0, True
    return limit.value, row.up or not limit.of_value  # a large impact is always bad
