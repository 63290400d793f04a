"""Coil sensitivities: estimated from a real scan, or of a ring of loops."""

import numpy as np
from numpy.typing import NDArray

from models.simulate.base import Lines, images

_BAND = 16
"""Lines and samples on either side of the centre that the estimate uses."""


def estimated_maps(lines: Lines) -> NDArray[np.complex64]:
    """`[coil, y, x]` from the tapered centre of k-space over its own root sum of squares (McKenzie 2002).

    What all coils share of the phase belongs to the object and must move with it: it is taken from the strongest
    virtual coil, the first principal component over the coils (Buehrer 2007), and left out of the maps.
    """
    taper = [_taper(size) for size in (lines.shape[0], lines.shape[2])]
    low = images((lines * taper[0][:, None, None] * taper[1]).astype(np.complex64)).transpose(1, 0, 2)
    total = np.sqrt((np.abs(low) ** 2).sum(axis=0))
    seen = low.reshape(len(low), -1)
    _, weights = np.linalg.eigh(seen @ seen.conj().T)
    virtual = np.tensordot(weights[:, -1].conj(), low, axes=1)
    shared = np.exp(-1j * np.angle(virtual))
    return np.ascontiguousarray(low * shared / np.maximum(total, 1e-30), np.complex64)


def ring_maps(coils: int, height: int, width: int) -> NDArray[np.complex64]:
    """`[coil, y, x]` of `coils` loops on a ellipse just outside the view; root sum of squares 1.

    Magnitude as on the axis of a loop, (1 + d^2 / r^2)^(-3/2) with d the distance and r the loop's radius; the phase
    is the direction to the loop. A stand-in for Biot and Savart's law that is smooth, positive and distinct per coil.
    """
    y, x = np.mgrid[-1 : 1 : height * 1j, -1 : 1 : width * 1j]
    angles = 2 * np.pi * np.arange(coils) / coils
    loops = np.empty((coils, height, width), np.complex128)
    radius = max(0.5, 2.5 / coils)
    for coil, angle in enumerate(angles):
        away_y, away_x = y - 1.15 * np.sin(angle), x - 1.15 * np.cos(angle)
        distance = away_y**2 + away_x**2
        loops[coil] = (1 + distance / radius**2) ** -1.5 * np.exp(1j * np.arctan2(away_y, away_x))
    total = np.sqrt((np.abs(loops) ** 2).sum(axis=0))
    return np.asarray(loops / total, np.complex64)


def _taper(size: int) -> NDArray[np.float64]:
    away = np.abs(np.arange(size) - size // 2)
    return np.where(away < _BAND, 0.5 + 0.5 * np.cos(np.pi * away / _BAND), 0.0)
