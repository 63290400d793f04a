"""Denoising one of two real repeats: how far it comes to the truth that neither shows.

Repeats y1 = m + n1 and y2 = m + n2 share the mean m; their noise is independent and of variance v. So the mean square
of y1 - y2 is 2 v, and that of D(y1) - y2 is e^2 + v, where e is the error of the denoised y1, since D(y1) knows nothing
of n2. What else differs between the scans adds its square d^2: v comes out larger by d^2 / 2, and so does e^2.
"""

from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from benchmarks.denoiser_methods import Method
from engine.denoise import in_noise_units
from firmware.clock import SystemClock
from firmware.offline import judge_source
from firmware.sources.mrd_file import MrdFile

REPEATS = Path("mr_raw") / "gre4_repeats" / "gre4_repeats.mrd.h5"
_FIRST, _SECOND = 2, 3
"""The two of the file's four repetitions that are the same sequence."""
_OBJECT = 0.15
"""Of the image's 99.5th percentile."""

Image = NDArray[np.float32]


def read_repeats(data: Path) -> tuple[Image, Image]:
    """The two repeats `[y, x]` in SNR units, reconstructed as the appliance does."""
    report = judge_source(MrdFile(data / REPEATS), SystemClock())
    images = {frame.index.repetition: frame.image for frame in report.frames}
    return _scaled(images[_FIRST]), _scaled(images[_SECOND])


def _scaled(frame: Any) -> Image:
    scaled = in_noise_units(frame)
    assert scaled is not None, "the noise of these scans is measured beside the object"
    return np.asarray(scaled[0])


def repeats_table(repeats: tuple[Image, Image], methods: list[Method]) -> dict[str, Any]:
    """Noise left by each method in the object and outside, in noise sd and as dB of its power."""
    one, other = repeats
    inside = one > _OBJECT * float(np.percentile(one, 99.5))
    areas = {"object": inside, "air": ~inside}
    variance = {area: float(np.mean(np.square(one - other)[mask])) / 2 for area, mask in areas.items()}
    rows = []
    for method in methods:
        if method.denoise is None:
            continue
        difference = np.square(method.denoise(one) - other, dtype=np.float64)
        row: dict[str, Any] = {"method": method.name}
        for area, mask in areas.items():
            left = float(np.mean(difference[mask])) - variance[area]
            row[area] = {
                "difference_rms": round(float(np.sqrt(np.mean(difference[mask]))), 4),
                "error_rms": round(float(np.sqrt(max(left, 0.0))), 4),
                "gain_db": round(float(10 * np.log10(variance[area] / max(left, 1e-9))), 2),
            }
        rows.append(row)
    noise = {area: round(float(np.sqrt(value)), 4) for area, value in variance.items()}
    return {"data": "real: two repeats of a still phantom, 4 elements, 256 x 256", "noise_sd": noise, "rows": rows}
