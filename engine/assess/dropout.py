"""m15: slice drop-out, an image with less signal than the earlier ones of its slice.

The signal is the root of the image's whole power with the noise's removed. Motion only moves it about, so it does not
look like a drop; a missing line does, which is why incomplete frames are left out. MRIQC's outlier z uses the plain
standard deviation; here it is the median absolute deviation, so that the outliers do not hide themselves.
"""

import math

import numpy as np

from engine.assess.memory import StratumMemory
from engine.assess.view import FrameView
from engine.types import Measurement

_ALIKE = 5
"""Frames that a spread can be told from."""
_LEAST_SPREAD = 0.01
"""Share of the signal: healthy scanners and bodies vary by about this much from frame to frame."""
_OUTLIER = 6.0
_MAD = 1.4826


def drop_out(view: FrameView, memory: StratumMemory) -> Measurement:
    """Robust z of the drop against earlier frames of the slice; impact: signal lost in % of theirs."""
    if not view.kspace.completeness.complete:
        return Measurement("m15", "drop_out", None, "1", why_missing="incomplete")
    if not view.noise_known:
        return Measurement("m15", "drop_out", None, "1", why_missing="noise_unknown")
    signal = math.sqrt(max(float(view.corrected.mean(dtype=np.float64)), 0.0))
    earlier = np.array(memory.signals)
    if len(earlier) < _ALIKE:
        memory.signals.append(signal)
        return Measurement("m15", "drop_out", None, "1", why_missing="too_few_frames")
    usual = float(np.median(earlier))
    if usual <= 0:
        return Measurement("m15", "drop_out", None, "1", why_missing="no_signal")
    spread = max(_MAD * float(np.median(np.abs(earlier - usual))), _LEAST_SPREAD * usual)
    drop = (usual - signal) / spread
    if abs(drop) < _OUTLIER:
        memory.signals.append(signal)
    lost = 100 * max(1 - signal / usual, 0.0)
    return Measurement("m15", "drop_out", max(drop, 0.0), "1", impact=lost, impact_unit="%")
