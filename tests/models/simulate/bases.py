"""Bases for the tests of the simulator: a small object of known formula, and the bundled real scan."""

from functools import cache

import numpy as np

from firmware.sources.simulated import load_scan
from models.scans import BRAIN16
from models.simulate.anatomy import anatomy_base
from models.simulate.base import Base

SIZE = 64


def blobs(down: float = 0.0, right: float = 0.0, degrees: float = 0.0) -> np.ndarray:
    """Three Gaussian spots on a disc, moved as a whole: band-limited, so that its k-space is known exactly."""
    y, x = (axis - SIZE // 2 for axis in np.indices((SIZE, SIZE)).astype(float))
    y, x = y - down, x - right
    angle = np.deg2rad(degrees)
    y, x = y * np.cos(angle) - x * np.sin(angle), y * np.sin(angle) + x * np.cos(angle)
    spots = ((0, 0, 7.0, 1.0), (-8, 5, 3.0, 0.8), (6, 8, 2.5, 0.6), (4, -9, 3.5, 0.7))
    return sum(a * np.exp(-((y - y0) ** 2 + (x - x0) ** 2) / (2 * s * s)) for y0, x0, s, a in spots)


@cache
def phantom(coils: int = 8, slices: int = 1) -> Base:
    """A head-like disc with structure, of 2 mm pixels."""
    y, x = (axis - SIZE // 2 for axis in np.indices((SIZE, SIZE)))
    disc = 1 / (1 + np.exp((np.hypot(y / 24, x / 18) - 1) * 12))
    grain = 1 + 0.3 * np.sign(np.sin(y / 1.7) * np.cos(x / 2.3))
    return anatomy_base(disc * grain * (1 + 0.3 * blobs()), coils, snr=60.0, pixel_mm=(2.0, 2.0), slices=slices)


@cache
def brain() -> Base:
    """The bundled real scan."""
    return load_scan(BRAIN16).base
