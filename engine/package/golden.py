"""Frames and answers that every form and plan of a network is held against."""

import io
import zipfile
import zlib
from collections.abc import Mapping, Sequence

import numpy as np
from numpy.typing import NDArray

from engine.errors import PackageRefused
from engine.package.manifest import Tensor, bind

TRUTH = ".truth"
"""Ends the name of what an output should be at best, `denoised.truth`; frames need not come with it."""

_MAX_UNPACKED = 256_000_000
"""bytes"""


def read_golden(data: bytes, where: str) -> dict[str, NDArray[np.generic]]:
    """Tensor name -> array, of an npz file with plain arrays only; raises PackageRefused naming `where`."""
    try:
        with zipfile.ZipFile(io.BytesIO(data)) as archive:
            unpacked = sum(entry.file_size for entry in archive.infolist())
        if unpacked > _MAX_UNPACKED:
            raise PackageRefused(f"{unpacked} bytes unpacked, {_MAX_UNPACKED} are allowed", where, reason="oversized")
        with np.load(io.BytesIO(data), allow_pickle=False) as arrays:
            return {name: arrays[name] for name in arrays.files}
    except (
        ValueError,
        OSError,
        EOFError,
        KeyError,
        RuntimeError,  # encrypted, or packed in a way that is not known here
        zipfile.BadZipFile,
        zlib.error,
        MemoryError,
    ) as error:
        raise PackageRefused(f"not an npz file of plain arrays ({error})", where, reason="golden") from error


def check_golden(golden: Mapping[str, NDArray[np.generic]], tensors: Sequence[Tensor], where: str) -> None:
    """Raises PackageRefused unless `golden` is `[frame, *shape]` for each of `tensors`, finite, in its type.

    An output may come with its truth, of the same type and shape, with something above 0 in each frame: of nothing,
    nothing can be lost, and whatever is held against it would pass.
    """
    kinds = {tensor.name: tensor.dtype for tensor in tensors}
    truths = {name for name in golden.keys() - kinds.keys() if name.removesuffix(TRUTH) in kinds}
    if golden.keys() - truths != kinds.keys():
        raise _refused(f"holds {sorted(golden)}, not {sorted(kinds)}", where)
    for name, array in golden.items():
        kind = kinds[name.removesuffix(TRUTH) if name in truths else name]
        if array.dtype != np.dtype(kind):
            raise _refused(f"{name} is {array.dtype}, the manifest says {kind}", where)
        if array.dtype.kind == "f" and not np.isfinite(array).all():
            raise _refused(f"{name} holds NaN or infinite values", where)
    for name in truths:
        if golden[name].shape != golden[name.removesuffix(TRUTH)].shape:
            raise _refused(f"{name} has another shape than {name.removesuffix(TRUTH)}", where)
    frames = {array.shape[:1] for array in golden.values()}
    if len(frames) != 1 or frames & {(), (0,)}:
        raise _refused("the first size of every array is the number of frames, the same for all, at least 1", where)
    for name in sorted(truths):
        if not all((frame > 0).any() for frame in golden[name]):
            raise _refused(f"{name} holds nothing above 0 in one of its frames", where)
    try:
        bind(tensors, {name: golden[name].shape[1:] for name in kinds})
    except ValueError as error:
        raise _refused(str(error), where) from error


def _refused(what: str, where: str) -> PackageRefused:
    mend = "leave golden.npz out when packing to have it made, or correct it"
    return PackageRefused(what, where, mend, reason="golden")
