"""m07: RF interference (zipper), a column of air with more energy than noise alone can have."""

import math
from functools import lru_cache

import numpy as np
from numpy.typing import NDArray
from scipy.special import gdtrix

from engine.assess.memory import StratumMemory
from engine.assess.view import FrameView
from engine.types import Measurement, Where

FALSE_ALARMS = 1e-3
_LEAST_AIR = 8
_MARGIN = 0.05
"""Share of the field of view beside the object that is not looked at: its edge is steep there."""
_SCATTERS = 6.0
_NEIGHBOURS = 4


@lru_cache(maxsize=64)
def detection_limit(coils: int, lines: int, columns: int) -> float:
    """Chi-square quantile (2 x coils x lines degrees of freedom) over its mean at one false alarm in 1000 frames."""
    shape = coils * lines
    return float(gdtrix(1.0, shape, 1 - FALSE_ALARMS / columns)) / shape


def rf_interference(view: FrameView, memory: StratumMemory) -> Measurement:
    """Energy of the loudest air column over that of its neighbourhood; impact: line amplitude in % of the signal."""
    del memory
    if not view.noise_known:
        return Measurement("m07", "rf_interference", None, "1", why_missing="noise_unknown")
    if view.foreground is None or not view.signal:
        return Measurement("m07", "rf_interference", None, "1", why_missing="no_object")
    occupied = view.foreground.mean(axis=0)
    outer = np.abs(np.arange(len(view.acquired)) - view.kspace.center[0]) >= len(view.acquired) // 4
    lines = np.flatnonzero(view.acquired & outer)
    energy = view.column_power[lines].mean(axis=0)
    margin = max(1, round(_MARGIN * len(occupied)))
    near = np.convolve(occupied > 0, np.ones(2 * margin + 1), mode="same") > 0
    air = np.flatnonzero(~near)
    width = len(energy)
    if len(air) < _LEAST_AIR or not len(lines):
        return Measurement("m07", "rf_interference", None, "1", why_missing="object_fills_view")
    # The object's side lobes reach into the air and fall off smoothly; a tone stands alone. So each column is held
    # against the median of its neighbourhood, and the limit is widened to what the real background scatters.
    background = _sliding_median(energy)
    ratios = energy[air] / np.maximum(background[air], 1e-12)
    logs = np.log(np.maximum(ratios, 1e-12))
    scatter = 1.4826 * float(np.median(np.abs(logs - np.median(logs))))
    statistics = detection_limit(view.coils, len(lines), width)
    limit = max(1 + math.sqrt(2.0) * (statistics - 1), math.exp(_SCATTERS * scatter))
    worst = int(ratios.argmax())
    ratio = float(ratios[worst])
    level = float(background[air[worst]])
    amplitude = math.sqrt(max(ratio - 1, 0.0) * level) / view.signal
    smallest = math.sqrt((limit - 1) * float(np.median(background[air]))) / view.signal
    estimated = view.noise is not None and view.noise.estimated
    return Measurement(
        "m07",
        "rf_interference",
        ratio,
        "1",
        impact=100 * amplitude,
        impact_unit="%",
        detect_limit=limit,
        impact_at_detection=100 * smallest,
        where=Where(columns=(int(air[worst]),)),
        estimated=estimated,
    )


def _sliding_median(energy: NDArray[np.float64]) -> NDArray[np.float64]:
    """Median over each column and its four neighbours on either side, mirrored at the ends."""
    padded = np.pad(energy, _NEIGHBOURS, mode="reflect")
    return np.asarray(np.median(np.lib.stride_tricks.sliding_window_view(padded, 2 * _NEIGHBOURS + 1), axis=-1))
