"""Motion that goes on: the pose of the object as a function of time."""

from collections.abc import Callable

import numpy as np
from numpy.typing import NDArray

from models.simulate.base import Base, Lines
from models.simulate.fault import Change, from_frame
from models.simulate.rigid import Poses, move_lines

PoseAt = Callable[[NDArray[np.float64]], Poses]
"""`seconds [line] -> poses [line, 3]`, seconds since the first frame began."""


def moving(base: Base, first_frame: int, pose_at: PoseAt) -> Change:
    """Every line of every frame from `first_frame` on at the pose of its own time."""

    def change(lines: Lines, repetition: int) -> Lines:
        seconds = (repetition - first_frame) * base.frame_seconds + base.times
        return move_lines(base, lines, pose_at(seconds))

    return from_frame(first_frame, change)


def direction(base: Base, rng: np.random.Generator) -> NDArray[np.float64]:
    """`[3]` pose of 1 mm of shift in a random direction of the plane."""
    angle = rng.uniform(0, 2 * np.pi)
    return np.array([np.sin(angle) / base.pixel_mm[0], np.cos(angle) / base.pixel_mm[1], 0.0])


def millimetres(base: Base, strength: float, rng: np.random.Generator) -> float:
    """Cost of motions whose strength is their largest displacement in mm."""
    del base, rng
    return strength
