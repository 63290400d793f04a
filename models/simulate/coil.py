"""Elements of a receive coil: how they are wired, and what losing them costs."""

from collections.abc import Sequence
from functools import lru_cache

import numpy as np
from numpy.typing import NDArray

from models.simulate.base import Base, images, whitening

_WIRED = 4
_QUARTER = 75
_RESIDUAL_NOISE = np.float32(0.1)
"""A receiver without its preamplifier hears only its own noise, taken as 20 dB lower."""


def connector(coils: int, rng: np.random.Generator, elements: int = _WIRED) -> tuple[int, ...]:
    """`elements` of neighbouring connectors of four, as head coils are commonly wired, from a random one on."""
    first = _WIRED * int(rng.integers(max(1, coils // _WIRED)))
    return tuple(sorted((first + n) % coils for n in range(min(elements, coils))))


def snr_loss(base: Base, elements: Sequence[int], gain: float) -> float:
    """SNR lost by the worst quarter of the object, %, when `elements` keep `gain` of their signal (row m04)."""
    power = _element_power(base)
    gone = (1 - gain**2) * power[list(elements)].sum(axis=0)
    local = 1 - np.sqrt(np.clip(1 - gone / power.sum(axis=0), 0, 1))
    return float(100 * np.percentile(local, _QUARTER))


def quieter(lines: NDArray[np.complex64], elements: Sequence[int], gain: float) -> NDArray[np.complex64]:
    """The same lines with `elements` scaled by `gain`."""
    out = lines.copy()
    out[:, list(elements)] *= np.float32(gain)
    return out


def residual_noise(noise: NDArray[np.complex64], elements: Sequence[int]) -> NDArray[np.complex64]:
    """Noise when the preamplifiers of `elements` are gone."""
    return quieter(noise, elements, float(_RESIDUAL_NOISE))


@lru_cache(maxsize=8)
def _element_power(base: Base) -> NDArray[np.float64]:
    """`[coil, pixel]` power of each whitened coil image within the object."""
    white = np.einsum("dc,ycx->dyx", whitening(base), images(base.lines), optimize=True)
    power = (np.abs(white) ** 2).astype(np.float64)
    total = power.sum(axis=0)
    return np.asarray(power[:, total > 0.1 * np.percentile(total, 99)])
