"""Clean pictures to train a denoiser with: sharp AND low in noise, which a plain MR image seldom is.

Three kinds, mixed: MR slices shrunk by averaging (which takes away noise and what interpolation smeared), photographs
that come with scikit-image, and overlapping ellipses and polygons with smooth shading.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray

from models.data.anatomy import Volume

Picture = NDArray[np.float32]
"""`[y, x]`, 0 to about 1.5; its 99.5th percentile at 1."""

PHOTOGRAPHS = ("astronaut", "brick", "camera", "cat", "coffee", "coins", "grass", "gravel", "moon", "page", "rocket")
"""Bundled with scikit-image, no download; public domain or CC0."""

_LEVEL_PERCENTILE = 99.5
_SHRINK, _SHRINK_INTERPOLATED = (1.2, 2.2), (2.0, 2.8)
_PHOTOGRAPH_SHRINK = (1.0, 2.5)
LEAST = 72
"""Pixels along an axis: a patch and room to move it."""
_SHAPES_SIDE = 160
_SPOTS, _SPOT_RADIUS, _SPOT_CONTRAST = 3, (1.0, 5.0), (0.02, 0.25)
"""Most in a patch; pixels; of the picture's level. Half of the patches have some."""


@dataclass(frozen=True, slots=True)
class Bank:
    """Clean pictures in groups, each group as likely as its weight."""

    groups: tuple[tuple[Picture, ...], ...]
    weights: tuple[float, ...]
    unused: tuple[str, ...] = ()
    """Names of the volumes whose slices are too small to cut a patch from."""

    def patch(self, side: int, rng: np.random.Generator) -> Picture:
        """A random square of `side` pixels of a random picture, flipped and turned at random."""
        group = self.groups[rng.choice(len(self.groups), p=self.weights)]
        picture = group[rng.integers(len(group))]
        top, left = (int(rng.integers(size - side + 1)) for size in picture.shape)
        patch = np.rot90(picture[top : top + side, left : left + side], int(rng.integers(4)))
        patch = patch[:, ::-1] if rng.integers(2) else patch
        return with_spots(patch, rng) if rng.integers(2) else patch


def with_spots(patch: Picture, rng: np.random.Generator) -> Picture:
    """`patch` with a few small faint discs, brighter or darker, their edge a pixel wide: what must not be smoothed."""
    y, x = np.ogrid[: patch.shape[0], : patch.shape[1]]
    spotted = patch.copy()
    for _ in range(int(rng.integers(1, _SPOTS + 1))):
        row, column = (rng.uniform(0, size) for size in patch.shape)
        inside = np.clip(rng.uniform(*_SPOT_RADIUS) + 0.5 - np.hypot(y - row, x - column), 0, 1)
        spotted += np.float32(rng.uniform(*_SPOT_CONTRAST) * rng.choice((-1, 1))) * inside.astype(np.float32)
    return np.maximum(spotted, 0, out=spotted)


def bank(volumes: Sequence[Volume], photographs: Sequence[Picture], rng: np.random.Generator) -> Bank:
    """The training mixture: half MR with every body part alike, three tenths photographs, two tenths shapes.

    What is missing gives its share to the others.
    """
    large = [volume for volume in volumes if min(volume.pixels.shape[1:]) >= LEAST]
    bodies = sorted({volume.body for volume in large})
    parts = [(0.5 / len(bodies), mr_pictures([v for v in large if v.body == body], rng)) for body in bodies]
    parts += [(0.3, photograph_pictures(photographs, rng)), (0.2, [shapes(rng) for _ in range(150)])]
    parts = [(weight, pictures) for weight, pictures in parts if pictures]
    total = sum(weight for weight, _ in parts)
    unused = tuple(volume.name for volume in volumes if min(volume.pixels.shape[1:]) < LEAST)
    return Bank(tuple(tuple(p) for _, p in parts), tuple(weight / total for weight, _ in parts), unused)


def mr_pictures(volumes: Sequence[Volume], rng: np.random.Generator) -> list[Picture]:
    """Every slice of the volumes, shrunk by a random factor, interpolated ones by more, but never below `LEAST` pixels.

    Their slices must have as many.
    """
    pictures = []
    for volume in volumes:
        least, most = _SHRINK_INTERPOLATED if volume.interpolated else _SHRINK
        for plane in volume.slices():
            factor = min(float(rng.uniform(least, most)), min(plane.shape) / LEAST)
            pictures.append(levelled(shrunk(plane, factor)))
    return pictures


def photograph_pictures(photographs: Sequence[Picture], rng: np.random.Generator) -> list[Picture]:
    """Each photograph at four sizes."""
    sizes = [(photo, float(rng.uniform(*_PHOTOGRAPH_SHRINK))) for photo in photographs for _ in range(4)]
    return [levelled(shrunk(photo, min(factor, min(photo.shape) / LEAST))) for photo, factor in sizes]


def shrunk(picture: Picture, factor: float) -> Picture:
    """`picture` with `factor` times fewer pixels along each axis, each the mean of what it covers."""
    size = tuple(max(round(n / factor), 1) for n in picture.shape[::-1])
    return np.asarray(cv2.resize(np.ascontiguousarray(picture), size, interpolation=cv2.INTER_AREA), np.float32)


def levelled(picture: Picture) -> Picture:
    """`picture` over its 99.5th percentile."""
    return np.asarray(picture / max(float(np.percentile(picture, _LEVEL_PERCENTILE)), 1e-6), np.float32)


def shapes(rng: np.random.Generator, side: int = _SHAPES_SIDE) -> Picture:
    """Overlapping ellipses and polygons of even grey on black, with smooth shading and edges one pixel wide."""
    fine = 4
    canvas = np.zeros((side * fine, side * fine), np.float32)
    for _ in range(int(rng.integers(6, 30))):
        grey = float(rng.uniform(0.02, 1.0))
        center = rng.uniform(0, side * fine, 2)
        size = side * fine * float(rng.choice((0.02, 0.05, 0.1, 0.25, 0.4))) * rng.uniform(0.5, 1.5, 2)
        if rng.integers(2):
            middle, axes = tuple(map(int, center)), tuple(int(max(s, 2)) for s in size)
            cv2.ellipse(canvas, middle, axes, float(rng.uniform(0, 180)), 0, 360, grey, -1)
        else:
            corners = center + rng.normal(0, 1, (int(rng.integers(3, 7)), 2)) * size
            cv2.fillPoly(canvas, [corners.astype(np.int32)], grey)
    picture = shrunk(canvas, fine)
    waves = cv2.resize(rng.uniform(0.6, 1.2, (4, 4)).astype(np.float32), (side, side), interpolation=cv2.INTER_CUBIC)
    return levelled(picture * waves)
