"""m07: RF interference (zipper), a column with more energy on the outer lines than its neighbours.

A tone falls on one column of every line, whatever the line encodes. On the outer lines the object is weak, so the tone
stands out there. In the first frame only the air is looked at, each column against its neighbourhood; afterwards every
column, its change since the first frame against that of its neighbourhood, which finds a tone over the object, too, as
long as the object lies still and no coil element is lost. The limit is widened to what the columns scatter, and what
a column gains must be gained on all of the outer lines.
"""

import math
from functools import lru_cache

import numpy as np
from numpy.typing import NDArray
from scipy.special import gdtrix

from engine.assess.memory import StratumMemory
from engine.assess.view import FrameView
from engine.types import Measurement, Where

FALSE_ALARMS = 1e-3
_SCATTERS = 6.0
_TAILS = 3.5
_GROUPS = 4
_STEADY = 0.25
"""Least share of its mean power that a tone adds in each quarter of the outer lines: it heeds no line number."""
_NEIGHBOURS = 4
_LEAST_COLUMNS = 16
_LEAST_AIR = 8
_STILL = 0.05
"""Pixels along the readout: an object that moved further changes its columns by itself."""
_MARGIN = 0.05


@lru_cache(maxsize=64)
def detection_limit(coils: int, lines: int, columns: int) -> float:
    """Chi-square quantile (2 x coils x lines degrees of freedom) over its mean at one false alarm in 1000 frames."""
    shape = coils * lines
    return float(gdtrix(1.0, shape, 1 - FALSE_ALARMS / columns)) / shape


def rf_interference(view: FrameView, memory: StratumMemory) -> Measurement:
    """Energy of the loudest column over that of its neighbourhood; impact: line amplitude in % of the signal."""
    if not view.kspace.completeness.complete:
        return Measurement("m07", "rf_interference", None, "1", why_missing="incomplete")
    if not view.noise_known:
        return Measurement("m07", "rf_interference", None, "1", why_missing="noise_unknown")
    if view.foreground is None or not view.signal:
        return Measurement("m07", "rf_interference", None, "1", why_missing="no_object")
    outer = np.abs(np.arange(len(view.acquired)) - view.kspace.center[0]) >= len(view.acquired) // 4
    lines = np.flatnonzero(view.acquired & outer)
    width = view.column_power.shape[1]
    if len(lines) < _GROUPS or width < _LEAST_COLUMNS:
        return Measurement("m07", "rf_interference", None, "1", why_missing="too_few_lines")
    groups = np.stack([view.column_power[part].mean(axis=0) for part in np.array_split(lines, _GROUPS)])
    energy = groups.mean(axis=0)
    first = memory.columns if memory.columns is not None and memory.columns.shape == groups.shape else None
    as_then = first is not None and not memory.lost and memory.moved_pixels < _STILL
    looked_at = np.arange(width) if as_then else _air_columns(view)
    if memory.columns is None:
        memory.columns = groups
    if len(looked_at) < _LEAST_AIR:
        return Measurement("m07", "rf_interference", None, "1", why_missing="object_fills_view")
    each = np.stack([_expected(group, None if first is None else first[n]) for n, group in enumerate(groups)])
    expected = each.mean(axis=0)
    steady = (groups - each).min(axis=0) >= _STEADY * (energy - expected)
    ratio = np.where(steady, energy / np.maximum(expected, 1e-12), 1.0)
    limits = np.maximum(_statistics(expected, view.coils, len(lines)), _scatter_limit(view, ratio))
    worst = int(looked_at[(ratio / limits)[looked_at].argmax()])
    amplitude = np.sqrt(np.maximum(np.array([ratio[worst], limits[worst]]) - 1, 0.0) * expected[worst])
    impact, smallest = 100 * amplitude / view.signal
    estimated = view.noise is not None and view.noise.estimated
    return Measurement(
        "m07",
        "rf_interference",
        float(ratio[worst]),
        "1",
        impact=float(impact),
        impact_unit="%",
        detect_limit=float(limits[worst]),
        impact_at_detection=float(smallest),
        where=Where(columns=(worst,)),
        estimated=estimated,
    )


def _air_columns(view: FrameView) -> NDArray[np.intp]:
    """Columns without object, not right beside it: at its edge the energy of neighbouring columns differs by nature."""
    assert view.foreground is not None
    margin = max(1, round(_MARGIN * view.foreground.shape[1]))
    near = np.convolve(view.foreground.any(axis=0), np.ones(2 * margin + 1), mode="same") > 0
    return np.flatnonzero(~near)


def _expected(energy: NDArray[np.float64], first: NDArray[np.float64] | None) -> NDArray[np.float64]:
    """`[x]` what the neighbours say of each column: their median, or how much theirs changed since the first frame."""
    if first is None:
        return _sliding_median(energy)
    first = np.maximum(first, 1e-12)
    return first * _sliding_median(energy / first)


def _statistics(expected: NDArray[np.float64], coils: int, lines: int) -> NDArray[np.float64]:
    """`[x]` limit of the ratio from noise alone.

    With s the signal of a sample and n noise of sd 1 per part, |s + n|^2 summed over C elements has the variance
    4 |s|^2 + 4 C; the mean over L lines is held against one that is as uncertain, hence sqrt(2). Without signal the
    relative standard deviation is 1 / sqrt(C L), so the chi-square quantile says how many of them are one false alarm.
    """
    signal = np.maximum(expected - 2 * coils, 0.0)
    deviation = np.sqrt((4 * signal + 4 * coils) / lines) / np.maximum(expected, 1e-12)
    deviations = (detection_limit(coils, lines, len(expected)) - 1) * math.sqrt(coils * lines)
    return np.asarray(1 + math.sqrt(2.0) * deviations * deviation)


def _scatter_limit(view: FrameView, ratio: NDArray[np.float64]) -> NDArray[np.float64]:
    """`[x]` limit from the robust spread of the ratios: of the object's columns for them, of the air's for the rest."""
    assert view.foreground is not None
    logs = np.log(np.maximum(ratio, 1e-12))
    occupied = view.foreground.any(axis=0)
    limit = np.empty_like(logs)
    for columns in (occupied, ~occupied):
        if columns.any():
            away = np.abs(logs[columns] - np.median(logs[columns]))
            # The median tells the spread of most columns, the ninth decile that of edges that changed.
            typical, tail = 1.4826 * np.median(away), np.percentile(away, 90)
            limit[columns] = math.exp(max(_SCATTERS * typical, _TAILS * tail))
    return limit


def _sliding_median(energy: NDArray[np.float64]) -> NDArray[np.float64]:
    """Median over each column and its four neighbours on either side, mirrored at the ends."""
    padded = np.pad(energy, _NEIGHBOURS, mode="reflect")
    return np.asarray(np.median(np.lib.stride_tricks.sliding_window_view(padded, 2 * _NEIGHBOURS + 1), axis=-1))
