"""One frame as the rows see it: intermediates that several rows need, each computed once."""

import math
from functools import cached_property

import numpy as np
from numpy.typing import NDArray

from engine.reconstruct.whiten import whitening_matrix
from engine.types import Frame, KSpace, Noise

_EDGE = 0.02
_FLOOR_FACTOR = 5.0


class FrameView:
    """Views of one frame; powers are in units of the noise where it is known (1 per real and imaginary part)."""

    def __init__(self, kspace: KSpace, frame: Frame) -> None:
        self.kspace, self.frame = kspace, frame
        self.coils = kspace.data.shape[0]

    @property
    def noise(self) -> Noise | None:
        """Noise of the receive chain, measured or estimated."""
        return self.kspace.noise

    @cached_property
    def _whitening(self) -> NDArray[np.complex64] | None:
        return whitening_matrix(self.noise.covariance) if self.noise is not None else None

    @cached_property
    def acquired(self) -> NDArray[np.bool_]:
        """`[line]` lines that came."""
        return self.kspace.counts > 0

    @cached_property
    def raw(self) -> NDArray[np.complex64]:
        """`[line, coil, sample]` as acquired."""
        return self.kspace.data[:, 0].transpose(1, 0, 2)

    @cached_property
    def white_hybrid(self) -> NDArray[np.complex64]:
        """`[line, coil, x]` in noise units; unscaled where the noise is unknown."""
        if self.kspace.whitening is not None or self._whitening is None:
            return self.kspace.hybrid
        return np.asarray(np.matmul(self._whitening, self.kspace.hybrid))

    @cached_property
    def kspace_power(self) -> NDArray[np.float32]:
        """`[line, sample]` P = sum over coils of |y|^2 / 2 in noise units: Gamma(coils, 1) on pure noise."""
        values = self.raw if self._whitening is None else np.matmul(self._whitening, self.raw)
        parts = np.ascontiguousarray(values).view(np.float32)
        summed = np.einsum("lcs,lcs->ls", parts, parts)
        return np.asarray(0.5 * (summed[:, 0::2] + summed[:, 1::2]))

    @cached_property
    def column_power(self) -> NDArray[np.float64]:
        """`[line, x]` sum over coils of |h|^2 after the readout transform, in noise units."""
        parts = np.ascontiguousarray(self.white_hybrid).view(np.float32)
        summed = np.einsum("lcx,lcx->lx", parts, parts)
        return np.asarray(summed[:, 0::2] + summed[:, 1::2], np.float64)

    @cached_property
    def power(self) -> NDArray[np.float32]:
        """`[y, x]` Q = sum over coils of |image|^2 in noise units: mean 2 x coils on noise; else the squared image."""
        if self.frame.snr_units or self._whitening is None:
            return np.asarray(np.square(self.frame.data[0]))
        image = np.fft.ifft(self.white_hybrid, axis=0, norm="ortho")
        parts = image.view(np.float32)
        np.multiply(parts, parts, out=parts)
        summed = parts.sum(axis=1)
        full = np.fft.fftshift(summed[:, 0::2] + summed[:, 1::2], axes=0)
        height = self.frame.data.shape[1]
        if full.shape[0] == height:
            return full
        start = max(0, full.shape[0] // 2 - height // 2)
        return full[start : start + height]

    @cached_property
    def foreground(self) -> NDArray[np.bool_] | None:
        """`[y, x]` the object: above Otsu's threshold of the smoothed magnitude; None outside 3 to 95 % of the view."""
        smooth = _box3(np.sqrt(self.power))
        threshold = _otsu(smooth)
        if self._whitening is not None:
            floor = _FLOOR_FACTOR * math.sqrt(2.0 * self.coils) / math.sqrt(self.coils)
            threshold = max(min(threshold, float(np.percentile(smooth, 99)) * 0.5), min(floor, threshold))
        mask = smooth > threshold
        share = float(mask.mean())
        return mask if 0.03 <= share <= 0.95 else None

    @cached_property
    def signal(self) -> float | None:
        """Median noise-corrected magnitude of the foreground, in noise units; None without foreground."""
        if self.foreground is None:
            return None
        corrected = self.power[self.foreground] - (2.0 * self.coils if self._whitening is not None else 0.0)
        return float(np.median(np.sqrt(np.maximum(corrected, 0.0))))

    @property
    def noise_known(self) -> bool:
        """Noise is measured or estimated, and usable."""
        return self._whitening is not None

    @cached_property
    def pixel_mm(self) -> tuple[float, float]:
        """Pixel size (y, x) in mm."""
        _, height, width = self.frame.data.shape
        return self.frame.geometry.field_of_view[1] / height, self.frame.geometry.field_of_view[0] / width


def _box3(image: NDArray[np.float32]) -> NDArray[np.float32]:
    """Mean over 3 x 3 pixels, edges repeated."""
    padded = np.pad(image, 1, mode="edge")
    rows = padded[:-2] + padded[1:-1] + padded[2:]
    return np.asarray((rows[:, :-2] + rows[:, 1:-1] + rows[:, 2:]) / np.float32(9))


def _otsu(values: NDArray[np.float32]) -> float:
    """Otsu 1979: the threshold with the greatest variance between the two classes."""
    top = float(values.max())
    if top <= 0:
        return 0.0
    counts, edges = np.histogram(values, bins=128, range=(0.0, top))
    centers = 0.5 * (edges[:-1] + edges[1:])
    below = np.cumsum(counts)
    above = below[-1] - below
    mass = np.cumsum(counts * centers)
    with np.errstate(divide="ignore", invalid="ignore"):
        between = below * above * (mass / below - (mass[-1] - mass) / above) ** 2
    return float(centers[int(np.nanargmax(between[:-1]))])
