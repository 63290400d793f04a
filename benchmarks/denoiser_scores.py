"""Figures of merit of a denoised image beside its truth, inside the object, and how sure their mean is."""

from collections.abc import Sequence
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray
from scipy import ndimage

Image = NDArray[np.float32]
"""`[y, x]`."""
Mask = NDArray[np.bool_]

_SSIM_WINDOW, _SSIM_SD = (11, 11), 1.5
_FLAT, _SPOT = 0.6, 1.0
"""Noise sd a pixel; noise sd."""
_STRONG = 90
"""Percentile of the gradient in the object above which an edge is strong."""
_RESAMPLES, _INTERVAL, _LEAST_VALUES = 2000, (2.5, 97.5), 3


def psnr(answer: Image, truth: Image, inside: Mask, peak: float) -> float:
    """Peak signal to noise ratio inside the object, dB."""
    error = float(np.mean(np.square(answer - truth, dtype=np.float64), where=inside))
    return float(10 * np.log10(peak**2 / max(error, 1e-12)))


def ssim(answer: Image, truth: Image, inside: Mask, peak: float) -> float:
    """Mean structural similarity inside the object (Wang et al. 2004, IEEE TIP 13:600: Gaussian window of sd 1.5)."""
    a, t = answer.astype(np.float64), truth.astype(np.float64)
    mean_a, mean_t = _windowed(a), _windowed(t)
    var_a, var_t = _windowed(a * a) - mean_a**2, _windowed(t * t) - mean_t**2
    both = _windowed(a * t) - mean_a * mean_t
    c1, c2 = (0.01 * peak) ** 2, (0.03 * peak) ** 2
    same = (2 * mean_a * mean_t + c1) * (2 * both + c2)
    similarity = same / ((mean_a**2 + mean_t**2 + c1) * (var_a + var_t + c2))
    return float(np.mean(similarity, where=inside))


def edge_slope(answer: Image, truth: Image, inside: Mask) -> float:
    """How steep the strong edges still are: 1 as in the truth, 0 flat.

    The regression of the answer's gradient on the truth's over the strongest tenth of the object. Noise that is left
    does not depend on the truth and does not move it.
    """
    ay, ax = np.gradient(answer.astype(np.float64))
    ty, tx = np.gradient(truth.astype(np.float64))
    strength: NDArray[np.float64] = np.asarray(ty**2 + tx**2)
    strong = inside & (strength >= np.percentile(strength[inside], _STRONG))
    return float(np.sum(ay * ty + ax * tx, where=strong) / np.sum(strength, where=strong))


def detail(answer: Image, truth: Image, inside: Mask) -> float:
    """Edge preservation index: correlation of the two Laplacians (Sattar et al. 1997, IEEE TIP 6:888)."""
    a, t = (cv2.Laplacian(image.astype(np.float64), cv2.CV_64F)[inside] for image in (answer, truth))
    spread = float(a.std() * t.std())
    return float(np.mean((a - a.mean()) * (t - t.mean())) / spread) if spread else 0.0


def false_spots(answer: Image, truth: Image, inside: Mask) -> float:
    """Spots in flat tissue that are not in the truth, per 100,000 pixels of it; both images in noise sd.

    A spot is where the mean error of 3 x 3 pixels lies more than 1 noise sd above the median of its 15 x 15.
    """
    flat = inside & (ndimage.gaussian_gradient_magnitude(truth, 1.0) < _FLAT)
    error = cv2.blur(answer - truth, (3, 3))
    spots, count = ndimage.label((error - ndimage.median_filter(error, 15) > _SPOT) & flat)
    del spots
    return float(1e5 * count / max(int(flat.sum()), 1))


def interval(values: Sequence[float], seed: int = 0) -> dict[str, Any]:
    """Mean with its 95 % bootstrap interval (percentile, 2000 resamples of `values`: one a volume); none of so few."""
    array = np.asarray(values, np.float64)
    if array.size < _LEAST_VALUES:
        return {"mean": round(float(array.mean()), 4), "low": None, "high": None}
    drawn = np.random.default_rng(seed).integers(array.size, size=(_RESAMPLES, array.size))
    low, high = np.percentile(array[drawn].mean(1), _INTERVAL)
    return {"mean": round(float(array.mean()), 4), "low": round(float(low), 4), "high": round(float(high), 4)}


def _windowed(image: NDArray[np.float64]) -> NDArray[np.float64]:
    return np.asarray(cv2.GaussianBlur(image, _SSIM_WINDOW, _SSIM_SD), np.float64)
