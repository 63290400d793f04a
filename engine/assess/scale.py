"""m24: a change of the image's scale that the raw data do not explain.

The same object, as bright in the raw data as before, must be as bright in the image. Whatever changes the signal
itself (contrast agent, flip angle, a drop-out, a lost element) changes the power of the raw data as well and is not
a change of scale.
"""

import math

import numpy as np

from engine.assess.memory import StratumMemory
from engine.assess.view import FrameView
from engine.types import Measurement

_LEAST_CORRELATION = 0.99
_RAW_OCTAVES = 0.05
"""Change of the raw amplitude up to which it counts as unchanged: half the limit."""


def scale_change(view: FrameView, memory: StratumMemory) -> Measurement:
    """Octaves between the object's median here and in the series' first complete frame, without sign."""
    why = view.why_no_object
    if not why and memory.scale_image is None:
        memory.scale_image, memory.raw_power = view.thinned, view.central_power
        why = "first_frame"
    if not why:
        why = _incomparable(view, memory)
    if why:
        return Measurement("m24", "scale_change", None, "octaves", why_missing=why)
    assert memory.scale_image is not None
    inside = view.thinned_object
    ratio = float(np.median(view.thinned[inside])) / float(np.median(memory.scale_image[inside]))
    return Measurement("m24", "scale_change", abs(math.log2(ratio)), "octaves")


def _incomparable(view: FrameView, memory: StratumMemory) -> str:
    """Why this frame cannot be compared with the first; empty where it can."""
    first = memory.scale_image
    if first is None or first.shape != view.thinned.shape:
        return "size_changed"
    if not (view.central_power > 0 and memory.raw_power > 0):
        return "no_signal"
    if 0.5 * abs(math.log2(view.central_power / memory.raw_power)) > _RAW_OCTAVES:
        return "raw_power_changed"
    if np.corrcoef(view.thinned.ravel(), first.ravel())[0, 1] < _LEAST_CORRELATION:
        return "images_differ"
    return ""
