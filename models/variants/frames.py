"""Made frames in SNR units, small when packed."""

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray


def snr_frames(count: int, shape: Sequence[int]) -> NDArray[np.float32]:
    """`[count, 1, 2, *shape]`: an ellipse or ellipsoid with a pattern in noise of sd 1, and the same with other noise.

    Brightness falls from 40 to 5. Values are rounded to an eighth of the noise, so that a file of them packs well.
    """
    random = np.random.default_rng(33)
    places = np.meshgrid(*(np.linspace(-1, 1, size) for size in shape), indexing="ij")
    inside = sum(place**2 for place in places) < 0.7
    pattern = inside * (1 + 0.4 * np.sin(9 * places[-1]) * np.cos(7 * places[-2]))
    levels = np.geomspace(40, 5, count).reshape(-1, 1, 1, *[1] * len(shape))
    noisy = levels * pattern + random.standard_normal((count, 1, 2, *shape))
    return (np.round(np.abs(noisy) * 8) / 8).astype(np.float32)
