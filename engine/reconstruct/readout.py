"""The work done as lines arrive: readout transform, crop, whitening into the hybrid `[line, coil, x]` buffer.

Where the samples lie in k-space (echo position, asymmetric echo, reversal, zero-filling) and the centring of the
transform are all the same thing, a phase that is linear in x:

    image(x) = sum_s d[s] exp(2 pi i (s - c)(x - X/2) / T) = exp(-2 pi i c (x - X/2) / T) * T ifft(d)[x - X/2]

(c: sample of the k-space centre, T: transform length). So the plain transform is taken, its two ends are copied to
the two halves of the row (the crop and the shift in one), and the copy multiplies by the phase; for a centred echo
of even length the phase is +-1 and the copy costs no more than a copy.
"""

import numpy as np
from numpy.typing import NDArray
from scipy import fft

from engine.reconstruct.plan import AxisPlan

_CHUNK_BYTES = 1 << 18  # of transformed samples: they stay in the second-level cache until cropped


class ReadoutTransform:
    """Turns raw readouts of one kind (same centre, same length) into rows of the hybrid buffer.

    `center` is the sample of k = 0 in k order (after reversed readouts were flipped). `scale` multiplies the plain
    sum over samples: `1 / sqrt(transform)` is unitary, `1 / sqrt(samples)` keeps the noise of whitened samples at 1.
    """

    def __init__(
        self, axis: AxisPlan, coils: int, center: int, scale: float, whitening: NDArray[np.complex64] | None
    ) -> None:
        self._length = axis.transform
        self._left = axis.image // 2
        self._right = axis.image - self._left
        self._whitening = whitening
        self._chunk = max(1, _CHUNK_BYTES // (8 * coils * axis.transform))
        self._scratch = np.empty((self._chunk if whitening is not None else 0, coils, axis.image), np.complex64)
        x = np.arange(-self._left, self._right)
        turns = (center * x) % axis.transform / axis.transform  # reduced first: exact for long transforms
        phase = np.exp(-2j * np.pi * turns)
        self._signs: NDArray[np.float32] | None = None
        self._phase = (scale * phase).astype(np.complex64)
        if np.abs(phase.imag).max() < 1e-9:
            self._signs = np.repeat(scale * phase.real, 2).astype(np.float32)

    def apply(self, samples: NDArray[np.complex64], rows: NDArray[np.complex64]) -> None:
        """Transform `[readout, coil, sample]` into `rows`, `[readout, coil, x]` with contiguous rows."""
        for start in range(0, len(samples), self._chunk):
            part = samples[start : start + self._chunk]
            target = rows[start : start + self._chunk]
            spectrum = fft.ifft(part, n=self._length, axis=-1, norm="forward", workers=1)
            if self._whitening is None:
                self._crop(spectrum, target)
            else:
                cropped = self._scratch[: len(part)]
                self._crop(spectrum, cropped)
                np.matmul(self._whitening, cropped, out=target)

    def _crop(self, spectrum: NDArray[np.complex64], rows: NDArray[np.complex64]) -> None:
        left, right = self._left, self._right
        if self._signs is None:
            np.multiply(spectrum[..., self._length - left :], self._phase[:left], out=rows[..., :left])
            np.multiply(spectrum[..., :right], self._phase[left:], out=rows[..., left:])
            return
        # Real factors on (real, imaginary) pairs: half the arithmetic of a complex product, and vectorised.
        pairs, out = spectrum.view(np.float32), rows.view(np.float32)
        np.multiply(pairs[..., 2 * (self._length - left) :], self._signs[: 2 * left], out=out[..., : 2 * left])
        np.multiply(pairs[..., : 2 * right], self._signs[2 * left :], out=out[..., 2 * left :])
