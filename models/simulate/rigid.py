"""Rigid motion in the plane: the object moves, the coils stay, and each line sees the pose of its own time."""

import numpy as np
from numpy.typing import NDArray
from scipy import fft

from engine.reconstruct.transform import kspace_from_image
from models.simulate.base import Base, Lines, images

_POSE_STEP = 0.01
"""Poses are rounded to this many pixels and degrees."""

Poses = NDArray[np.float64]
"""`[line, 3]`: shift along y and x in pixels, rotation about the middle of the view in degrees."""


def object_of(base: Base, lines: Lines) -> NDArray[np.complex64]:
    """The object `[y, x]` that the coils see: the coil images combined with the conjugate maps."""
    return np.asarray(np.einsum("cyx,ycx->yx", base.maps.conj(), images(lines), optimize=True))


def moved(image: NDArray[np.generic], down: float, right: float, degrees: float) -> NDArray[np.complex128]:
    """`image [y, x]` rotated about its middle and shifted by pixels; exact for band-limited images.

    Rotation by three shears, each a phase ramp (Larkin, Oldenburg and Unser 1997); what leaves the view returns on
    the other side.
    """
    out = np.asarray(image, np.complex128)
    y, x = (np.arange(size) - size // 2 for size in out.shape)
    if degrees:
        angle = np.deg2rad(degrees)
        out = _shear(out, 1, -np.tan(angle / 2) * y[:, None])
        out = _shear(out, 0, np.sin(angle) * x[None, :])
        out = _shear(out, 1, -np.tan(angle / 2) * y[:, None])
    if down:
        out = _shear(out, 0, np.full((1, out.shape[1]), down))
    if right:
        out = _shear(out, 1, np.full((out.shape[0], 1), right))
    return out


def move_lines(base: Base, lines: Lines, poses: Poses) -> Lines:
    """`lines` as the coils receive them from an object that moves during the frame.

    Each line gets what changes when the object is at its pose; what the maps do not explain of the data stays.
    """
    rounded = np.round(poses / _POSE_STEP).astype(np.int64)
    still = object_of(base, lines)
    out = lines.copy()
    numbers = np.arange(len(lines))
    for pose in np.unique(rounded, axis=0):
        if not pose.any():
            continue
        hit = numbers[(rounded == pose).all(axis=1)]
        change = moved(still, *(pose * _POSE_STEP)) - still
        out[hit] += seen_through(base.maps, change.astype(np.complex64), hit)
    return out


def seen_through(maps: NDArray[np.complex64], image: NDArray[np.complex64], numbers: NDArray[np.intp]) -> Lines:
    """K-space lines `numbers`, `[number, coil, sample]`, of an object `[y, x]` seen through `maps [coil, y, x]`."""
    height = image.shape[0]
    seen = np.asarray(kspace_from_image(maps * image, (2,)), np.complex64)
    k, y = numbers - height // 2, np.arange(height) - height // 2
    transform = np.exp(-2j * np.pi * np.outer(k, y) / height) / np.sqrt(height)
    return np.asarray(np.tensordot(transform.astype(np.complex64), seen, axes=(1, 1)), np.complex64)


def _shear(image: NDArray[np.complex128], axis: int, shift: NDArray[np.float64]) -> NDArray[np.complex128]:
    size = image.shape[axis]
    k = np.fft.fftfreq(size)
    k = k[:, None] if axis == 0 else k[None, :]
    return np.asarray(fft.ifft(fft.fft(image, axis=axis) * np.exp(-2j * np.pi * k * shift), axis=axis))
