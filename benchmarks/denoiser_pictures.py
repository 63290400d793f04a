"""The denoiser's pictures: `python -m benchmarks.denoiser_pictures`, into docs/denoiser/.

One per body part with simulated noise (noisy, ours, BM3D where it is installed, truth, what ours took away), and one of
real repeats of a phantom, which have no truth but each other. Real and simulated noise never share a picture.
"""

import sys
from pathlib import Path

import numpy as np
from scipy.ndimage import uniform_filter

from benchmarks.data import data_folder
from benchmarks.denoiser_cases import CHI, COILS, Image, make_case, pictures
from benchmarks.denoiser_methods import BM3D, OURS, methods
from benchmarks.denoiser_repeats import read_repeats
from benchmarks.fault_pictures import save
from engine.errors import Unavailable
from models.data.anatomy import read_anatomy

FOLDER = Path(__file__).parents[1] / "docs" / "denoiser"

_BODIES = ("limb", "pelvis", "heart", "knee", "head", "abdomen")
_LEVEL, _SEED = 0.10, 7
_CROP = 96
"""Pixels along each axis, where the most edges are: every one can be seen, and the files stay small."""
_WINDOW = (0.5, 99.5)
"""Percentiles of the truth that are black and white."""
_WIDEST = 6.0
"""Noise sd from black to white in the picture of what was taken away."""
_REMOVED = "taken away, -3 to 3 noise sd"


def main() -> None:
    """Writes every picture; one argument names another folder."""
    folder = Path(sys.argv[1]) if len(sys.argv) > 1 else FOLDER
    folder.mkdir(parents=True, exist_ok=True)
    data = data_folder()
    volumes = read_anatomy(data / "anatomy").of("test")
    for body in _BODIES:
        largest = max(pictures([v for v in volumes if v.body == body], 1), key=lambda picture: picture.pixels.size)
        case = make_case(largest.pixels, _LEVEL, CHI, (_SEED,))
        title = f"{body}: real anatomy, simulated noise of {_LEVEL:.0%}, {COILS} elements"
        save(folder / f"{body}.png", title, panels(case.noisy, "truth", case.truth))
    first, second = read_repeats(data)
    title = "real: two repeats of a phantom, nothing simulated"
    save(folder / "real-repeats.png", title, panels(first, "the other repeat", second))


def panels(noisy: Image, caption: str, beside: Image) -> list[tuple[str, Image]]:
    """Noisy, ours, BM3D's where it is installed, what to compare them with, and what ours took away."""
    answers = {m.name: m.denoise(noisy) for m in methods() if m.name in (OURS, BM3D) and m.denoise is not None}
    if OURS not in answers:
        raise Unavailable("no denoiser is shipped", mend="pack one into models/packages/denoiser")
    part = _busiest(beside)
    black, white = (float(level) for level in np.percentile(beside[part], _WINDOW))
    grey = {"noisy": noisy, **answers, caption: beside}
    removed = (noisy - answers[OURS]) / _WIDEST + 0.5
    return [
        *((name, (image[part] - black) / (white - black)) for name, image in grey.items()),
        (_REMOVED, removed[part]),
    ]


def _busiest(image: Image) -> tuple[slice, slice]:
    """Where the most edges are."""
    down, across = np.gradient(image)
    edges = uniform_filter(np.hypot(down, across), _CROP, mode="constant")
    middle = np.unravel_index(int(np.argmax(edges)), edges.shape)
    corner = [
        min(max(int(m) - _CROP // 2, 0), max(size - _CROP, 0)) for m, size in zip(middle, image.shape, strict=True)
    ]
    return slice(corner[0], corner[0] + _CROP), slice(corner[1], corner[1] + _CROP)


if __name__ == "__main__":
    main()
