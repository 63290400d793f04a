"""One frame as the rows see it: intermediates that several rows need, each computed once."""

import math
from functools import cached_property

import numpy as np
from numpy.typing import NDArray

from engine.assess.power import PowerProgress, follow_power, sample_power
from engine.reconstruct.whiten import whitening_matrix
from engine.types import Frame, KSpace, Noise, OpenLines, Scan

LEAST_SNR = 5.0
"""Below it nothing but the noise itself is judged in the image."""
_EDGE = 0.02
_MARGIN = 0.05
_FLOOR_SIGMAS = 5.0
_CENTRAL = 16


class FrameView:
    """Views of one frame; powers are in units of the noise where it is known (1 per real and imaginary part)."""

    def __init__(
        self, kspace: KSpace, frame: Frame, scan: Scan | None = None, begun: PowerProgress | None = None
    ) -> None:
        """`begun` is what was computed of the frame's power while its lines came."""
        self.kspace, self.frame, self.scan, self._begun = kspace, frame, scan, begun
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
        """`[line, coil, x]` in noise units of one readout; unscaled where the noise is unknown."""
        if self.kspace.whitening is not None or self._whitening is None:
            return self.kspace.hybrid
        # Frames that were not whitened as they came have a unitary transform, which zero-filling makes quieter.
        transform = self.frame.data.shape[2] * self.kspace.readout_oversampling
        scale = np.float32(math.sqrt(transform / self.raw.shape[2]))
        return np.asarray(np.matmul(scale * self._whitening, self.kspace.hybrid))

    @cached_property
    def averages(self) -> int:
        """Readouts that were averaged in a line: noise power there is so many times less than that of one."""
        return max(int(self.kspace.counts.max()), 1)

    @cached_property
    def kspace_power(self) -> NDArray[np.float32]:
        """`[line, sample]` P = sum over coils of |y|^2 / 2 in noise units: Gamma(coils, 1) on pure noise."""
        if self._begun is None or int(self.kspace.counts.max()) > 1:  # averaging changed lines that were taken already
            return sample_power(self.raw, self._whitening)
        lines = OpenLines(self.kspace.index, self.raw, self.kspace.counts, self.kspace.whitening)
        followed = follow_power(lines, self._begun)
        return sample_power(self.raw, self._whitening) if followed is None else followed.power

    @cached_property
    def line_energy(self) -> NDArray[np.float64]:
        """`[line]` energy over samples and elements, without the noise's share where that is known."""
        energy = self.kspace_power.sum(axis=1, dtype=np.float64)
        noise = float(self.coils * self.raw.shape[2]) if self.noise_known else 0.0
        return np.asarray(np.maximum(energy - noise, 0.0))

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
        counts = self.kspace.counts
        summed *= np.float32(len(counts) / (1.0 / counts[counts > 0]).sum())  # lines left out or averaged
        full = np.fft.fftshift(summed[:, 0::2] + summed[:, 1::2], axes=0)
        height = self.frame.data.shape[1]
        if full.shape[0] == height:
            return full
        start = max(0, full.shape[0] // 2 - height // 2)
        return full[start : start + height]

    @cached_property
    def corrected(self) -> NDArray[np.float32]:
        """`[y, x]` Q - 2 C: the power without the noise's share, mean zero in air; Q where the noise is unknown."""
        return self.power - np.float32(2.0 * self.coils) if self.noise_known else self.power

    @cached_property
    def foreground(self) -> NDArray[np.bool_] | None:
        """`[y, x]` the object: above Otsu's threshold of the smoothed magnitude; None outside 3 to 95 % of the view."""
        smooth = _box3(np.sqrt(self.power))
        threshold = _otsu(smooth)
        if self._whitening is not None:
            # Half the brightest signal, and five standard deviations (of 3 x 3 pixels) above noise alone.
            noise = 2.0 * self.coils
            half = math.sqrt(noise + max(float(np.percentile(smooth, 99)) ** 2 - noise, 0.0) / 4)
            floor = math.sqrt(noise) + _FLOOR_SIGMAS * math.sqrt(0.5) / 3
            threshold = max(min(threshold, half), min(floor, threshold))
        mask = smooth > threshold
        share = float(mask.mean())
        return mask if 0.03 <= share <= 0.95 else None

    @cached_property
    def signal(self) -> float | None:
        """Median noise-corrected magnitude of the foreground, in noise units; None without foreground."""
        if self.foreground is None:
            return None
        return float(np.median(np.sqrt(np.maximum(self.corrected[self.foreground], 0.0))))

    @cached_property
    def why_no_object(self) -> str:
        """Why rows that look at the object in the image cannot be computed, in one word; empty where they can."""
        if not self.kspace.completeness.complete:
            return "incomplete"
        if self.foreground is None or not self.signal:
            return "no_object"
        return "low_snr" if self.noise_known and self.signal < LEAST_SNR else ""

    @cached_property
    def air(self) -> NDArray[np.bool_] | None:
        """`[y, x]` above and below the object, where ghosts along the phase direction go: columns that hold object,
        at least 5 % of the view away from it and 2 % from the border; None without an object."""
        if self.foreground is None:
            return None
        height = len(self.foreground)
        near = _dilated(self.foreground, max(1, round(_MARGIN * height)))
        air = ~near & self.foreground.any(axis=0)
        border = max(1, round(_EDGE * height))
        air[:border] = air[height - border :] = False
        return air

    @cached_property
    def thinned(self) -> NDArray[np.float32]:
        """`[y / 2, x / 2]` noise-corrected magnitude of blocks of 2 x 2 pixels."""
        return np.asarray(np.sqrt(np.maximum(_blocks(self.corrected), np.float32(0))))

    @cached_property
    def thinned_object(self) -> NDArray[np.bool_]:
        """`[y / 2, x / 2]` blocks of which at least three pixels of four are object; none where there is no object."""
        if self.foreground is None:
            return np.zeros(self.thinned.shape, bool)
        return _blocks(self.foreground.astype(np.float32)) > np.float32(0.7)

    @cached_property
    def central_power(self) -> float:
        """Mean |y|^2 of the raw samples within 16 lines and samples of the k-space centre, all coils, as acquired."""
        line, sample = self.kspace.center
        block = self.raw[max(0, line - _CENTRAL) : line + _CENTRAL, :, max(0, sample - _CENTRAL) : sample + _CENTRAL]
        return float(np.mean(np.square(block.real) + np.square(block.imag)))

    @cached_property
    def phase_oversampling(self) -> float:
        """Encoded over reconstructed field of view along the phase direction; 1 where no scan says."""
        if self.scan is None:
            return 1.0
        encoding = self.scan.encodings[self.frame.index.encoding]
        return encoding.encoded.field_of_view[1] / encoding.recon.field_of_view[1]

    @cached_property
    def pixels_per_acquired(self) -> tuple[float, float]:
        """Image pixels per acquired pixel along (y, x): 1 without zero-filling."""
        _, height, width = self.frame.data.shape
        lines, _, samples = self.raw.shape
        return height * self.phase_oversampling / lines, width * self.kspace.readout_oversampling / samples

    def in_noise_units(self, values: NDArray[np.complexfloating]) -> NDArray[np.complexfloating]:
        """Raw values `[coil]`, whitened to noise sd 1 per real and imaginary part where the noise is known."""
        return values if self._whitening is None else np.asarray(self._whitening @ values)

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


def _blocks(image: NDArray[np.float32]) -> NDArray[np.float32]:
    """Mean of each block of 2 x 2 pixels; an odd last row or column is left out."""
    height, width = image.shape[0] & ~1, image.shape[1] & ~1
    rows = image[0:height:2] + image[1:height:2]
    return np.asarray((rows[:, 0:width:2] + rows[:, 1:width:2]) * np.float32(0.25))


def _dilated(mask: NDArray[np.bool_], by: int) -> NDArray[np.bool_]:
    """The mask grown by so many pixels along y and x."""
    sums = np.cumsum(np.pad(mask, ((by + 1, by), (0, 0))), axis=0, dtype=np.int32)
    grown = sums[2 * by + 1 :] > sums[: -2 * by - 1]
    sums = np.cumsum(np.pad(grown, ((0, 0), (by + 1, by))), axis=1, dtype=np.int32)
    return np.asarray(sums[:, 2 * by + 1 :] > sums[:, : -2 * by - 1])


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
