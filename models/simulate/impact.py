"""What a fault costs the image once the object has been put back in its place.

A shift between frames is displacement, not an artefact, so the faulted image is registered to the clean one (shift
and rotation in the plane) before they are compared.
"""

from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.optimize import minimize

from models.simulate.base import Base, clean_magnitude, magnitude, object_mask
from models.simulate.fault import Fault
from models.simulate.rigid import moved

_Image = NDArray[Any]

_NEGLIGIBLE = 1e-3
_FIRST_STEP = 1.0
"""Pixels and degrees."""


def registered_impact(base: Base, fault: Fault, repetition: int) -> float:
    """Root mean square difference over the object, noise-free, in % of the median signal."""
    lines = fault.received(fault.signal(base.lines, repetition), repetition)
    if (sent := fault.sent(repetition)) is not None:
        lines = np.where(sent[:, None, None], lines, np.complex64(0))
    # A smaller view holds fewer samples of the same object: as much signal in a pixel, less in the unitary image.
    faulted = magnitude(base, lines) * np.float32(np.sqrt(base.lines.size / lines.size))
    clean, mask = (central(array, faulted.shape) for array in (clean_magnitude(base), object_mask(base)))
    level = float(np.median(clean[mask]))
    unregistered = _difference(clean, faulted, mask)
    if unregistered < _NEGLIGIBLE * level:
        return 100 * unregistered / level
    simplex = np.vstack([np.zeros(3), _FIRST_STEP * np.eye(3)])
    best = minimize(
        lambda pose: _difference(clean, np.abs(moved(faulted, *pose)), mask),
        np.zeros(3),
        method="Nelder-Mead",
        options={"initial_simplex": _nearest(clean, faulted) + simplex, "maxfev": 120, "xatol": 0.01, "fatol": 1e-3},
    )
    return 100 * min(float(best.fun), unregistered) / level


def central(image: _Image, shape: tuple[int, ...]) -> _Image:
    """The middle of an image, `shape` large: what a smaller field of view should show."""
    top, left = (old // 2 - new // 2 for old, new in zip(image.shape, shape, strict=True))
    return image[top : top + shape[0], left : left + shape[1]]


def _difference(clean: _Image, other: _Image, mask: _Image) -> float:
    return float(np.sqrt(np.mean((clean - other)[mask] ** 2)))


def _nearest(clean: _Image, other: _Image) -> NDArray[np.float64]:
    """Whole-pixel shift that brings `other` onto `clean`, as a pose."""
    cross = np.fft.fft2(clean) * np.fft.fft2(other).conj()
    at = np.unravel_index(int(np.fft.ifft2(cross).real.argmax()), cross.shape)
    shift = [index - size if index > size // 2 else index for index, size in zip(at, cross.shape, strict=True)]
    return np.array([*shift, 0.0], np.float64)
