"""Step motion: the head jerks while a frame is acquired and stays where it came to rest."""

import numpy as np

from models.simulate.base import Base, Lines
from models.simulate.fault import Fault, Truth, from_frame
from models.simulate.moving import direction, millimetres
from models.simulate.recipe import Recipe
from models.simulate.rigid import move_lines


def make(base: Base, strength: float, first_frame: int, rng: np.random.Generator) -> Fault:
    """A shift of `strength` mm in a random direction, after 20 to 80 % of the lines of the first frame."""
    pose = direction(base, rng) * strength
    began = int(rng.uniform(0.2, 0.8) * len(base.order))
    late = np.zeros(len(base.lines), bool)
    late[base.order[began:]] = True

    def moving(lines: Lines, repetition: int) -> Lines:
        hit = late if repetition == first_frame else np.ones_like(late)
        return move_lines(base, lines, pose * hit[:, None])

    truth = Truth(
        "motion", RECIPE.finding, strength, RECIPE.unit, first_frame, lines=tuple(sorted(map(int, base.order[began:])))
    )
    return Fault((truth,), signal=from_frame(first_frame, moving))


RECIPE = Recipe(
    make,
    physics="the object is shifted in the plane in the middle of a frame and stays there; coils and noise stay",
    unit="mm",
    range=(0.05, 30.0),
    default=4.0,
    prior="start value: steps of median 1 mm, 95th percentile 5 mm",
    finding="motion",
    row="m13",
    cost=millimetres,
)
