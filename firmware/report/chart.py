"""A row of measurements over the frames of a scan as paths of an SVG."""

from collections.abc import Callable, Sequence

import numpy as np
from numpy.typing import NDArray

from engine.decide.evidence import with_unit
from firmware.console.thin import Thinned, thinned
from firmware.report.gather import RowNumbers
from firmware.report.story import Chart

WIDTH, HEIGHT = 640.0, 120.0
_EDGE = 4.0
"""Free above and below."""
_POINTS = 240
_FAR = 50.0
"""A limit this many times beyond all values is not drawn: it would flatten them."""

_Scaled = Callable[[NDArray[np.float64]], NDArray[np.float64]]


def chart(row: RowNumbers, limit: float | None) -> Chart | None:
    """The row with its detection limit: `limit`, or that of each frame's statistics. None: fewer than two values."""
    if len(row.numbers) < 2:
        return None
    first, last = min(row.numbers), max(row.numbers)
    values, limits = (_dense(row, column, first, last) for column in (row.values, row.limits))
    drawn = thinned(values, _POINTS)
    bounds = np.full(len(drawn.last), limit) if limit is not None else thinned(limits, _POINTS).last
    low, high = float(np.nanmin(drawn.low)), float(np.nanmax(drawn.high))
    bounds_there = bounds[~np.isnan(bounds)]
    shows_limit = bool(bounds_there.size) and float(np.abs(bounds_there).max()) <= _FAR * max(abs(low), abs(high))
    if shows_limit:
        low, high = min(low, float(bounds_there.min())), max(high, float(bounds_there.max()))
    x = (drawn.positions + 0.5) * WIDTH / len(values)
    scale = (HEIGHT - 2 * _EDGE) / (high - low) if high > low else 0.0

    def y(column: NDArray[np.float64]) -> NDArray[np.float64]:
        return HEIGHT - _EDGE - (column - low) * scale

    typical = with_unit(float(np.median(bounds_there)), row.unit) if bounds_there.size else ""
    return Chart(
        paths=_paths(x, y(drawn.last)),
        band=_band(x, drawn, y),
        limit=" ".join(_paths(x, y(bounds))) if shows_limit else "",
        limit_text=typical,
        least=with_unit(low, row.unit),
        greatest=with_unit(high, row.unit),
        first=first,
        last=last,
        alt=_alt(row, typical),
    )


def _dense(row: RowNumbers, column: Sequence[float], first: int, last: int) -> NDArray[np.float32]:
    """`[frame]`, NaN where nothing was measured."""
    dense = np.full(last - first + 1, np.nan, np.float32)
    dense[np.array(row.numbers) - first] = np.array(column, np.float32)
    return dense


def _paths(x: NDArray[np.float64], y: NDArray[np.float64]) -> tuple[str, ...]:
    """One path for each stretch of numbers; a single point becomes a short dash."""
    there = np.flatnonzero(~np.isnan(y))
    stretches = np.split(there, np.flatnonzero(np.diff(there) > 1) + 1)
    paths = []
    for stretch in stretches:
        points = [f"{x[place]:.1f} {y[place]:.1f}" for place in stretch]
        if len(points) == 1:
            place = stretch[0]
            points = [f"{x[place] - 1.5:.1f} {y[place]:.1f}", f"{x[place] + 1.5:.1f} {y[place]:.1f}"]
        if points:
            paths.append("M" + "L".join(points))
    return tuple(paths)


def _band(x: NDArray[np.float64], drawn: Thinned, y: _Scaled) -> str:
    """Around the least and the greatest values, where points stand for several frames."""
    there = np.flatnonzero(~np.isnan(drawn.low))
    if not (drawn.low[there] < drawn.high[there]).any():
        return ""
    high, low = y(drawn.high), y(drawn.low)
    upper = [f"{x[place]:.1f} {high[place]:.1f}" for place in there]
    lower = [f"{x[place]:.1f} {low[place]:.1f}" for place in there[::-1]]
    return "M" + "L".join([*upper, *lower]) + "Z"


def _alt(row: RowNumbers, limit: str) -> str:
    values = np.array(row.values)
    worst, least = with_unit(float(values.max()), row.unit), with_unit(float(values.min()), row.unit)
    said = f"{row.name.replace('_', ' ')} of images {min(row.numbers)} to {max(row.numbers)}: {least} to {worst}"
    return f"{said}; detection limit {limit}" if limit else said
