"""m02: receiver saturation, from plateaus at the extremes of the raw samples.

Digital samples that reached full scale come in runs of exactly equal extremes; the scale itself is unknown once a
scanner has converted to floating point, so runs are what can be looked for.
"""

import numpy as np

from engine.assess.memory import StratumMemory
from engine.assess.view import FrameView
from engine.types import Measurement, Where

_RUN = 3
_CENTRAL = 0.05
_TOLERANCE = np.float32(1e-6)


def adc_saturation(view: FrameView, memory: StratumMemory) -> Measurement:
    """Samples in runs of at least three equal extremes, in 1e-6; impact: those within 5 % of the k-space centre."""
    del memory
    raw = view.raw
    parts = raw.view(np.float32).reshape(*raw.shape, 2)
    low, high = parts.min(axis=(0, 2, 3)), parts.max(axis=(0, 2, 3))
    extreme = np.maximum(np.abs(low), np.abs(high))
    if not (extreme > 0).any():
        return Measurement("m02", "adc_saturation", None, "1e-6", why_missing="no_signal")
    threshold = extreme * (1 - _TOLERANCE)
    # Nearly every line stays below its coil's extreme: only lines that reach it are looked at for runs.
    hits: list[tuple[int, int, int]] = []
    peak = np.maximum(parts.max(axis=(2, 3)), -parts.min(axis=(2, 3)))
    for line, coil in np.argwhere((peak >= threshold) & (extreme > 0)):
        for component in (0, 1):
            at = np.abs(parts[line, coil, :, component]) >= threshold[coil]
            run = at[2:] & at[1:-1] & at[:-2]
            hits += [(int(coil), int(line), int(sample) + 1) for sample in np.flatnonzero(run)]
    center = view.kspace.center
    lines, _, samples = raw.shape
    central = [
        h for h in hits if abs(h[1] - center[0]) <= _CENTRAL * lines and abs(h[2] - center[1]) <= _CENTRAL * samples
    ]
    return Measurement(
        "m02",
        "adc_saturation",
        1e6 * (len(hits) + (_RUN - 1) * bool(hits)) / raw.size,
        "1e-6",
        impact=1e6 * len(central) / raw.size,
        impact_unit="1e-6",
        where=Where(coils=tuple(sorted({h[0] for h in hits}))),
    )
