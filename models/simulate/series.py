"""A series of repetitions from one real scan: its own k-space plus fresh noise like its own."""

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from models.simulate.coil import CoilFailure

_SIDE = 8


def side_air_covariance(kspace: NDArray[np.complex64]) -> NDArray[np.complex128]:
    """Noise covariance `[coil, coil]` of `kspace [coil, line, sample]` from the air beside the object.

    The first and last columns of the image, over its middle half of rows: there the readout direction ends in air. The
    corners of image and k-space hold signal of a real head, and the air in the phase direction holds ghosts.
    """
    axes = (1, 2)
    image = np.fft.fftshift(np.fft.ifft2(np.fft.ifftshift(kspace, axes), axes=axes, norm="ortho"), axes)
    lines = kspace.shape[1]
    rows = image[:, lines // 4 : lines - lines // 4]
    air = np.concatenate([rows[..., :_SIDE], rows[..., -_SIDE:]], axis=-1).reshape(len(kspace), -1)
    air = air.astype(np.complex128)
    return np.asarray(air @ air.conj().T / (air.shape[1] - 1))


class NoiseGenerator:
    """Complex Gaussian noise of one covariance."""

    def __init__(self, covariance: NDArray[np.complex128], rng: np.random.Generator) -> None:
        self._mixing = np.linalg.cholesky(covariance)
        self._rng = rng

    def draw(self, count: int, samples: int) -> NDArray[np.complex64]:
        """`[readout, coil, sample]`."""
        coils = len(self._mixing)
        white = self._rng.standard_normal((2, coils, count * samples)) * np.sqrt(0.5)
        noise = self._mixing @ (white[0] + 1j * white[1])
        return np.ascontiguousarray(noise.reshape(coils, count, samples).transpose(1, 0, 2), np.complex64)


@dataclass(frozen=True, slots=True)
class Series:
    """A simulated series and its truth."""

    noise_readouts: NDArray[np.complex64]
    """`[readout, coil, sample]`, of the covariance measured in the real scan."""
    frames: Iterator[NDArray[np.complex64]]
    """Each `[line, coil, sample]`."""
    fault: CoilFailure | None


def repeated_series(
    kspace: NDArray[np.complex64],
    repetitions: int,
    seed: int,
    fault: CoilFailure | None = None,
    noise_readouts: int = 256,
) -> Series:
    """`kspace [coil, line, sample]` again and again with fresh noise, from `fault.first_frame` on with the fault."""
    rng = np.random.default_rng(seed)
    generator = NoiseGenerator(side_air_covariance(kspace), rng)
    lines = np.ascontiguousarray(kspace.transpose(1, 0, 2))
    samples = kspace.shape[2]

    def frames() -> Iterator[NDArray[np.complex64]]:
        for repetition in range(repetitions):
            noise = generator.draw(len(lines), samples)
            if fault is not None and repetition >= fault.first_frame:
                yield fault.apply(lines, noise)
            else:
                yield lines + noise

    return Series(generator.draw(noise_readouts, samples), frames(), fault)
