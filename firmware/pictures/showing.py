"""A kept picture as people see it: eight bits, and turned as on the scanner's console."""

import numpy as np
from numpy.typing import NDArray

from engine.orientation import Place
from firmware.pictures.files import Plane


def windowed(plane: Plane, low: float, high: float) -> NDArray[np.uint8]:
    """`low` and below black, `high` and above white; high is above low."""
    levels = np.arange(1 << (8 * np.dtype(plane.dtype).itemsize), dtype=np.float64) * plane.step + plane.offset
    table: NDArray[np.uint8] = np.clip((levels - low) * (255.0 / (high - low)) + 0.5, 0, 255).astype(np.uint8)
    return table[plane.samples()]


def turned(pixels: NDArray[np.uint8], place: Place) -> NDArray[np.uint8]:
    """`[y, x]` as displayed."""
    pixels = pixels.T if place.transpose else pixels
    return pixels[:: -1 if place.flip_rows else 1, :: -1 if place.flip_columns else 1]
