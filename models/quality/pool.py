"""A pool of noise-free samples on disk: made once, from many processes, and read by every epoch.

One file holds `PER_FILE` samples of one matrix. Its samples follow from seed, split and number alone, so an interrupted
pool goes on with the files that lack, and comes out the same.
"""

import os
from collections.abc import Callable, Sequence
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass
from multiprocessing import get_context
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from models.data.anatomy import SPLITS, Volume
from models.quality.sample import Sample, make_sample

SHAPES = ((96, 96), (128, 128), (160, 128), (128, 160), (160, 160), (192, 160), (224, 192), (256, 256))
"""Matrices (y, x) of the pool."""
PER_FILE = 50


@dataclass(frozen=True, slots=True, eq=False)
class Group:
    """All samples of one matrix, `n` of them; fields as in Sample."""

    image: NDArray[np.float16]
    before: NDArray[np.float16]
    kind: NDArray[np.int64]
    fault: NDArray[np.str_]
    impact: NDArray[np.float32]
    where: NDArray[np.float32]
    subject: NDArray[np.str_]
    rows: NDArray[np.bool_]
    columns: NDArray[np.bool_]

    def __len__(self) -> int:
        return len(self.kind)


def write_pool(
    volumes: Sequence[Volume], folder: Path, count: int, seed: int, processes: int, report: Callable[[int, int], None]
) -> None:
    """The files of a pool of `count` samples (rounded up) that `folder` lacks; `report(done, all)` after each.

    `volumes` are of one split.
    """
    split = volumes[0].split
    folder.mkdir(parents=True, exist_ok=True)
    numbers = range(-(-count // PER_FILE))
    missing = [number for number in numbers if not _file(folder, split, number).exists()]
    report(len(numbers) - len(missing), len(numbers))
    if not missing:
        return
    with ProcessPoolExecutor(processes, get_context("spawn"), _hold, (tuple(volumes),)) as workers:
        jobs = [(folder, split, number, seed) for number in missing]
        for done, _ in enumerate(workers.map(_write_file, jobs), 1 + len(numbers) - len(missing)):
            report(done, len(numbers))


def read_pool(folder: Path, split: str) -> tuple[Group, ...]:
    """One group for each matrix."""
    found: dict[tuple[int, ...], list[dict[str, NDArray[np.generic]]]] = {}
    for path in sorted(folder.glob(f"{split}-*.npz")):
        with np.load(path, allow_pickle=False) as archive:
            arrays = {name: archive[name] for name in archive.files}
        found.setdefault(arrays["image"].shape[1:], []).append(arrays)
    return tuple(
        Group(**{name: np.concatenate([part[name] for part in parts]) for name in Group.__slots__})
        for _, parts in sorted(found.items())
    )


_volumes: tuple[Volume, ...] = ()


def _hold(volumes: tuple[Volume, ...]) -> None:
    """Each process is handed the anatomy once."""
    global _volumes
    _volumes = volumes


def _write_file(job: tuple[Path, str, int, int]) -> None:
    folder, split, number, seed = job
    shape = SHAPES[number % len(SHAPES)]
    rngs = [np.random.default_rng((seed, SPLITS.index(split), number, n)) for n in range(PER_FILE)]
    group = group_of([make_sample(_volumes, shape, rng) for rng in rngs])
    path = _file(folder, split, number)
    part = path.with_suffix(".part")
    with part.open("wb") as stream:
        np.savez(stream, allow_pickle=False, **{name: getattr(group, name) for name in Group.__slots__})
    os.replace(part, path)


def group_of(samples: Sequence[Sample]) -> Group:
    """Samples of one matrix as arrays."""
    return Group(
        image=np.stack([sample.image for sample in samples]).astype(np.float16),
        before=np.stack([sample.before for sample in samples]).astype(np.float16),
        kind=np.array([sample.kind for sample in samples], np.int64),
        fault=np.array([sample.fault for sample in samples], np.str_),
        impact=np.array([sample.impact for sample in samples], np.float32),
        where=np.stack([sample.where for sample in samples]),
        subject=np.array([sample.subject for sample in samples], np.str_),
        rows=np.stack([sample.rows for sample in samples]),
        columns=np.stack([sample.columns for sample in samples]),
    )


def _file(folder: Path, split: str, number: int) -> Path:
    return folder / f"{split}-{number:04d}.npz"
