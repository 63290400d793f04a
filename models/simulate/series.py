"""A series of repetitions of one clean frame: fresh noise like the scan's own, and a fault."""

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from models.simulate.base import Base, Lines
from models.simulate.fault import PRESCAN, Fault

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
class SimulatedFrame:
    """One slice of one repetition as it reaches the appliance."""

    repetition: int
    slice: int
    numbers: NDArray[np.intp]
    """`[readout]` line of the matrix of each readout, in order of acquisition."""
    lines: Lines
    """`[readout, coil, sample]` of the same order."""


@dataclass(frozen=True, slots=True)
class Series:
    """A simulated series and its truth."""

    noise_readouts: NDArray[np.complex64]
    """`[readout, coil, sample]`, acquired before the first frame."""
    frames: Iterator[SimulatedFrame]
    fault: Fault | None


def simulate_series(
    base: Base, repetitions: int, seed: int, fault: Fault | None = None, noise_readouts: int = 256
) -> Series:
    """The base again and again with fresh noise and with the fault; the same seed gives the same series."""
    generator = NoiseGenerator(base.covariance, np.random.default_rng(seed))
    fault = fault if fault is not None else Fault(())
    before = fault.noise(generator.draw(noise_readouts, base.lines.shape[2]), PRESCAN)

    def frames() -> Iterator[SimulatedFrame]:
        for repetition in range(repetitions):
            there = fault.sent_slices(repetition)
            for number in range(base.slices):
                frame = _frame(base, fault, generator, repetition, number)
                if there is None or there[number]:
                    yield frame

    return Series(before, frames(), fault if fault.truths else None)


def _frame(base: Base, fault: Fault, generator: NoiseGenerator, repetition: int, number: int) -> SimulatedFrame:
    signal = fault.signal(base.lines, repetition)
    noise = fault.noise(generator.draw(len(signal), signal.shape[2]), repetition)
    lines = fault.received(signal + noise, repetition)
    order = base.order if len(lines) == len(base.order) else _order_of(base.order, len(lines))
    sent = fault.sent(repetition)
    if sent is not None:
        order = order[sent[order]]
    return SimulatedFrame(repetition, number, order, np.ascontiguousarray(lines[order]))


def _order_of(order: NDArray[np.intp], lines: int) -> NDArray[np.intp]:
    """The same order for fewer lines over the same extent of k-space."""
    nearest = np.round(np.arange(lines) * (len(order) - 1) / max(lines - 1, 1)).astype(np.intp)
    place = np.empty(len(order), np.intp)
    place[order] = np.arange(len(order))
    return np.argsort(place[nearest], kind="stable")
