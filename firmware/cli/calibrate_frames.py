"""Frames for `scanside calibrate`: from paths of any kind, or from the bundled scan."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from calibration.frames import LEAST, Frame, image_frames, simulated_frames, stored_frames
from engine.denoise import in_noise_units
from engine.errors import ConfigError, InputRefused
from engine.package.manifest import Manifest
from firmware.clock import SystemClock
from firmware.offline import judge_source
from firmware.sources.mrd_file import MrdFile
from models.data.anatomy import TABLE, Volume, read_anatomy
from models.data.targets import levelled
from models.scans import BRAIN16

MOST = 96
"""Frames of each set; of more, as many are taken evenly."""

_MRD, _ARRAYS = (".h5", ".mrd"), (".npz", ".npy")
_BUNDLED = 48
"""Frames simulated from the one slice of the bundled scan."""
_EVERY = 3
"""Of files, or of the frames of a single one, each third is held out."""
_SEED = 1


@dataclass(frozen=True, slots=True)
class Frames:
    """Both sets, and where they come from."""

    calibrated: Sequence[Frame]
    held_out: Sequence[Frame]
    source: str


def find_frames(manifest: Manifest, paths: Sequence[Path], held_out: Sequence[Path]) -> Frames:
    """Frames for a network from `paths` and `held_out`: scans (MRD), arrays (.npz, .npy) in the network's unit, or a
    folder of anatomy with its table, of which the training split is calibrated on and the validation split held out.

    Without `held_out` each third file is; of a single one each third frame. Without paths: simulated from the bundled
    scan. Raises ConfigError, InputRefused, and Unavailable where none can be made.
    """
    if held_out and not paths:
        raise ConfigError("nothing to calibrate on", "--held-out", "give --frames too")
    if not paths:
        volume = _bundled()
        first, second = (simulated_frames(manifest, [volume], _BUNDLED, _SEED + number) for number in range(2))
        source = "simulated from the bundled head scan; held out is the same slice in other noise"
        return Frames(first, second, source)
    source = ", ".join(map(str, (*paths, *held_out)))
    others = held_out or [path for path in paths if (path / TABLE).is_file()]
    if others:
        return Frames(_read(manifest, paths, "train"), _read(manifest, others, "val"), source)
    files = [file for path in paths for file in _files(path)]
    if len(files) > 1:
        second = _read(manifest, files[1::_EVERY], "val")
        rest = [file for number, file in enumerate(files) if number % _EVERY != 1]
        return Frames(_read(manifest, rest, "train"), second, f"{source}; each third file is held out")
    heap = _read(manifest, files, "train", 2 * MOST)
    if len(heap) < LEAST * _EVERY:
        what = f"{len(heap)} frames, at least {LEAST * _EVERY} are needed where each third is held out"
        raise InputRefused(what, source, "give more, or hold others out with --held-out", reason="few")
    first = [frame for number, frame in enumerate(heap) if number % _EVERY != _EVERY - 1]
    source = f"{source}; each third frame is held out, from among those calibrated on"
    return Frames(_few(first, MOST), _few(heap[_EVERY - 1 :: _EVERY], MOST), source)


def _read(manifest: Manifest, paths: Sequence[Path], split: str, most: int = MOST) -> list[Frame]:
    """At most so many frames, taken evenly; of a folder of anatomy those of one split.

    Never many more than twice as many are held in memory, and one file.
    """
    kept: list[Frame] = []
    step = 1
    for number, frame in enumerate(frame for path in paths for frame in _of_path(manifest, path, split)):
        if number % step == 0:
            truth = {name: array.copy() for name, array in frame.truth.items()}
            kept.append(replace(frame, batch=frame.batch.copy(), truth=truth))  # not views that keep the whole file
        if len(kept) > 2 * most:
            kept, step = kept[::2], 2 * step
    return _few(kept, most)


def _of_path(manifest: Manifest, path: Path, split: str) -> Iterator[Frame]:
    if (path / TABLE).is_file():
        volumes = read_anatomy(path).of(split)
        if not volumes:
            raise InputRefused(f"no volume of the split {split}", str(path / TABLE), reason="few")
        yield from simulated_frames(manifest, volumes, MOST, _SEED + (split == "val"))
        return
    for file in _files(path):
        yield from _of_file(manifest, file)


def _files(path: Path) -> list[Path]:
    """The files with frames of a folder, or the file."""
    return sorted(p for p in path.rglob("*") if p.suffix in (*_MRD, *_ARRAYS)) if path.is_dir() else [path]


def _of_file(manifest: Manifest, file: Path) -> list[Frame]:
    if not file.is_file():
        raise InputRefused("no such file", str(file), "give MRD files, .npz or .npy, or folders", reason="file")
    if file.suffix in _ARRAYS:
        return stored_frames(manifest, file)
    if file.suffix in _MRD:
        return image_frames(manifest, _images(file))
    raise InputRefused("neither MRD nor arrays", str(file), f"give {', '.join((*_MRD, *_ARRAYS))}", reason="file")


def _images(file: Path) -> list[NDArray[np.float32]]:
    """The scan's images in SNR units."""
    frames = [report.image for report in judge_source(MrdFile(file), SystemClock()).frames if report.image is not None]
    images = [image for frame in frames if (image := in_noise_units(frame)) is not None]
    if not images:
        raise InputRefused("no image in it whose noise is known", str(file), "give another scan", reason="few")
    return images


def _bundled() -> Volume:
    planes = [levelled(plane) for image in _images(BRAIN16) for plane in image]
    return Volume(BRAIN16.name, "train", BRAIN16.parent.name, "", "head", False, np.stack(planes))


def _few(frames: Sequence[Frame], most: int) -> list[Frame]:
    if len(frames) <= most:
        return list(frames)
    return [frames[int(number)] for number in np.linspace(0, len(frames) - 1, most).round()]
