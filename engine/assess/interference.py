"""m07: RF interference (zipper), a column of air with more energy than noise alone can have."""

import math
from functools import lru_cache

import numpy as np
from scipy.special import gdtrix

from engine.assess.memory import StratumMemory
from engine.assess.view import FrameView
from engine.types import Measurement, Where

FALSE_ALARMS = 1e-3
_LEAST_AIR = 8


@lru_cache(maxsize=64)
def detection_limit(coils: int, lines: int, columns: int) -> float:
    """Chi-square quantile (2 x coils x lines degrees of freedom) over its mean at one false alarm in 1000 frames."""
    shape = coils * lines
    return float(gdtrix(1.0, shape, 1 - FALSE_ALARMS / columns)) / shape


def rf_interference(view: FrameView, memory: StratumMemory) -> Measurement:
    """Energy of the loudest air column over the median air column; impact: line amplitude in % of the signal."""
    del memory
    if not view.noise_known:
        return Measurement("m07", "rf_interference", None, "1", why_missing="noise_unknown")
    if view.foreground is None or not view.signal:
        return Measurement("m07", "rf_interference", None, "1", why_missing="no_object")
    occupied = view.foreground.mean(axis=0)
    outer = np.abs(np.arange(len(view.acquired)) - view.kspace.center[0]) >= len(view.acquired) // 4
    lines = np.flatnonzero(view.acquired & outer)
    energy = view.column_power[lines].mean(axis=0)
    air = np.flatnonzero(occupied == 0)
    quiet = air[energy[air] <= 2 * np.percentile(energy[air], 10)] if len(air) else air
    if len(quiet) < _LEAST_AIR or not len(lines):
        return Measurement("m07", "rf_interference", None, "1", why_missing="object_fills_view")
    reference = float(np.median(energy[quiet]))
    # Neighbours carry the object's side lobes, a tone stands alone: the excess over the neighbouring columns counts.
    width = len(energy)
    beside = np.minimum(energy[np.maximum(air - 2, 0)], energy[np.minimum(air + 2, width - 1)])
    ratios = energy[air] / np.maximum(np.maximum(beside, reference), 1e-12)
    worst = int(ratios.argmax())
    ratio = float(ratios[worst])
    # Two noisy columns are compared, not one with a known mean: the limit's excess grows by sqrt(2).
    limit = 1 + math.sqrt(2.0) * (detection_limit(view.coils, len(lines), width) - 1)
    per_line = 2.0 * view.coils
    amplitude = math.sqrt(max(ratio - 1, 0.0) * per_line) / view.signal
    smallest = math.sqrt((limit - 1) * per_line) / view.signal
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
