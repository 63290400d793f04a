"""The denoisers that are compared: ours and its peers, each from a noisy image in SNR units to a denoised one.

Every method knows that the noise has sd 1. The peers are installed by `make bench-models` only; one that is not there
says so in its row. Settings: chosen by hand, in trials on magnitude images with known noise, or its own defaults.
"""

from collections.abc import Callable
from dataclasses import dataclass
from importlib.util import find_spec

import cv2
import numpy as np
from numpy.typing import NDArray

from engine.errors import ScansideError
from engine.forms import fp32
from engine.package import load_package, trusted_keys
from engine.runners import load_runner
from models.shipped import KEYS, PACKAGES

Image = NDArray[np.float32]
"""`[y, x]` in SNR units."""
Denoise = Callable[[Image], Image]

OURS, BM3D, NOISY = "denoiser", "BM3D", "noisy"
PLAIN = ("non-local means (scikit-image)", "non-local means (OpenCV)", "wavelet (scikit-image)")
"""The peers that cost milliseconds: without beating each of them the network has no reason to be."""

_GREY = 255.0


@dataclass(frozen=True, slots=True)
class Method:
    """A denoiser, or why there is none here."""

    name: str
    denoise: Denoise | None
    missing: str = ""


def methods() -> list[Method]:
    """Every method in the table's order."""
    loaders: dict[str, Callable[[], Denoise]] = {
        NOISY: lambda: lambda image: image,
        OURS: lambda: packaged("denoiser"),
        BM3D: _bm3d,
        PLAIN[0]: _non_local_means,
        PLAIN[1]: lambda: opencv_non_local_means,
        PLAIN[2]: _wavelet,
        "3 x 3 smoothing": lambda: packaged("smooth"),
    }
    return [_loaded(name, load) for name, load in loaders.items()]


def packaged(name: str) -> Denoise:
    """A shipped package on one thread, as the appliance runs it; raises PackageRefused, Unavailable."""
    package = load_package(PACKAGES / name, trusted_keys(KEYS))
    runner = load_runner("onnxruntime-cpu", package, fp32(package))
    return lambda image: np.array(runner.run(np.ascontiguousarray(image[None, None]))[0][0, 0])


def opencv_non_local_means(image: Image) -> Image:
    """Patches of 7 in a window of 21, h 0.9 noise sd, on 8 bit: OpenCV takes no others for this norm."""
    cv2.setNumThreads(1)
    scale = _GREY / max(float(image.max()), 1.0)
    grey = np.clip(np.rint(image * scale), 0, _GREY).astype(np.uint8)
    cleaned = cv2.fastNlMeansDenoising(grey, None, 0.9 * scale, 7, 21)
    return np.asarray(cleaned, np.float32) / np.float32(scale)


def _loaded(name: str, load: Callable[[], Denoise]) -> Method:
    try:
        return Method(name, load())
    except ImportError:
        return Method(name, None, "not installed")
    except ScansideError as error:
        return Method(name, None, str(error))


def _bm3d() -> Denoise:
    import bm3d

    return lambda image: np.asarray(bm3d.bm3d(image, 1.0), np.float32)


def _non_local_means() -> Denoise:
    from skimage.restoration import denoise_nl_means

    def denoise(image: Image) -> Image:
        cleaned = denoise_nl_means(image, patch_size=5, patch_distance=6, h=0.8, sigma=1.0, fast_mode=True)
        return np.asarray(cleaned, np.float32)

    return denoise


def _wavelet() -> Denoise:
    from skimage.restoration import denoise_wavelet

    if find_spec("pywt") is None:  # scikit-image asks for it only when it is called
        raise ImportError("pywt")

    def denoise(image: Image) -> Image:
        cleaned = denoise_wavelet(image, sigma=1.0, wavelet="db2", method="BayesShrink")
        return np.asarray(cleaned, np.float32)

    return denoise
