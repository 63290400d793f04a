"""Scans, readouts and an independent reconstruction for the tests of engine/reconstruct."""

from collections.abc import Iterable, Sequence

import numpy as np

from engine.acquisition import ACQUISITION_HEADER, Readouts
from engine.reconstruct.series import Done, Reconstructed, Reconstruction
from engine.types import CounterLimits, Encoding, Scan, Space


class StepClock:
    """A clock that ticks a millisecond each time it is read."""

    def __init__(self):
        self.time = 0.0

    def monotonic(self):
        self.time += 1e-3
        return self.time

    def now(self):
        return 1.7e9 + self.time


def make_scan(
    encoded=(32, 16),
    recon=None,
    encoded_mm=None,
    recon_mm=(256.0, 256.0),
    limits=None,
    partitions=1,
    **encoding,
):
    recon = recon or encoded
    encoded_mm = encoded_mm or (recon_mm[0] * encoded[0] / recon[0], recon_mm[1] * encoded[1] / recon[1])
    limits = {"kspace_encoding_step_1": CounterLimits(0, encoded[1] - 1, encoded[1] // 2)} | (limits or {})
    one = Encoding(
        Space((*encoded, partitions), (*encoded_mm, 5.0)), Space((*recon, 1), (*recon_mm, 5.0)), limits, **encoding
    )
    return Scan("scan-1", (one,))


def random_lines(lines=16, coils=3, samples=32, seed=0):
    rng = np.random.default_rng(seed)
    shape = lines, coils, samples
    return (rng.standard_normal(shape) + 1j * rng.standard_normal(shape)).astype(np.complex64)


def make_readouts(data, steps: Sequence[int], flags=0, **fields):
    """`data` `[readout, coil, sample]` as one batch in unaligned, message-strided memory, as a socket gives it."""
    count, coils, samples = data.shape
    message = np.dtype([("id", "<u2"), ("head", ACQUISITION_HEADER), ("data", "<c8", (coils, samples))])
    memory = np.zeros(count * message.itemsize + 1, np.uint8)[1:]
    messages = memory.view(message)
    head = messages["head"]
    messages["data"] = data
    head["version"], head["number_of_samples"], head["active_channels"] = 1, samples, coils
    head["center_sample"], head["sample_time_us"], head["flags"] = samples // 2, 10.0, flags
    head["idx"]["kspace_encode_step_1"] = steps
    head["acquisition_time_stamp"] = 1000 + np.arange(count)
    for name, value in fields.items():
        (head if name in (ACQUISITION_HEADER.names or ()) else head["idx"])[name] = value
    return Readouts(head, messages["data"])


def part(readouts: Readouts, chosen):
    return Readouts(readouts.head[chosen], readouts.data[chosen])


def joined(*batches: Readouts):
    """Batches of equal size as one."""
    return Readouts(np.concatenate([b.head for b in batches]), np.concatenate([b.data for b in batches]))


def feed(reconstruction: Reconstruction, batches: Iterable[Readouts], ended_by="close") -> list[Done]:
    """Everything that comes out, with copies of the raw data, all buffers given back."""
    done = [judged(reconstruction, frame) for batch in batches for frame in reconstruction.add(batch)]
    return done + [judged(reconstruction, frame) for frame in reconstruction.close(ended_by)]


def judged(reconstruction: Reconstruction, done: Done) -> Done:
    """As whoever judges gets it."""
    return reconstruction.with_noise(done) if isinstance(done, Reconstructed) else done


def only(done: list[Done]):
    assert len(done) == 1, done
    return done[0]


def centred_ifft(values, axis, size):
    """Inverse transform by numpy, k = 0 and x = 0 at size // 2, `values` already placed in a matrix of `size`."""
    assert values.shape[axis] == size
    shifted = np.fft.ifftshift(values.astype(np.complex128), axes=axis)
    return np.fft.fftshift(np.fft.ifft(shifted, axis=axis, norm="ortho"), axes=axis)


def crop(values, axis, size):
    start = values.shape[axis] // 2 - size // 2
    return np.take(values, range(start, start + size), axis)


def placed(values, axis, size, start):
    """`values` in a zero matrix of `size`, the first at `start`."""
    shape = list(values.shape)
    shape[axis] = size
    matrix = np.zeros(shape, np.complex128)
    where = [slice(None)] * values.ndim
    where[axis] = slice(start, start + values.shape[axis])
    matrix[tuple(where)] = values
    return matrix


def reference(lines, *, first_line=0, matrix_lines, sizes, recon, first_sample=0):
    """Independent image `[y, x]` of `[line, coil, sample]`: placed, zero-filled, transformed, cropped, RSS.

    `sizes` and `recon` are (x, y); `first_line` and `first_sample` say where the first lies in the encoded matrix.
    """
    full = placed(placed(lines, 0, matrix_lines, first_line), 2, sizes[0], first_sample)
    full = placed(full, 0, sizes[1], sizes[1] // 2 - matrix_lines // 2)
    image = crop(centred_ifft(full, 2, sizes[0]), 2, recon[0])
    image = crop(centred_ifft(image, 0, sizes[1]), 0, recon[1])
    return np.sqrt((np.abs(image) ** 2).sum(axis=1))


def difference(image, truth):
    return float(np.abs(image - truth).max() / np.abs(truth).max())
