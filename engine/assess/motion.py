"""m10: motion during the acquisition, by the ghosts that it throws along the phase direction.

What moves between lines is inconsistent between them and spreads over the phase direction, into the air above and
below the object. Healthy scans have such power, too (flow, swallowing; a tenth of the signal in the bundled in-vivo
brain), so until a site is calibrated only what is more than in the series' first frame counts; it grows and shrinks
with the whole image's power, so a contrast agent or a drift of the gain is no motion. Power, not magnitude: Q - 2 C has
mean zero on noise. The mean of Q over n independent pixels of noise has the standard deviation 2 sqrt(C / n), that of a
difference of two frames sqrt(2) times as much. All frames are held against the same first one, whose noise may be low
by chance: 4.5 of them are the detection limit (two of 240 clean frames of 120 anatomies passed three).
"""

import math

from engine.assess.memory import StratumMemory
from engine.assess.view import FrameView
from engine.types import Measurement

_SIGMAS = 4.5
_LEAST_PIXELS = 300
_TINY = 1e-30


def motion_ghost(view: FrameView, memory: StratumMemory) -> Measurement:
    """Root of the power that the air above and below the object gained since the first frame, % of the signal."""
    if why := view.why_no_object:
        return Measurement("m10", "motion_ghost", None, "%", why_missing=why)
    assert view.signal, "there is an object"
    if memory.air is None:
        assert view.air is not None, "there is an object"
        memory.air = view.air
        memory.air_share = _mean(view, memory) / max(_whole(view), _TINY)
        return Measurement("m10", "motion_ghost", None, "%", why_missing="first_frame")
    if memory.air.shape != view.corrected.shape:
        return Measurement("m10", "motion_ghost", None, "%", why_missing="size_changed")
    pixels = int(memory.air.sum())
    if pixels < _LEAST_PIXELS:
        return Measurement("m10", "motion_ghost", None, "%", why_missing="object_fills_view")
    gained = _mean(view, memory) - memory.air_share * _whole(view)
    independent = pixels * float(view.acquired.mean()) / math.prod(view.pixels_per_acquired)
    spread = 2 * math.sqrt(2 * view.coils / independent) if view.noise_known else 0.0
    return Measurement(
        "m10",
        "motion_ghost",
        100 * math.sqrt(max(gained, 0.0)) / view.signal,
        "%",
        detect_limit=100 * math.sqrt(_SIGMAS * spread) / view.signal,
        estimated=view.noise is None or view.noise.estimated,
    )


def _mean(view: FrameView, memory: StratumMemory) -> float:
    assert memory.air is not None
    return float(view.corrected[memory.air].mean()) if memory.air.any() else 0.0


def _whole(view: FrameView) -> float:
    """Mean power of the whole image: steadier than the median signal, whose threshold may jump between frames."""
    return max(float(view.corrected.mean()), 0.0)
