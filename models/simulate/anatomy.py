"""A clean base from an anatomy image: times smooth coil maps, with noise of known covariance."""

from dataclasses import replace

import numpy as np
from numpy.typing import NDArray

from engine.errors import InputRefused
from models.simulate.base import Base, kspace, signal_level
from models.simulate.maps import ring_maps
from models.simulate.order import line_times, sequential

_COUPLING = 0.3
_FAINT = 1e-4
_REPETITION_SECONDS = 0.02


def anatomy_base(
    image: NDArray[np.generic],
    coils: int = 16,
    snr: float = 40.0,
    pixel_mm: tuple[float, float] = (1.0, 1.0),
    order: NDArray[np.intp] | None = None,
    times: NDArray[np.float64] | None = None,
    slices: int = 1,
) -> Base:
    """`image [y, x]` (a magnitude) seen by a ring of coils; `snr` is that of the object's median pixel.

    Neighbouring coils share 0.3 of their noise, those further apart less (0.3 to the power of the distance). Raises
    InputRefused where the image is not one.
    """
    picture = np.asarray(image, np.float64)
    if picture.ndim != 2 or not np.isfinite(picture).all() or not picture.max() > 0:
        raise InputRefused("not a finite two-dimensional image with signal", "anatomy", "give one slice [y, x]")
    height, width = picture.shape
    maps = ring_maps(coils, height, width)
    smooth_phase = np.exp(0.5j * np.pi * np.linspace(-1, 1, height)[:, None] * np.linspace(-1, 1, width))
    lines = kspace(np.ascontiguousarray((maps * picture * smooth_phase).transpose(1, 0, 2), np.complex64))
    apart = np.abs(np.subtract.outer(np.arange(coils), np.arange(coils)))
    covariance = (_COUPLING ** np.minimum(apart, coils - apart)).astype(np.complex128)
    order = sequential(height) if order is None else order
    times = line_times(order, _REPETITION_SECONDS) if times is None else times
    clean = Base(
        lines=lines, covariance=covariance * (_FAINT * picture.max()) ** 2, maps=maps, order=order, times=times,
        frame_seconds=float(times.max()) + _REPETITION_SECONDS,
        pixel_mm=pixel_mm, echo_seconds=0.005, dwell_seconds=1e-5, field_strength=3.0, slices=slices,
    )  # fmt: skip
    return _at_snr(clean, snr)


def _at_snr(base: Base, snr: float) -> Base:
    """The same base with its noise scaled so that the whitened signal level is `snr`."""
    return replace(base, covariance=base.covariance * (signal_level(base) / snr) ** 2)
