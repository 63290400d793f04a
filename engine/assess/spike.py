"""m06: RF spikes, single k-space samples far above both their mirror sample and their neighbourhood.

In whitened data P(k) and P(-k) of a real object have the same mean, so their ratio on noise follows F(2C, 2C): the
limit is its quantile at one false alarm per `FALSE_ALARMS` frames over all samples. A fixed limit on P itself fires
on every clean frame, because anatomy is not noise.
"""

import math
from functools import lru_cache

import numpy as np
from numpy.typing import NDArray
from scipy.special import fdtri

from engine.assess.memory import StratumMemory
from engine.assess.view import FrameView
from engine.types import Measurement, Where

FALSE_ALARMS = 1e-3
_INNER = 20
_NEIGHBOURS = 2


@lru_cache(maxsize=64)
def detection_limit(coils: int, samples: int) -> float:
    """F(2C, 2C) quantile at 1 - FALSE_ALARMS / samples."""
    return float(fdtri(2 * coils, 2 * coils, 1 - FALSE_ALARMS / samples))


def rf_spike(view: FrameView, memory: StratumMemory) -> Measurement:
    """Largest min(P(k)/P(-k), P(k)/local median) outside the centre; impact: stripe amplitude in % of the signal."""
    del memory
    if view.coils < 2:
        return Measurement("m06", "rf_spike", None, "1", why_missing="one_coil")
    if not view.noise_known:
        return Measurement("m06", "rf_spike", None, "1", why_missing="noise_unknown")
    if view.signal is None or view.signal <= 0:
        return Measurement("m06", "rf_spike", None, "1", why_missing="no_object")
    power = np.maximum(view.kspace_power, np.float32(1e-6))
    limit = detection_limit(view.coils, power.size)
    encoded = int(view.acquired.sum()) * power.shape[1]
    to_percent = 100 * math.sqrt(view.averages / encoded) / view.signal
    smallest = math.sqrt(2 * max(limit - 1, 0) * view.coils / view.averages) * to_percent
    found = _largest_ratio(power, view.acquired, view.kspace.center)
    if found is None:
        return Measurement("m06", "rf_spike", None, "1", why_missing="too_few_samples")
    ratio, line, sample = found
    excess = max(float(power[line, sample]) * (1 - 1 / max(ratio, 1.0)), 0.0)
    estimated = view.noise is not None and view.noise.estimated
    return Measurement(
        "m06",
        "rf_spike",
        ratio,
        "1",
        impact=math.sqrt(2 * excess) * to_percent,
        impact_unit="%",
        detect_limit=limit,
        impact_at_detection=smallest,
        where=Where(lines=(line,), samples=(sample,)),
        estimated=estimated,
    )


def _largest_ratio(
    power: NDArray[np.float32], acquired: NDArray[np.bool_], center: tuple[int, int]
) -> tuple[float, int, int] | None:
    """(ratio, line, sample); None where no sample outside the centre has a mirror sample."""
    lines, samples = power.shape
    mirror_line = 2 * center[0] - np.arange(lines)
    mirror_sample = 2 * center[1] - np.arange(samples)
    inside_line = (mirror_line >= 0) & (mirror_line < lines)
    inside_sample = (mirror_sample >= 0) & (mirror_sample < samples)
    partner = power[np.clip(mirror_line, 0, lines - 1)][:, np.clip(mirror_sample, 0, samples - 1)]
    has_partner = (
        inside_line[:, None] & inside_sample & (acquired & acquired[np.clip(mirror_line, 0, lines - 1)])[:, None]
    )
    distance = np.hypot(np.arange(lines)[:, None] - center[0], np.arange(samples) - center[1])
    looked_at = has_partner & (distance > _INNER)
    if not looked_at.any():
        return None
    ratio = np.where(looked_at, power / partner, 0)
    # The local median is dear: only the few samples that pass the mirror test are looked at closely.
    best = (0.0, center[0], center[1])
    flat = ratio.ravel()
    for index in np.argpartition(flat, -32)[-32:]:
        line, sample = divmod(int(index), samples)
        around = power[
            max(0, line - _NEIGHBOURS) : line + _NEIGHBOURS + 1, max(0, sample - _NEIGHBOURS) : sample + _NEIGHBOURS + 1
        ]
        value = min(float(flat[index]), float(power[line, sample]) / float(np.median(around)))
        if value > best[0]:
            best = (value, line, sample)
    return best
