"""A picture turned for display, with square pixels."""

import numpy as np
from numpy.typing import NDArray

from engine.orientation import place_of
from engine.types import Geometry
from firmware.console.api import Place
from firmware.pictures.showing import turned

_SQUARE = 1.01
"""Pixels whose sides differ less are square."""


def place(geometry: Geometry) -> Place:
    """How a picture of this geometry is turned, and what its edges are."""
    found = place_of(geometry)
    return Place(
        transpose=found.transpose,
        flip_rows=found.flip_rows,
        flip_columns=found.flip_columns,
        left=found.left,
        right=found.right,
        top=found.top,
        bottom=found.bottom,
        view=found.view,
        why_unknown=found.why_unknown,
    )


def pixel_mm(shape: tuple[int, ...], geometry: Geometry) -> tuple[float, float]:
    """mm between the columns and between the rows of a stored `[y, x]` picture."""
    height, width = shape
    return geometry.field_of_view[0] / width, geometry.field_of_view[1] / height


def displayed(pixels: NDArray[np.uint8], geometry: Geometry) -> NDArray[np.uint8]:
    """`[y, x]` as the scanner's console would show it."""
    import cv2

    turn, (across, down) = place_of(geometry), pixel_mm(pixels.shape, geometry)
    if turn.transpose:
        across, down = down, across
    pixels = turned(pixels, turn)
    if min(across, down) <= 0 or max(across, down) < _SQUARE * min(across, down):
        return pixels
    side = min(across, down)
    height, width = round(pixels.shape[0] * down / side), round(pixels.shape[1] * across / side)
    stretched: NDArray[np.uint8] = cv2.resize(
        np.ascontiguousarray(pixels), (width, height), interpolation=cv2.INTER_LINEAR
    ).astype(np.uint8, copy=False)
    return stretched
