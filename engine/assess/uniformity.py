"""m18: uniformity of the image, and how far its smooth shading moved since the series' first complete frame.

PIU, the percent integral uniformity of the ACR phantom test (ACR MRI Quality Control Manual 2015; the published
criteria, 87.5 % at 1.5 T and 82 % at 3 T, are for that phantom): 100 (1 - (max - min) / (max + min)) of the smooth
signal. In a patient it holds anatomy as well, so it has no limit until a site is calibrated. What can be judged
without one is a change: the ratio of the two smooth fields, its common factor removed (a change of scale is m24's).
"""

import numpy as np
from numpy.typing import NDArray
from scipy.ndimage import uniform_filter

from engine.assess.memory import StratumMemory
from engine.assess.view import FrameView
from engine.types import Measurement

_WINDOW = 1 / 15
"""Width of one smoothing window as a share of the view; two in a row act like a Gaussian of sd 2.7 % of it."""
_RIM = 5
"""Blocks across which the object must be whole: its blurred rim is not shading."""
_INSIDE = 0.6
"""A pixel counts where this share of what was smoothed lay in the object."""
_WHOLE = 0.99
_LEAST_SNR = 10.0
"""At 5 noise alone changes the smooth field by 7 %, at 10 by 3 %."""
_LEAST_PIXELS = 64
_WORST_OF_TWENTY = 95


def uniformity(view: FrameView, memory: StratumMemory) -> Measurement:
    """PIU of the smooth signal in the object, %; impact: change of the shading in its worst twentieth, %."""
    why = view.why_no_object
    if not why and view.noise_known and (view.signal or 0.0) < _LEAST_SNR:
        why = "low_snr"
    if why:
        return Measurement("m18", "uniformity", None, "%", why_missing=why)
    field = smooth_field(view.thinned, view.thinned_object)
    there = np.isfinite(field)
    if np.count_nonzero(there) < _LEAST_PIXELS:
        return Measurement("m18", "uniformity", None, "%", why_missing="object_too_small")
    if memory.shading is None:
        memory.shading = view.thinned, view.thinned_object
    if memory.shading[0].shape != field.shape:
        return Measurement("m18", "uniformity", None, "%", why_missing="size_changed")
    low, high = np.exp(field[there].min()), np.exp(field[there].max())
    return Measurement(
        "m18",
        "uniformity",
        float(100 * (1 - (high - low) / (high + low))),
        "%",
        impact=_change(view, *memory.shading),
        impact_unit="%",
    )


def smooth_field(magnitude: NDArray[np.float32], inside: NDArray[np.bool_]) -> NDArray[np.float32]:
    """Natural logarithm of `magnitude` `[y, x]` smoothed within the mask `inside`; NaN outside and near its border."""
    size = [max(3, round(_WINDOW * extent)) for extent in magnitude.shape]
    whole = uniform_filter(inside.astype(np.float32), _RIM, mode="constant") > _WHOLE
    mask = whole.astype(np.float32)
    weight = _smooth(mask, size)
    signal = _smooth(magnitude * mask, size)
    there = whole & (weight > _INSIDE) & (signal > 0)
    field = np.full(magnitude.shape, np.nan, np.float32)
    field[there] = np.log(signal[there] / weight[there])
    return field


def _smooth(image: NDArray[np.float32], size: list[int]) -> NDArray[np.float32]:
    once = uniform_filter(image, size, mode="constant")
    return np.asarray(uniform_filter(once, size, mode="constant"))


def _change(view: FrameView, first: NDArray[np.float32], first_object: NDArray[np.bool_]) -> float:
    """Largest relative change that 95 % of the object stays below, %.

    Both are smoothed within what is object in both: dim parts come and go with the threshold, and would change the
    field beside them.
    """
    both = view.thinned_object & first_object
    change = smooth_field(view.thinned, both) - smooth_field(first, both)
    change = change[np.isfinite(change)]
    if len(change) < _LEAST_PIXELS:
        return 0.0
    return float(100 * np.expm1(np.percentile(np.abs(change - np.median(change)), _WORST_OF_TWENTY)))
