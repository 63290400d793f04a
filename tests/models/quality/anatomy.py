"""Drawn anatomy for the tests of the quality network's data."""

import numpy as np

from models.data.anatomy import Volume
from models.data.targets import shapes


def volumes(split: str = "train") -> tuple[Volume, ...]:
    rng = np.random.default_rng(3)
    stacks = [np.stack([shapes(rng, 96) for _ in range(2)]) for _ in range(3)]
    return tuple(Volume(f"drawn {n}", split, f"person {n}", "none", "drawn", False, s) for n, s in enumerate(stacks))
