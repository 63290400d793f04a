"""Noise of magnitude images: root sum of squares of `coils` whitened elements, in SNR units.

With noise of sd 1 per real and imaginary part, the squared magnitude of a pixel with signal A is non-central chi
square with 2 * coils degrees of freedom and non-centrality A^2 (Constantinides, Atalar, McVeigh 1997, MRM 38:852). It
depends on the signal's total over the elements only: one element with signal and coils - 1 without are drawn.
"""

import numpy as np
from numpy.typing import NDArray
from scipy.special import gammaln, hyp1f1

_FAR = 30.0
"""Signal above which the variance of the magnitude is 1 within 0.002 * coils and the closed form would overflow."""


def noisy_magnitude(signal: NDArray[np.float32], coils: int, rng: np.random.Generator) -> NDArray[np.float32]:
    """A magnitude image with fresh noise; `signal` is the noise-free root sum of squares, any shape, in noise sd."""
    real = rng.standard_normal(signal.shape, np.float32)
    real += signal
    power = real * real
    if coils > 1:  # chi square with 2 c degrees of freedom is twice a gamma variable of shape c
        power += np.float32(2) * rng.standard_gamma(coils - 0.5, signal.shape, np.float32)
    else:
        imaginary = rng.standard_normal(signal.shape, np.float32)
        power += imaginary * imaginary
    return np.asarray(np.sqrt(power, out=power))


def expected_magnitude(signal: NDArray[np.floating], coils: int) -> NDArray[np.float32]:
    """Mean of `noisy_magnitude` over the noise: sqrt(pi/2) L(A), a generalised Laguerre function of -A^2 / 2.

    sqrt(2) Gamma(c + 1/2) / Gamma(c) * 1F1(-1/2; c; -A^2 / 2) (ibid., equation 4); far from zero
    sqrt(A^2 + 2 c - 1), of which the next term is below 1e-3.
    """
    a = np.asarray(signal, np.float64)
    near = np.minimum(a, _FAR)
    floor = np.sqrt(2.0) * np.exp(gammaln(coils + 0.5) - gammaln(coils))
    exact = floor * hyp1f1(-0.5, coils, -(near**2) / 2)
    return np.where(a > _FAR, np.sqrt(a**2 + 2 * coils - 1), exact).astype(np.float32)
