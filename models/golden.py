"""The golden frames of the shipped networks: real anatomy that neither was trained on, in simulated noise and faults.

`python -m models.golden ANATOMY OUT` writes OUT/denoiser/golden.npz and OUT/quality/golden.npz from the anatomy's test
split; the same files every time. A denoiser's frames come with their truth, so that what another precision of it costs
can be said in dB.
"""

import sys
from collections.abc import Sequence
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from engine.decide.limits import shipped_limits
from engine.errors import InputRefused
from engine.package import Package, load_package, trusted_keys
from engine.quality import FARTHEST, LEARNED
from models.answers import Reference, npz_bytes
from models.data.anatomy import Volume, read_anatomy
from models.data.noise import expected_magnitude, noisy_magnitude
from models.data.targets import levelled, shrunk
from models.quality.frames import draw_pairs
from models.quality.kinds import PRIORS, Prior
from models.quality.pool import group_of
from models.quality.sample import sample_of
from models.quality.scene import make_scene
from models.shipped import DENOISER, KEYS, PACKAGES, QUALITY

SOURCES = ("heart_mra/heart_ax.npz", "singles/knee_sag.npz", "fnndsc_t1/eun_t1.npz", "singles/abdomen_cor.npz")
"""Volumes under licences that ask for no more than their notice: MIT, BSD, Apache, BSD."""
LEVELS = (0.005, 0.05, 0.10, 0.30)
"""Noise sd of each source over its picture's level: what a lower precision loses, it loses near the ends of the range
that the denoiser is for."""

_COILS, _SIDE, _SEED = 8, 84, 11
_QUALITY_SHAPE = (96, 81)
"""Small enough that a plane and its copy lie within one window of the compression."""
_FINE, _GRID, _COARSE = 1 / 256, 1 / 64, 1 / 16
"""SNR; values on a grid compress. All are far below the noise; the answers of the denoiser keep to the finest, with
which they are still those of the network."""
_PER_KIND = 60
_NEAR, _CLEAR = (0.03, 0.15), 0.05
"""Of a probability, from its limit: near it, yet so that rounding does not carry it across; and well beyond."""
_SOUND = 0.9
"""Of the distance."""

Arrays = dict[str, NDArray[np.float32]]


def denoiser_golden(volumes: Sequence[Volume], package: Package) -> Arrays:
    """`image`, `denoised` and `denoised.truth` (the mean over the noise), `[frame, 1, 1, 84, 84]`."""
    images, truths = [], []
    for number, (volume, level) in enumerate(zip(volumes, LEVELS, strict=True)):
        planes = volume.slices()
        plane = planes[len(planes) // 2]
        signal = levelled(_middle(shrunk(plane, 2.0) if volume.interpolated else plane)) / np.float32(level)
        images.append(_on_grid(noisy_magnitude(signal, _COILS, np.random.default_rng([_SEED, number]))))
        truths.append(_on_grid(expected_magnitude(signal, _COILS)))
    image = np.stack(images)[:, None, None]
    answer = _answers(package, image)["denoised"]
    return {"image": image, "denoised": _on_grid(answer, _FINE), "denoised.truth": np.stack(truths)[:, None, None]}


def quality_golden(volumes: Sequence[Volume], package: Package) -> Arrays:
    """Of each kind a frame near its limit and one well beyond it, two sound ones and one out of distribution.

    `image [frame, 1, 2, 96, 81]` and every answer. Chosen among drawn ones by what the network says of them.
    """
    kinds = package.manifest.outputs[0].labels
    image = np.concatenate([_drawn(volumes, finding, number) for number, finding in enumerate((*kinds, ""))])[:, None]
    answers = _answers(package, image)
    chosen = _chosen(kinds, answers["probability"][:, 0], answers["distance"][:, 0, 0])
    return {"image": image[chosen], **{name: array[chosen] for name, array in answers.items()}}


def _chosen(kinds: Sequence[str], probability: NDArray[np.float32], distance: NDArray[np.float32]) -> list[int]:
    """Numbers of frames among `_PER_KIND` drawn of each of `kinds` and as many without a fault."""
    limits = np.array([shipped_limits().rows[LEARNED[kind]].detect.value for kind in kinds])
    beyond, drawn_of = probability - limits, np.arange(len(probability)) // _PER_KIND
    steady = (np.abs(beyond) > _NEAR[0]).all(axis=1) & (np.abs(distance - FARTHEST) > _CLEAR)
    near = (np.abs(beyond) < _NEAR[1]) & (distance < FARTHEST)[:, None]
    wishes = [steady & near[:, k] & (drawn_of == k) for k in range(len(kinds))]
    wishes += [steady & (beyond[:, k] > _CLEAR) & (distance < FARTHEST) & (drawn_of == k) for k in range(len(kinds))]
    wishes += [steady & (drawn_of == len(kinds)) & (distance < _SOUND) & (beyond < -_NEAR[1]).all(axis=1)] * 2
    wishes += [steady & (distance > FARTHEST)]
    chosen: list[int] = []
    for wanted in wishes:
        chosen += [int(n) for n in np.flatnonzero(wanted) if n not in chosen][:1]
    return chosen


def _drawn(volumes: Sequence[Volume], finding: str, number: int) -> NDArray[np.float32]:
    """`[frame, 2, y, x]`: pairs with a fault of one kind, or none; every second without a frame before."""
    priors: list[Prior | None] = [prior for prior in PRIORS if prior.finding == finding] or [None]
    frames: list[NDArray[np.float32]] = []
    draw = 0
    while len(frames) < _PER_KIND:
        rng = np.random.default_rng([_SEED, number, draw])
        draw += 1
        try:
            sample = sample_of(make_scene(volumes, _QUALITY_SHAPE, priors[draw % len(priors)], rng))
        except InputRefused:  # this picture cannot show this fault
            continue
        if sample is not None:
            pair = draw_pairs(group_of([sample]), np.array([0]), rng, alone=draw % 2 == 0)[0]
            frames.append(_on_grid(pair, _COARSE))
    return np.stack(frames)


def _answers(package: Package, image: NDArray[np.float32]) -> Arrays:
    reference = Reference(package.model, package.manifest, str(package.path))
    answers = reference.answer({package.manifest.inputs[0].name: image})
    return {name: np.asarray(array, np.float32) for name, array in answers.items()}


def _middle(picture: NDArray[np.float32]) -> NDArray[np.float32]:
    top, left = ((size - _SIDE) // 2 for size in picture.shape)
    return picture[top : top + _SIDE, left : left + _SIDE]


def _on_grid(values: NDArray[np.float32], step: float = _GRID) -> NDArray[np.float32]:
    return np.round(values / np.float32(step)) * np.float32(step)


def main() -> None:
    """Writes both files."""
    anatomy, out = map(Path, sys.argv[1:])
    named = {volume.name: volume for volume in read_anatomy(anatomy).of("test")}
    volumes, keys = [named[name] for name in SOURCES], trusted_keys(KEYS)
    for name, make in ((DENOISER, denoiser_golden), (QUALITY, quality_golden)):
        (out / name).mkdir(parents=True, exist_ok=True)
        golden = make(volumes, load_package(PACKAGES / name, keys))
        (out / name / "golden.npz").write_bytes(npz_bytes(golden))


if __name__ == "__main__":
    main()
