"""Chemical shift: fat is displaced along the readout by its frequency, 3.4 ppm below that of water."""

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage

from models.simulate.base import Base, Lines, clean_magnitude, images, kspace, object_mask, signal_level
from models.simulate.fault import Fault, Truth
from models.simulate.recipe import Recipe

_RIM_MM = 8.0
_PPM, _HERTZ_PER_TESLA = 3.4e-6, 42.577e6


def make(base: Base, strength: float, first_frame: int, rng: np.random.Generator) -> Fault:
    """What is bright in the outer rim of the object, taken as fat, shifts by `strength` pixels; from the start."""
    del first_frame, rng
    fat = fat_share(base)[:, None, :].astype(np.float32)
    width = base.lines.shape[2]
    ramp = np.exp(-2j * np.pi * strength * (np.arange(width) - width // 2) / width).astype(np.complex64)

    def shifted(lines: Lines, repetition: int) -> Lines:
        del repetition
        of_fat = kspace(images(lines) * fat)
        return np.asarray(lines - of_fat + of_fat * ramp, np.complex64)

    return Fault((Truth("chemical-shift", RECIPE.finding, strength, RECIPE.unit, 0),), signal=shifted)


def fat_share(base: Base) -> NDArray[np.float64]:
    """`[y, x]` 0 to 1: a stand-in for a fat image, the bright part of the outer 8 mm of the object."""
    mask = ndimage.binary_fill_holes(object_mask(base))
    depth = ndimage.distance_transform_edt(mask, sampling=base.pixel_mm)
    bright = np.clip(clean_magnitude(base) / signal_level(base) - 0.5, 0, 1)
    return np.asarray(ndimage.gaussian_filter(np.where(mask & (depth <= _RIM_MM), bright, 0.0), 1.0))


def expected_shift(base: Base) -> float | None:
    """Pixels that fat is displaced by at the base's field strength and bandwidth; None where the field is unknown."""
    if base.field_strength is None:
        return None
    return float(_PPM * _HERTZ_PER_TESLA * base.field_strength * base.dwell_seconds * base.lines.shape[2])


RECIPE = Recipe(
    make,
    physics="the bright rim of the object, taken as fat, shifts along the readout",
    unit="pixels",
    range=(0.1, 20.0),
    default=3.0,
    prior="3.4 ppm x 42.58 MHz/T x B0 over the bandwidth per pixel: 434 Hz at 3 T",
    from_start=True,
)
