"""Frames that a network's int8 forms are calibrated and judged on: real ones, or simulated from real anatomy."""

import hashlib
import zipfile
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from engine import denoise, quality
from engine.errors import InputRefused, Unavailable
from engine.package.golden import TRUTH
from engine.package.manifest import Manifest, Tensor, bind
from engine.runners.batch import axis_sizes, check_values
from models.data.anatomy import Volume
from models.data.noise import expected_magnitude, noisy_magnitude
from models.data.targets import levelled, shrunk
from models.quality.frames import draw_pairs
from models.quality.pool import SHAPES, group_of
from models.quality.sample import make_sample

LEAST = 4
"""Frames to calibrate on, and to hold out."""
NOISE = (0.005, 0.01, 0.02, 0.05, 0.1, 0.2, 0.3)
"""Noise sd over the picture's level that simulated frames have, in turn: from end to end of what the denoiser is for.

With 2 to 12 % alone, an int8 denoiser lost 2.7 dB at 20 %: everything brighter than what was seen is cut off."""

_COILS = (1, 33)
_SIDES = (64, 192)
"""Pixels along each axis of a simulated frame: smaller ones are not drawn, larger ones are cut to their middle."""
_DARK = 4.0
"""SNR that no frame of a set exceeds when it is scaled to 1, say."""
_MOST_BYTES = 2_000_000_000
"""Unpacked, of one file of frames."""

Batch = NDArray[np.float32]


@dataclass(frozen=True, slots=True, eq=False)
class Frame:
    """One batch for the network's input, in its unit."""

    batch: Batch
    truth: Mapping[str, Batch] = field(default_factory=dict)
    """Output -> what it should be at best, where that is known."""
    like: str = ""
    """What it has in common with other frames, such as its noise: losses in dB are means over those."""

    @property
    def sha256(self) -> str:
        """Of the shape and the values."""
        return hashlib.sha256(f"{self.batch.shape}".encode() + self.batch.tobytes()).hexdigest()


def simulated_frames(manifest: Manifest, volumes: Sequence[Volume], count: int, seed: int) -> list[Frame]:
    """So many frames for a denoiser or a quality network, from real anatomy; the same for the same seed.

    A denoiser's: every level of `NOISE` in 1 to 32 combined elements, with the mean over the noise as truth. A quality
    network's: pairs with every kind of fault and without. Raises Unavailable for another task.
    """
    rngs = [np.random.default_rng([seed, number]) for number in range(count)]
    taken = manifest.inputs[0]
    if manifest.task == denoise.TASK and not denoise.why_no_denoiser(manifest):
        return _denoiser_frames(volumes, manifest.outputs[0].name, rngs)
    if manifest.task == quality.TASK and not quality.why_no_quality(manifest):
        shapes = [SHAPES[number % len(SHAPES)] for number in range(count)]
        groups = [group_of([make_sample(volumes, shape, rng)]) for shape, rng in zip(shapes, rngs, strict=True)]
        return [
            Frame(draw_pairs(group, np.array([0]), rng, alone=number % 2 == 0))
            for number, (group, rng) in enumerate(zip(groups, rngs, strict=True))
        ]
    mend = f"give frames: --frames FILE.npz with {taken.name!r}, [frame, *shape] in {taken.unit}"
    raise Unavailable(f"no frames can be simulated for the task {manifest.task!r}", manifest.name, mend)


def _denoiser_frames(volumes: Sequence[Volume], output: str, rngs: Sequence[np.random.Generator]) -> list[Frame]:
    planes = [found for volume in volumes if (found := _planes(volume))]
    if not planes:
        raise InputRefused(f"no slice of at least {_SIDES[0]} pixels", "the anatomy", "give a larger set")
    frames = []
    for number, rng in enumerate(rngs):
        level = NOISE[number % len(NOISE)]
        of_one = planes[int(rng.integers(len(planes)))]
        picture = _middle(of_one[int(rng.integers(len(of_one)))])
        signal, coils = levelled(picture) / np.float32(level), int(rng.integers(*_COILS))
        truth = {output: expected_magnitude(signal, coils)[None, None]}
        frames.append(Frame(noisy_magnitude(signal, coils, rng)[None, None], truth, f"noise {100 * level:g} %"))
    return frames


def _planes(volume: Volume) -> list[NDArray[np.float32]]:
    """A volume's slices that are large enough; resampled ones at half size, where their noise is white."""
    planes = (shrunk(plane, 2.0) if volume.interpolated else plane for plane in volume.slices())
    return [plane for plane in planes if min(plane.shape) >= _SIDES[0]]


