"""Clean multi-coil k-space that faults are put into, and what is computed of it once."""

from dataclasses import dataclass
from functools import lru_cache

import numpy as np
from numpy.typing import NDArray

from engine.reconstruct.transform import image_from_kspace, kspace_from_image
from engine.reconstruct.whiten import whitening_matrix

Lines = NDArray[np.complex64]
"""`[line, coil, sample]`, index = line of the matrix; k = 0 is near `line // 2`, `sample // 2`."""

_OBJECT_LEVEL = 0.3
_SMOOTH = 3


@dataclass(frozen=True, slots=True, eq=False)
class Base:
    """One clean frame. `eq=False`: compared and remembered by identity, the arrays are never changed."""

    lines: Lines
    covariance: NDArray[np.complex128]
    """`[coil, coil]`, E[n n^H] of the noise that is added."""
    maps: NDArray[np.complex64]
    """`[coil, y, x]` coil sensitivities, root sum of squares 1."""
    order: NDArray[np.intp]
    """Lines of the matrix as they are acquired."""
    times: NDArray[np.float64]
    """`[line]` seconds from the start of the frame."""
    frame_seconds: float
    pixel_mm: tuple[float, float]
    """(y, x)."""
    echo_seconds: float
    dwell_seconds: float
    """Time from sample to sample."""
    field_strength: float | None = None
    """Tesla."""
    slices: int = 1
    """Slices of each repetition; all show the same anatomy."""

    @property
    def coils(self) -> int:
        """Number of coil elements."""
        return int(self.lines.shape[1])


def images(lines: Lines) -> NDArray[np.complex64]:
    """Coil images `[y, coil, x]` of k-space lines, unitary."""
    return np.asarray(image_from_kspace(lines, (0, 2)), np.complex64)


def kspace(coil_images: NDArray[np.complex64]) -> Lines:
    """K-space lines of coil images `[y, coil, x]`; the inverse of `images`."""
    return np.asarray(kspace_from_image(coil_images, (0, 2)), np.complex64)


@lru_cache(maxsize=8)
def whitening(base: Base) -> NDArray[np.complex64]:
    """`[coil, coil]`: times it, the base's noise has sd 1 per real and imaginary part."""
    return whitening_matrix(base.covariance)


def magnitude(base: Base, lines: Lines) -> NDArray[np.float32]:
    """Root sum of squares `[y, x]` of the whitened coil images: signal in units of the noise's sd."""
    white = np.einsum("dc,ycx->ydx", whitening(base), images(lines), optimize=True)
    return np.asarray(np.sqrt((np.abs(white) ** 2).sum(axis=1)))


@lru_cache(maxsize=8)
def clean_magnitude(base: Base) -> NDArray[np.float32]:
    """`magnitude` of the base itself."""
    return magnitude(base, base.lines)


@lru_cache(maxsize=8)
def object_mask(base: Base) -> NDArray[np.bool_]:
    """`[y, x]` where the smoothed magnitude is above 0.3 of its 99th percentile."""
    image = clean_magnitude(base)
    padded = np.pad(image, _SMOOTH // 2, mode="edge")
    smooth = np.lib.stride_tricks.sliding_window_view(padded, (_SMOOTH, _SMOOTH)).mean(axis=(2, 3))
    return np.asarray(smooth > _OBJECT_LEVEL * np.percentile(smooth, 99))


@lru_cache(maxsize=8)
def signal_level(base: Base) -> float:
    """Median over the object of sqrt(max(Q - 2 C, 0)), Q the squared magnitude: what row m05 reads."""
    power = clean_magnitude(base)[object_mask(base)] ** 2 - 2 * base.coils
    return float(np.median(np.sqrt(np.maximum(power, 0))))


def noise_spread(base: Base) -> NDArray[np.float64]:
    """`[coil]` sd of the complex noise."""
    return np.asarray(np.sqrt(np.real(np.diag(base.covariance))))
