"""How an image is turned so that it appears as on the scanner's console, and which way the patient lies in it.

The standard views of radiology: axial seen from the feet (anterior on top, the patient's right on the left), coronal
from the front (head on top, right on the left), sagittal from the left (head on top, anterior on the left). An oblique
slice is shown as the one of the three that its normal is nearest to, and is never mirrored.
"""

from dataclasses import dataclass
from itertools import product

import numpy as np
from numpy.typing import NDArray

from engine.types import Geometry

_SECOND = np.sin(np.radians(20.0))
"""A direction that leans this much towards a second axis of the patient has two letters."""
_TILTED = np.cos(np.radians(20.0))
"""Below it the slice is called oblique."""
_SKEW = np.sin(np.radians(5.0))
"""Axes further than this from a right angle are no axes of an image."""
_TIE = 1e-4

_LETTERS = (("L", "R"), ("P", "A"), ("H", "F"))
"""Of each axis of LPS: towards it, against it."""
_VIEWS = {
    "axial": (2, (1.0, 0.0, 0.0), (0.0, 1.0, 0.0)),
    "coronal": (1, (1.0, 0.0, 0.0), (0.0, 0.0, -1.0)),
    "sagittal": (0, (0.0, 1.0, 0.0), (0.0, 0.0, -1.0)),
}
"""View -> axis of its normal, direction to the right and direction downwards as displayed; preferred in this order."""


@dataclass(frozen=True, slots=True)
class Place:
    """How a picture is turned for display, and what its edges are."""

    transpose: bool
    flip_rows: bool
    """After the transposition."""
    flip_columns: bool
    """After the transposition."""
    left: str
    right: str
    top: str
    bottom: str
    """Patient directions at the edges as displayed: R, L, A, P, H, F, or two of them; empty: unknown."""
    view: str
    """axial, coronal, sagittal, oblique or unknown."""
    why_unknown: str = ""


def place_of(geometry: Geometry) -> Place:
    """The turn and the letters for an image `[y, x]`, x along `read_dir` and y along `phase_dir` (LPS).

    Of the eight turns the one nearest to the standard view; as that view's axis is within 55 degrees of the normal, it
    is never one of the four that mirror the patient. An edge has the letter of the patient axis that it is nearest to,
    then that of the second axis where the direction leans more than 20 degrees towards it (letters as in DICOM PS3.3
    C.7.6.1.1.1, with H and F for head and feet). A geometry that the header does not state gives no letters.
    """
    if geometry.assumed:
        return _unknown("the header states no orientation")
    read, phase = np.array(geometry.read_dir), np.array(geometry.phase_dir)
    if abs(float(read @ phase)) > _SKEW:
        return _unknown("the header's read and phase directions are not at right angles")
    normal = np.abs(np.cross(read, phase))
    view = next(name for name, (axis, *_) in _VIEWS.items() if normal[axis] >= normal.max() - _TIE)
    axis, rightwards, downwards = _VIEWS[view]
    best = -np.inf, False, False, False
    for transpose, flip_rows, flip_columns in product((False, True), repeat=3):
        right, down = _turned(read, phase, transpose, flip_rows, flip_columns)
        likeness = float(right @ np.array(rightwards) + down @ np.array(downwards))
        if likeness > best[0] + _TIE:
            best = likeness, transpose, flip_rows, flip_columns
    right, down = _turned(read, phase, *best[1:])
    if normal[axis] < _TILTED:
        view = "oblique"
    return Place(*best[1:], _letters(-right), _letters(right), _letters(-down), _letters(down), view)


def _turned(
    read: NDArray[np.float64], phase: NDArray[np.float64], transpose: bool, flip_rows: bool, flip_columns: bool
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Patient directions to the right and downwards as displayed."""
    right, down = (phase, read) if transpose else (read, phase)
    return -right if flip_columns else right, -down if flip_rows else down


def _letters(direction: NDArray[np.float64]) -> str:
    strength = np.round(np.abs(direction), 4)
    first, second, _ = np.argsort(-strength, kind="stable")
    named = (first, second) if strength[second] > _SECOND else (first,)
    return "".join(_LETTERS[axis][int(direction[axis] < 0)] for axis in named)


def _unknown(why: str) -> Place:
    return Place(False, False, False, "", "", "", "", "unknown", why)
