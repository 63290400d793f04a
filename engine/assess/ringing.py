"""m17: Gibbs ringing, what the end of k-space leaves beside sharp edges. For the record: a row without limits.

A step of which k-space ends without a filter rings beside the edge as Si(pi d) / pi - 1/2, d the distance in acquired
pixels: an overshoot of 8.9 % of the step, then a wave with a period of two acquired pixels that decays with 1 / d.
That is normal; a filter makes it less, and motion can make it more along the phase direction.

The wave is looked for on the bright side of the strongest edges along each axis, at its own phase: each edge is placed
between two pixels where the signal passes half of the step, and the mean over edges keeps what rings in step with its
edge, while structure of the object and noise cancel. So 8.9 % reads as edges without any filter, 0 as none.
"""

import math

import numpy as np
from numpy.typing import NDArray
from scipy.special import sici

from engine.assess.memory import StratumMemory
from engine.assess.view import FrameView
from engine.types import Measurement

OVERSHOOT = 100 * (float(sici(math.pi)[0]) / math.pi - 0.5)
"""Of an unfiltered step, % of its height: 8.95."""
_NEAREST, _FARTHEST = 2.0, 7.0
"""Acquired pixels from the edge between which the wave is looked for."""
_EDGES = 256
_LEAST_EDGES = 32
_LARGEST_ERROR = 0.25
"""Standard error of the mean over edges, as a share of an unfiltered step's ringing; beyond it structure hides it."""
_STEP = 0.5
"""Least height of an edge as a share of the median signal."""


def gibbs_ringing(view: FrameView, memory: StratumMemory) -> Measurement:
    """Ringing as the overshoot of a step, % of its height; along the axis where it is stronger."""
    del memory
    why = view.why_no_object
    if why or view.signal is None:
        return Measurement("m17", "gibbs_ringing", None, "%", why_missing=why)
    magnitude = np.sqrt(np.maximum(view.corrected, np.float32(0)))
    found = [
        ringing(np.ascontiguousarray(image), pixels, _STEP * view.signal)
        for image, pixels in zip((magnitude.T, magnitude), view.pixels_per_acquired, strict=True)
    ]
    known = [share for share in found if share is not None]
    if not known:
        return Measurement("m17", "gibbs_ringing", None, "%", why_missing="no_clear_edges")
    return Measurement("m17", "gibbs_ringing", OVERSHOOT * max(0.0, *known), "%")


def ringing(image: NDArray[np.float32], pixels: float, least: float) -> float | None:
    """Along the last axis of `image` `[line, pixel]`, as a share of an unfiltered step's ringing.

    `pixels`: image pixels per acquired pixel. None: fewer than 32 straight edges higher than `least`, or edges that
    disagree because structure of the object lies beside them.
    """
    far, near = math.ceil(_FARTHEST * pixels), math.ceil(pixels)
    profiles = _edge_profiles(image, far + near, least)
    if profiles is None:
        return None
    offset = np.arange(-far - near, far + near + 1)
    bright = profiles[:, offset >= 2 * near].mean(axis=1)
    height = bright - profiles[:, offset <= -2 * near].mean(axis=1)
    middle = bright - 0.5 * height
    below = profiles < middle[:, None]
    crosses = below[:, :-1] & ~below[:, 1:] & (np.abs(offset[:-1] + 0.5) <= 2 * near)
    used = (height > least) & crosses.any(axis=1)
    if np.count_nonzero(used) < _LEAST_EDGES:
        return None
    profiles, height, middle, crosses = profiles[used], height[used], middle[used], crosses[used]
    every, left = np.arange(len(profiles)), crosses.argmax(axis=1)
    low, high = profiles[every, left], profiles[every, left + 1]
    place = offset[left] + _between((middle - low) / (high - low), pixels)
    distance = (offset - place[:, None]) / pixels
    wave = np.asarray(sici(math.pi * distance)[0]) / math.pi - 0.5
    within = (distance - _NEAREST) / (_FARTHEST - _NEAREST)
    weight = np.where((within > 0) & (within < 1), np.sin(math.pi * within) ** 2, 0)
    kernel = _without_slope(wave, distance, weight)
    seen, ideal = (kernel * profiles).sum(axis=1) / height, (kernel * wave).sum(axis=1)
    share = float(seen.sum() / ideal.sum())
    error = float(np.linalg.norm(seen - share * ideal) / ideal.sum())
    return share if error < _LARGEST_ERROR else None


def _between(linear: NDArray[np.float64], pixels: float) -> NDArray[np.float64]:
    """Where between two pixels (0..1) an ideal step lies of which linear interpolation says `linear`."""
    place = np.linspace(0, 1, 65)
    low, high = sici(-math.pi * place / pixels)[0], sici(math.pi * (1 - place) / pixels)[0]
    return np.interp(linear, -low / (high - low), place)


def _edge_profiles(image: NDArray[np.float32], reach: int, least: float) -> NDArray[np.float32] | None:
    """`[edge, pixel]` the image about its steepest places, `reach` pixels to both sides, from dark to bright."""
    slope = image[:, 2:] - image[:, :-2]
    steep = np.abs(slope).ravel()
    edges = np.flatnonzero(steep > 0.5 * least)
    line, place = np.divmod(edges, slope.shape[1])
    edges = edges[(place >= reach) & (place < slope.shape[1] - reach)]
    edges = edges[(steep[edges] >= steep[edges - 1]) & (steep[edges] > steep[edges + 1])]
    if len(edges) > _EDGES:
        edges = edges[np.argpartition(steep[edges], -_EDGES)[-_EDGES:]]
    line, place = np.divmod(edges, slope.shape[1])
    across = np.abs(image[np.minimum(line + 1, len(image) - 1), place + 1] - image[np.maximum(line - 1, 0), place + 1])
    straight = across < 0.5 * steep[edges]
    edges, line, place = edges[straight], line[straight], place[straight]
    if len(edges) < _LEAST_EDGES:
        return None
    toward = np.where(slope.ravel()[edges] > 0, 1, -1)
    return np.asarray(image[line[:, None], place[:, None] + 1 + toward[:, None] * np.arange(-reach, reach + 1)])


def _without_slope(
    wave: NDArray[np.float64], distance: NDArray[np.float64], weight: NDArray[np.float64]
) -> NDArray[np.float64]:
    """`wave` `[edge, pixel]` times `weight`, less what a constant and a slope would pass (weighted least squares)."""
    total = weight.sum(axis=1, keepdims=True)
    lever = distance - (weight * distance).sum(axis=1, keepdims=True) / total
    spread = (weight * lever**2).sum(axis=1, keepdims=True)
    mean = (weight * wave).sum(axis=1, keepdims=True) / total
    slope = (weight * wave * lever).sum(axis=1, keepdims=True) / spread
    return np.asarray(weight * (wave - mean - slope * lever))
