"""Anatomy as a scanner would frame it: turned, scaled to a matrix, with air around it."""

from collections import Counter
from collections.abc import Sequence

import cv2
import numpy as np
from numpy.typing import NDArray

from models.data.anatomy import Volume

Picture = NDArray[np.float32]
"""`[y, x]` magnitude, about 1 at its brightest."""

_FILL = (0.7, 1.0)
"""Share of the matrix that the picture takes."""
_ENLARGED = 1.8
"""Small pictures are enlarged by no more."""
_INTERPOLATED = 2.0
"""Interpolated pictures are shrunk at least by this, where their size allows: sharp to their last frequency."""
_BRIGHT_BORDER = 0.1
_ROUNDED = 0.6
"""Of the pictures that tissue fills to the border, as many get an outline of their own."""


def body_weights(volumes: Sequence[Volume]) -> NDArray[np.float64]:
    """How often each volume is drawn: a body part with four times the volumes comes twice as often."""
    count = Counter(volume.body for volume in volumes)
    weights = np.array([count[volume.body] ** -0.5 for volume in volumes])
    return np.asarray(weights / weights.sum())


def frame_picture(volume: Volume, shape: tuple[int, int], full_height: bool, rng: np.random.Generator) -> Picture:
    """A random slice of `volume` on a matrix of `shape`; `full_height`: it reaches both ends of the first axis."""
    planes = volume.slices()
    plane = np.rot90(planes[int(rng.integers(len(planes)))], int(rng.integers(4)))
    plane = plane[:, :: int(rng.choice((-1, 1)))]
    if full_height:
        plane = plane[_extent(plane, 1)]
    size = _size(plane.shape, shape, volume.interpolated, full_height, rng)
    method = cv2.INTER_AREA if size[0] <= plane.shape[0] else cv2.INTER_CUBIC
    resized = cv2.resize(np.ascontiguousarray(plane), size[::-1], interpolation=method)
    scaled = np.maximum(np.asarray(resized, np.float32), 0)
    if _border(scaled) > _BRIGHT_BORDER and not full_height and rng.random() < _ROUNDED:
        scaled = scaled * _outline(size, rng)
    return _padded(scaled, shape, rng)


def _extent(plane: Picture, axis: int) -> slice:
    """From the first to the last row with signal."""
    rows = np.flatnonzero(plane.mean(axis=axis) > 0.1 * plane.mean())
    return slice(int(rows[0]), int(rows[-1]) + 1)


def _size(
    old: tuple[int, ...], shape: tuple[int, int], interpolated: bool, full_height: bool, rng: np.random.Generator
) -> tuple[int, int]:
    if full_height:
        factor = shape[0] / old[0]
    else:
        factor = float(rng.uniform(*_FILL)) * min(new / n for new, n in zip(shape, old, strict=True))
    most = 1 / _INTERPOLATED if interpolated and min(old) >= _INTERPOLATED * min(shape) * _FILL[0] else _ENLARGED
    factor = factor if full_height else min(factor, most)
    return round(old[0] * factor), round(old[1] * factor)


def _border(picture: Picture) -> float:
    edges = [picture[:2], picture[-2:], picture[:, :2].T, picture[:, -2:].T]
    return float(max(edge.mean() for edge in edges))


def _outline(size: tuple[int, int], rng: np.random.Generator) -> Picture:
    """`[y, x]` 1 within a rounded outline, 0 beyond; its edge is soft over some pixels."""
    y, x = np.mgrid[-1 : 1 : size[0] * 1j, -1 : 1 : size[1] * 1j]
    power = rng.uniform(2.0, 5.0)
    radius = (np.abs(y) ** power + np.abs(x) ** power) ** (1 / power)
    width = rng.uniform(1.0, 4.0) / min(size)
    edge = (rng.uniform(0.85, 0.97) - radius) / width
    return np.asarray(1 / (1 + np.exp(-np.clip(edge, -30, 30))), np.float32)


def _padded(picture: Picture, shape: tuple[int, int], rng: np.random.Generator) -> Picture:
    """In the middle of the matrix, a little off; what does not fit is cut off on both sides."""
    fitting = picture
    for axis, new in enumerate(shape):
        over = max(fitting.shape[axis] - new, 0)
        fitting = np.take(fitting, range(over // 2, over // 2 + min(fitting.shape[axis], new)), axis=axis)
    out = np.zeros(shape, np.float32)
    room = [new - old for new, old in zip(shape, fitting.shape, strict=True)]
    top, left = (int(np.clip(n / 2 * (1 + rng.uniform(-0.4, 0.4)), 0, n)) for n in room)
    out[top : top + fitting.shape[0], left : left + fitting.shape[1]] = fitting
    return out
