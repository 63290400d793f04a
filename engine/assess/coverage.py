"""m20: object that reaches the ends of the readout, where the field of view cuts it off.

The ends of the phase direction belong to wrap-around (m16): what lies outside there is folded in, not cut off.
"""

import numpy as np

from engine.assess.memory import StratumMemory
from engine.assess.view import FrameView
from engine.types import Measurement, Where

_BORDER = 0.02
"""Width of a border band as a share of the view."""
_MOSTLY = 0.5


def coverage(view: FrameView, memory: StratumMemory) -> Measurement:
    """Share of the two readout borders that the object covers, %; 100: it reaches both over their whole length."""
    del memory
    why = view.why_no_object
    if why or view.foreground is None:
        return Measurement("m20", "coverage", None, "%", why_missing=why)
    width = view.foreground.shape[1]
    band = max(1, round(_BORDER * width))
    covered = [view.foreground[:, :band].mean(axis=1), view.foreground[:, -band:].mean(axis=1)]
    sides = [side > _MOSTLY for side in covered]
    share = 100 * float(np.mean(sides))
    worst = 0 if sides[0].sum() >= sides[1].sum() else 1
    rows = np.flatnonzero(sides[worst])
    left = 0 if worst == 0 else width - band
    box = (left, int(rows[0]), left + band, int(rows[-1]) + 1) if len(rows) else None
    return Measurement("m20", "coverage", share, "%", where=Where(box=box))