def _middle(picture: NDArray[np.float32]) -> NDArray[np.float32]:
    cut = [slice(max(size - _SIDES[1], 0) // 2, max(size - _SIDES[1], 0) // 2 + _SIDES[1]) for size in picture.shape]
    return picture[tuple(cut)]


def image_frames(manifest: Manifest, images: Sequence[Batch]) -> list[Frame]:
    """Frames of reconstructed images `[z, y, x]` in SNR units, in the order they were acquired, for networks that take
    images; raises Unavailable for others.
    """
    if not denoise.why_no_denoiser(manifest):
        return [Frame(np.ascontiguousarray(plane[None, None])) for image in images for plane in image]
    if not quality.why_no_quality(manifest):
        return [Frame(quality.pairs(plane[None], None)[None]) for image in images for plane in image]
    raise Unavailable(f"a scan is no input of a network for {manifest.task!r}", manifest.name, "give an .npz file")


def stored_frames(manifest: Manifest, path: Path) -> list[Frame]:
    """Frames `[frame, *shape]` of an .npy file, or of an .npz file under the input's name, with `OUTPUT.truth` beside
    it where the truth is known: as the manifest promises the output, finite, and of a denoiser with an object in each
    frame. Raises InputRefused.
    """
    taken = manifest.inputs[0]
    mend = f"store float32 [frame, *shape] as {taken.name!r}"
    arrays = _arrays(path, taken.name, mend)
    frames = arrays.get(taken.name)
    if frames is None or frames.ndim != len(taken.shape) + 1:
        raise InputRefused(f"holds no frames of the input {taken.name!r}", str(path), mend, reason="shape")
    truths = {o.name: arrays[o.name + TRUTH] for o in manifest.outputs if o.name + TRUTH in arrays}
    for output in manifest.outputs:
        if output.name in truths and (why := _why_no_truth(manifest, output, truths[output.name], frames)):
            what, mend = f"{output.name}{TRUTH}: {why}", "correct the truth, or leave it out"
            raise InputRefused(what, str(path), mend, reason="truth")
    return [Frame(batch, {key: array[n] for key, array in truths.items()}) for n, batch in enumerate(frames)]


def _arrays(path: Path, name: str, mend: str) -> dict[str, NDArray[Any]]:
    """Name -> array of an .npz file; the only one of an .npy file is called `name`."""
    try:
        with path.open("rb") as stream:
            size = path.stat().st_size
            if zipfile.is_zipfile(stream):
                size = sum(entry.file_size for entry in zipfile.ZipFile(stream).infolist())
            if size > _MOST_BYTES:
                what = f"{size / 1e9:.1f} GB unpacked, {_MOST_BYTES / 1e9:g} are allowed"
                raise InputRefused(what, str(path), "store the frames in several files", reason="oversized")
            stream.seek(0)
            loaded = np.load(stream, allow_pickle=False)
            return {name: loaded} if isinstance(loaded, np.ndarray) else {key: loaded[key] for key in loaded.files}
    except InputRefused:
        raise
    except Exception as error:
        # numpy, zipfile and zlib raise whatever the damaged part makes them raise, with words for programmers.
        why = error.strerror if isinstance(error, OSError) and error.strerror else "no whole file of plain arrays"
        raise InputRefused(f"cannot be read ({why})", str(path), mend, reason="file") from error


def _why_no_truth(manifest: Manifest, output: Tensor, truth: NDArray[Any], frames: NDArray[Any]) -> str:
    """Why `truth [frame, *shape]` is none for `frames`; empty: it is one."""
    if truth.dtype != np.dtype(output.dtype):
        return f"{truth.dtype} values, the manifest says {output.dtype}"
    if truth.shape[:1] != frames.shape[:1]:
        return "another number of truths than of frames"
    taken = manifest.inputs[0]
    try:
        bind((taken, output), {taken.name: frames.shape[1:], output.name: truth.shape[1:]})
    except ValueError as error:
        return str(error)
    if truth.dtype.kind == "f" and not np.isfinite(truth).all():
        return "values that are not finite"
    if manifest.task == denoise.TASK:
        for number, one in enumerate(truth):
            if not one.max(initial=0) > 0:
                return f"frame {number} shows no object"
    return ""


def check_frames(manifest: Manifest, frames: Sequence[Frame], where: str) -> None:
    """Raises InputRefused naming `where` and the frame that is not what the manifest promises, or too few of them."""
    taken = manifest.inputs[0]
    if len(frames) < LEAST:
        raise InputRefused(f"{len(frames)} frames, at least {LEAST} are needed", where, "give more", reason="few")
    for number, frame in enumerate(frames):
        try:
            axis_sizes(frame.batch, taken)
            check_values(frame.batch, taken)
        except InputRefused as error:
            raise InputRefused(f"frame {number}: {error.what}", where, error.mend, error.reason) from error
    if taken.unit == denoise.IMAGE_UNIT and max(float(frame.batch.max()) for frame in frames) < _DARK:
        what = f"no frame reaches an SNR of {_DARK:g}: these are not in SNR units"
        raise InputRefused(what, where, "divide each image by its noise sd", reason="range")


def check_apart(frames: Sequence[Frame], held_out: Sequence[Frame]) -> None:
    """Raises InputRefused when a frame is there twice: among both, a loss would be flattered."""
    for digest, times in Counter(frame.sha256 for frame in (*frames, *held_out)).items():
        if times > 1:
            what = f"frame {digest[:12]} is there {times} times"
            raise InputRefused(what, "the frames", "calibrate on each once, and hold out others", reason="twice")
