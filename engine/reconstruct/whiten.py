"""Noise of the receive chain: covariance, whitening, and an estimate where no noise was acquired."""

import numpy as np
from numpy.typing import NDArray

from engine.reconstruct.transform import image_from_kspace
from engine.types import Noise

_SAMPLES_PER_COIL = 10  # fewer noise samples than this per coil give no usable covariance (relative sd of sigma 16 %)
_LEAST_ESTIMATE = 256
_MOST_ROLL_OFF = 6.0  # of the noise sd, middle to ends of the readout; twice what real receivers showed


def covariance(readouts: NDArray[np.complexfloating]) -> NDArray[np.complex128]:
    """Noise covariance `[coil, coil]`, E[n n^H], of noise readouts `[readout, coil, sample]` (X X^H / (n - 1))."""
    samples = _coil_first(readouts)
    return np.asarray(samples @ samples.conj().T / max(samples.shape[1] - 1, 1))


def whitening_matrix(noise: NDArray[np.complex128]) -> NDArray[np.complex64]:
    """The matrix that makes noise of covariance `noise` white with sd 1 per real and imaginary part.

    sqrt(2) L^-1 with L the Cholesky factor (Kellman and McVeigh 2005, Magn Reson Med 54:1439; the factor 2 turns
    unit complex variance into unit variance per part, as in Gadgetron). An element without noise, as after a dead
    preamplifier, is given the median variance: it stays zero instead of making the matrix singular.
    """
    matrix = np.array(noise, np.complex128)
    variance = matrix.diagonal().real
    typical = float(np.median(variance[variance > 0])) if (variance > 0).any() else 1.0
    dead = variance < 1e-6 * typical
    matrix[dead, :] = matrix[:, dead] = 0
    matrix[dead, dead] = typical
    try:
        factor = np.linalg.cholesky(matrix)
    except np.linalg.LinAlgError:  # elements that are copies of each other
        factor = np.linalg.cholesky(matrix + 1e-3 * typical * np.eye(len(matrix)))
    whitening: NDArray[np.complex64] = (np.sqrt(2.0) * np.linalg.inv(factor)).astype(np.complex64)
    return whitening


def at_dwell(
    noise: NDArray[np.complex128], noise_dwell: float, dwell: float, relative_bandwidth: float | None
) -> NDArray[np.complex128]:
    """Covariance as the imaging readouts see it: noise power goes with bandwidth, 1 / dwell time (any one unit).

    `relative_bandwidth` is the header's relativeReceiverNoiseBandwidth: the noise readouts' mean power over that of
    the flat part of the band. Where the header does not state it, 1 is assumed; Gadgetron assumes 0.793, which is
    a figure of one vendor's receiver, and that vendor's converter states it.
    """
    valid = np.isfinite([noise_dwell, dwell]).all() and noise_dwell > 0 and dwell > 0
    ratio = noise_dwell / dwell if valid else 1.0
    bandwidth = relative_bandwidth if relative_bandwidth and relative_bandwidth > 0 else 1.0
    return noise * (ratio / bandwidth)


class NoiseCollector:
    """Sums noise readouts as they come, so that any number of them costs one small matrix."""

    def __init__(self) -> None:
        self._sum: NDArray[np.complex128] | None = None
        self.samples = 0
        self.dwell = 0.0

    def add(self, readouts: NDArray[np.complexfloating], dwell: float) -> int:
        """Take noise readouts `[readout, coil, sample]`; returns how many were of use.

        Readouts with another number of coils or dwell time than the first are not, nor are those that are not finite.
        """
        if self._sum is None and readouts.shape[1]:
            self._sum = np.zeros((readouts.shape[1],) * 2, np.complex128)
            self.dwell = dwell
        if self._sum is None or readouts.shape[1] != len(self._sum) or not np.isclose(dwell, self.dwell):
            return 0
        finite = np.isfinite(readouts).all(axis=(1, 2))
        samples = _coil_first(readouts[finite])
        self._sum += samples @ samples.conj().T
        self.samples += samples.shape[1]
        return int(finite.sum())

    def result(self, coils: int) -> NDArray[np.complex128] | None:
        """The covariance, or None where too little noise of this number of coils came."""
        if self._sum is None or len(self._sum) != coils or self.samples < _SAMPLES_PER_COIL * coils:
            return None
        found = self._sum / (self.samples - 1)
        return found if np.isfinite(found).all() and (found.diagonal().real > 0).any() else None


def estimate_noise(hybrid: NDArray[np.complex64], flat: int) -> Noise | None:
    """Noise of an unwhitened frame `[line, coil, x]` from air above and below the object; None: cannot be told.

    `flat` is the number of columns about the centre in which the receiver's filter is flat: half the transform. The
    ends of the readout look like the cleanest air but lie in the filter's roll-off. Differences of real repeated
    scans (no signal in them) have there 0.36 of the standard deviation that they have in the middle, and every real
    scan tried falls off alike, so noise taken at the ends would flatter the SNR 2.4 times. So the sixteenth of the
    image rows that holds the least energy within the flat columns is taken. Always an estimate: ghosts in the air make
    it too high, which makes the SNR too low. Where the rows hold far more than any roll-off explains, the object
    leaves no air. Unit: the hybrid's, per image sample.
    """
    left = hybrid.shape[2] // 2 - min(flat, hybrid.shape[2]) // 2
    middle = hybrid[..., left : left + min(flat, hybrid.shape[2])]
    image = np.asarray(image_from_kspace(middle, (0,)))
    needed = max(_LEAST_ESTIMATE, 2 * hybrid.shape[1])
    count = max(round(len(image) / 16), -(-needed // image.shape[2]))
    if count > len(image) // 2:
        return None
    quiet = np.argsort(np.einsum("ycx,ycx->y", image, image.conj()).real)[:count]
    found = covariance(image[np.sort(quiet)])
    ends = covariance(np.concatenate([hybrid[..., :2], hybrid[..., -2:]], axis=2))
    if np.trace(found).real > _MOST_ROLL_OFF**2 * np.trace(ends).real:
        return None
    return Noise(found, count * image.shape[2], estimated=True)


def _coil_first(readouts: NDArray[np.complexfloating]) -> NDArray[np.complex128]:
    return readouts.transpose(1, 0, 2).reshape(readouts.shape[1], -1).astype(np.complex128)
