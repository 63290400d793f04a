"""What people are shown of a frame: the image in 16 bits, k-space, and what each coil element saw."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy import fft

from engine.types import KSpace

_LEVELS = 65535
_LOOKED_AT = 64
"""Rows and columns from which a window is taken."""
_DARK, _BRIGHT = 1.0, 99.5
_LARGEST_KSPACE = 256
_LEAST_DB, _MOST_DB = 40.0, 120.0
_ELEMENT_PIXELS = 64


@dataclass(frozen=True, slots=True)
class Quantised:
    """Integers that stand for `offset + step * data`."""

    data: NDArray[np.uint16] | NDArray[np.uint8]
    offset: float
    step: float
    acquired: tuple[int, int] = (0, 0)
    """Lines and samples that a k-space picture stands for; zeros for the others."""


def plane16(data: NDArray[np.float32]) -> Quantised:
    """`[y, x]` in 16 bits from its least to its greatest value.

    A value comes back within half a step, which is the range / 131070. What is not finite becomes the least finite
    value; an image without any, or with one value only, has step 0.
    """
    least, greatest = float(data.min()), float(data.max())
    if not np.isfinite(least + greatest):
        finite = data[np.isfinite(data)]
        least, greatest = (float(finite.min()), float(finite.max())) if finite.size else (0.0, 0.0)
        data = np.where(np.isfinite(data), data, np.float32(least))
    step = (greatest - least) / _LEVELS
    if step <= 0.0:
        return Quantised(np.zeros(data.shape, np.uint16), least, 0.0)
    levels = np.subtract(data, least, dtype=np.float64)
    levels *= 1.0 / step
    np.rint(levels, out=levels)
    return Quantised(levels.astype(np.uint16), least, step)


def window(data: NDArray[np.float32]) -> tuple[float, float]:
    """(low, high) that shows `[y, x]` well: its 1st and 99.5th percentile; high is above low.

    Taken from at most 64 x 64 pixels spread over the image, so a few hot pixels do not darken the rest.
    """
    height, width = data.shape
    some = data[:: -(-height // _LOOKED_AT), :: -(-width // _LOOKED_AT)]
    some = some[np.isfinite(some)]
    if not some.size:
        return 0.0, 1.0
    low, high = (float(value) for value in np.percentile(some, (_DARK, _BRIGHT)))
    return (low, high) if high > low else (low, low + max(abs(low), 1.0))


def kspace_magnitude(kspace: KSpace) -> Quantised:
    """Magnitude over all elements as acquired, `[line, sample]` in dB of the strongest sample, at most 256 x 256.

    A block of samples has the greatest of them, so that a single spike stays visible. 255 is the strongest sample, 1
    the weakest there is (40 to 120 dB below it), 0 a line that never came.
    """
    raw = kspace.data[:, 0].transpose(1, 0, 2)
    lines, _, samples = raw.shape
    power = np.empty((lines, samples), np.float32)
    for line in range(lines):
        parts = raw[line].view(np.float32)
        squares = np.einsum("cs,cs->s", parts, parts)
        np.add(squares[0::2], squares[1::2], out=power[line])
    power[kspace.counts == 0] = 0.0
    blocks = _greatest(_greatest(power, 0), 1)
    came = blocks > 0
    if not came.any():
        return Quantised(np.zeros(blocks.shape, np.uint8), 0.0, 0.0, (lines, samples))
    decibels = 10.0 * np.log10(np.where(came, blocks, 1.0) / blocks.max())
    span = float(np.clip(-decibels[came].min(), _LEAST_DB, _MOST_DB))
    step = span / 254.0
    levels = np.rint(np.maximum(decibels + span, 0.0) / step) + 1.0
    return Quantised(np.where(came, levels, 0).astype(np.uint8), -span - step, step, (lines, samples))


def element_images(kspace: KSpace, phase_oversampling: float = 1.0) -> Quantised:
    """What each element saw, `[element, 64, x]` with at most 64 columns, as share of the brightest there is.

    From the central k-space lines, before the elements were mixed to whiten their noise, all on one scale: an element
    without signal is dark. `phase_oversampling` is the encoded over the reconstructed field of view along y; what lies
    outside the latter is cut off.
    """
    hybrid = kspace.hybrid
    lines = round(_ELEMENT_PIXELS * max(phase_oversampling, 1.0))
    first = kspace.center[0] - lines // 2
    there = slice(max(first, 0), min(first + lines, len(hybrid)))
    rows = np.where((kspace.counts[there] > 0)[:, None, None], hybrid[there], np.complex64(0))
    if kspace.whitening is not None:
        rows = np.matmul(np.linalg.inv(kspace.whitening), rows)
    image = np.abs(fft.fftshift(fft.ifft(_padded(rows, there.start - first, lines), axis=0, workers=1), axes=0))
    cut = (lines - _ELEMENT_PIXELS) // 2
    image = image[cut : cut + _ELEMENT_PIXELS].transpose(1, 0, 2)
    edges = _edges(image.shape[2], _ELEMENT_PIXELS)
    power = np.add.reduceat(np.square(image), edges, axis=2)
    shown = np.sqrt(power / np.diff(edges, append=image.shape[2]))
    top = float(shown.max())
    if top <= 0.0:
        return Quantised(np.zeros(shown.shape, np.uint8), 0.0, 0.0)
    return Quantised(np.rint(shown * (255.0 / top)).astype(np.uint8), 0.0, 1.0 / 255.0)


def _padded(rows: NDArray[np.complex64], before: int, lines: int) -> NDArray[np.complex64]:
    """`rows` with zeros before and after, `lines` in all."""
    if len(rows) == lines:
        return rows
    return np.pad(rows, ((before, lines - before - len(rows)), (0, 0), (0, 0)))


def _greatest(values: NDArray[np.float32], axis: int) -> NDArray[np.float32]:
    """The greatest of each block along an axis, so that at most 256 are left."""
    length = values.shape[axis]
    if length <= _LARGEST_KSPACE:
        return values
    return np.maximum.reduceat(values, _edges(length, _LARGEST_KSPACE), axis=axis)


def _edges(length: int, most: int) -> NDArray[np.intp]:
    """Where each of at most `most` blocks of nearly equal size begins."""
    count = min(length, most)
    return np.arange(count, dtype=np.intp) * length // count
