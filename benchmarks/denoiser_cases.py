"""What the denoisers are given: real anatomy that no network was trained on, with simulated noise; and lesions in it.

The truth is the mean that the noisy image has over the noise. Noise is either that of eight combined elements
(non-central chi) or Gaussian, as in the literature.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.ndimage import uniform_filter

from models.data.anatomy import Volume
from models.data.noise import expected_magnitude, noisy_magnitude
from models.data.targets import levelled, shrunk

Image = NDArray[np.float32]
"""`[y, x]`."""

LEVELS = (0.05, 0.10)
"""Noise sd over the picture's 99.5th percentile."""
COILS = 8
CHI, GAUSSIAN = "8 elements", "Gaussian"
DIAMETERS, CONTRASTS = (3, 5, 8), (1.0, 2.0, 4.0)
"""Pixels; noise sd."""

_PEAK = 99.5
_OBJECT = 0.1
"""Of the picture's level."""
_LEAST_SIDE = 40
_LESION_ROOM = 24
"""Pixels between two lesions and from the border: no method looks further in its first step."""
_FLAT_WINDOW, _TISSUE = 13, 0.25


@dataclass(frozen=True, slots=True)
class Picture:
    """One slice of a volume, its level at 1."""

    volume: str
    subject: str
    body: str
    slice: int
    pixels: Image


@dataclass(frozen=True, slots=True)
class Case:
    """A noisy image with its truth, in SNR units."""

    noisy: Image
    truth: Image
    inside: NDArray[np.bool_]
    peak: float


@dataclass(frozen=True, slots=True)
class Lesion:
    """A disc of even contrast."""

    diameter: int
    contrast: float
    """Noise sd."""
    inside: NDArray[np.bool_]


def pictures(volumes: Sequence[Volume], most: int) -> Iterator[Picture]:
    """Up to `most` evenly spaced slices of each volume; interpolated ones at half size, tiny ones left out."""
    for volume in volumes:
        planes = volume.slices()
        chosen = np.unique(np.linspace(0, len(planes) - 1, most + 2).round().astype(int)[1:-1])
        for number in chosen:
            plane = shrunk(planes[number], 2.0) if volume.interpolated else planes[number]
            if min(plane.shape) >= _LEAST_SIDE:
                yield Picture(volume.name, volume.subject, volume.body, int(number), levelled(plane))


def make_case(picture: Image, level: float, noise: str, seed: Sequence[int], added: Image | float = 0.0) -> Case:
    """`picture` in noise of `level`, always the same for the same seed; `added` noise sd are in the signal, too.

    Gaussian noise is cut off at zero, as a magnitude image is.
    """
    rng = np.random.default_rng(seed)
    clean = picture / np.float32(level)
    signal = np.asarray(clean + added, np.float32)
    if noise == CHI:
        noisy, truth = noisy_magnitude(signal, COILS, rng), expected_magnitude(signal, COILS)
    else:
        noisy = np.maximum(signal + rng.standard_normal(signal.shape, np.float32), 0)
        truth = signal
    return Case(noisy, truth, picture > _OBJECT, float(np.percentile(truth, _PEAK)))


def lesions(picture: Image, seed: int) -> list[Lesion]:
    """One lesion of each diameter and contrast as far as there is flat tissue for it, the flattest first."""
    image = picture.astype(np.float64)
    mean = uniform_filter(image, _FLAT_WINDOW)
    spread = np.sqrt(np.maximum(uniform_filter(image**2, _FLAT_WINDOW) - mean**2, 0))
    border = _LESION_ROOM // 2
    cost = np.where(mean > _TISSUE, spread / np.maximum(mean, _TISSUE), np.inf)
    cost[:border] = cost[-border:] = cost[:, :border] = cost[:, -border:] = np.inf
    kinds = [(diameter, contrast) for diameter in DIAMETERS for contrast in CONTRASTS]
    order = np.random.default_rng(seed).permutation(len(kinds))
    y, x = np.ogrid[: image.shape[0], : image.shape[1]]
    found = []
    for diameter, contrast in (kinds[number] for number in order):
        row, column = np.unravel_index(int(np.argmin(cost)), cost.shape)
        if not np.isfinite(cost[row, column]):
            break
        distance = np.hypot(y - row, x - column)
        found.append(Lesion(diameter, contrast, distance <= diameter / 2))
        cost[distance < _LESION_ROOM] = np.inf
    return found
