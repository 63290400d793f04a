"""Fewer points that hide no extreme."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray


@dataclass(frozen=True, slots=True)
class Thinned:
    """Points, each of which stands for a run of neighbours; NaN: nothing was measured in any of them."""

    positions: NDArray[np.intp]
    """Of the last of the run's neighbours."""
    last: NDArray[np.float64]
    """The newest value of the run that is one."""
    low: NDArray[np.float64]
    high: NDArray[np.float64]


def thinned(values: NDArray[np.float32], points: int) -> Thinned:
    """At most `points` of `[n]` values, evenly by position; the least and the greatest of each run are kept."""
    count = len(values)
    runs = min(points, count)
    if runs == 0:
        nothing = np.zeros(0)
        return Thinned(np.zeros(0, np.intp), nothing, nothing, nothing)
    starts = (np.arange(runs) * count) // runs
    ends = np.append(starts[1:], count) - 1
    measured = ~np.isnan(values)
    low = np.minimum.reduceat(np.where(measured, values, np.inf), starts)
    high = np.maximum.reduceat(np.where(measured, values, -np.inf), starts)
    newest = np.maximum.reduceat(np.where(measured, np.arange(count), -1), starts)
    empty = newest < 0
    last = np.where(empty, np.nan, values[np.maximum(newest, 0)])
    return Thinned(ends, last, np.where(empty, np.nan, low), np.where(empty, np.nan, high))


def said(values: NDArray[np.float64]) -> list[float | None]:
    """As JSON has them, with six digits; None for NaN."""
    with np.errstate(divide="ignore", invalid="ignore", over="ignore"):
        scale = 10.0 ** (5 - np.floor(np.log10(np.abs(values))))
        rounded = np.where(np.isfinite(scale), np.round(values * scale) / scale, values)
    return [None if number != number else number for number in rounded.tolist()]
