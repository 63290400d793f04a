"""m16: wrap-around, signal that reaches across both ends of the phase direction.

The transform along the phase direction is periodic: what lies outside the field of view comes in at the opposite end.
So an object that crosses the border shows there at the same columns on both ends, while one that fits leaves air at one
end at least. (Along the readout the receiver's filter cuts instead of folding; that is m20.) The field of view is
prescribed once, so what did not fold in the series' first frame is another fault's later on.
"""

import numpy as np
from numpy.typing import NDArray

from engine.assess.memory import StratumMemory
from engine.assess.view import FrameView
from engine.types import Measurement, Where

_BAND = 0.03
"""Share of the rows at each end that is looked at."""
_SIGNAL = 0.2
"""Signal counts from this share of the object's median on: the ghosts of clean in-vivo scans stay below it."""
_CONTINUES = 0.25
"""Least ratio of the magnitudes at both ends: the object goes on across the border, while a bright edge only leaks."""
_OVERSAMPLED = 1.02
"""From this phase oversampling on the ends of the image are not those of what was encoded: anatomy may reach both."""
_SIGMAS = 5.0
_SMOOTH = 3


def wrap(view: FrameView, memory: StratumMemory) -> Measurement:
    """Share (%) of the object's columns that hold signal at both ends of the phase direction."""
    oversampled = view.phase_oversampling > _OVERSAMPLED
    if why := view.why_no_object or ("phase_oversampled" if oversampled else ""):
        return Measurement("m16", "wrap", None, "%", why_missing=why)
    assert view.foreground is not None, "there is an object"
    assert view.signal is not None, "there is an object"
    occupied = view.foreground.any(axis=0)
    height = view.corrected.shape[0]
    band = max(2, round(_BAND * height))
    ends = [_level(view, rows) for rows in (slice(0, band), slice(height - band, height))]
    # On noise the mean of n pixels of Q has a standard deviation of 2 sqrt(C / n).
    noise = _SIGMAS * 2 * np.sqrt(view.coils / (band * _SMOOTH)) if view.noise_known else 0.0
    threshold = max((_SIGNAL * view.signal) ** 2, noise)
    weaker, stronger = np.minimum(*ends), np.maximum(*ends)
    folded = occupied & (weaker > threshold) & (weaker > _CONTINUES**2 * stronger)
    if memory.folded is None or len(memory.folded) != len(folded):
        memory.folded = folded
    both = np.flatnonzero(folded & memory.folded)
    return Measurement(
        "m16",
        "wrap",
        100 * len(both) / int(occupied.sum()),
        "%",
        where=Where(columns=tuple(int(column) for column in both[:64])),
    )


def _level(view: FrameView, rows: slice) -> NDArray[np.float64]:
    """`[x]` mean power of a band of rows, noise removed, smoothed along the columns."""
    level = view.corrected[rows].mean(axis=0, dtype=np.float64)
    return np.convolve(level, np.ones(_SMOOTH) / _SMOOTH, mode="same")
