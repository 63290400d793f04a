"""From a frame to the planes that are kept of it."""

import numpy as np

from engine.picture import Quantised, plane16, window
from engine.types import Frame
from firmware.pictures.files import Plane

_BRIGHT = 99.5
"""Percentile over all elements that is shown white: skin beside an element would leave the rest dark."""


def image_plane(frame: Frame) -> Plane:
    """The image in 16 bits; of several partitions the middle one."""
    pixels = frame.data[len(frame.data) // 2]
    low, high = window(pixels)
    quantised = plane16(pixels)
    return _plane(frame, quantised, low, high, "snr" if frame.snr_units else "arbitrary")


def kspace_plane(frame: Frame, quantised: Quantised) -> Plane:
    """k-space as `engine.picture.kspace_magnitude` makes it; dark is the floor of what came."""
    return _plane(frame, quantised, quantised.offset + quantised.step, 0.0, "dB", placed=False)


def elements_plane(frame: Frame, quantised: Quantised) -> Plane:
    """Elements as `engine.picture.element_images` makes them, in one window; turned for display like the image."""
    bright = float(np.percentile(quantised.data[:, ::2, ::2], _BRIGHT)) * quantised.step
    return _plane(frame, quantised, 0.0, bright or 1.0, "share")


def _plane(frame: Frame, quantised: Quantised, low: float, high: float, unit: str, *, placed: bool = True) -> Plane:
    data = quantised.data
    return Plane(
        shape=data.shape,
        dtype="uint16" if data.dtype.itemsize == 2 else "uint8",
        offset=quantised.offset,
        step=quantised.step,
        low=low,
        high=high,
        unit=unit,
        geometry=frame.geometry if placed else None,
        processed_by=frame.processed_by,
        elements=frame.coils,
        acquired=quantised.acquired,
        data=data.astype(data.dtype.newbyteorder("<"), copy=False).tobytes(),
    )
