"""Frames and answers that every form and plan of a network is held against."""

import io
import zipfile
import zlib
from collections.abc import Mapping, Sequence

import numpy as np
from numpy.typing import NDArray

from engine.errors import PackageRefused
from engine.package.manifest import Tensor, bind

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
    """Raises PackageRefused unless `golden` is `[frame, *shape]` for each of `tensors`, finite, in its type."""
    names = {tensor.name for tensor in tensors}
    if golden.keys() != names:
        raise _refused(f"holds {sorted(golden)}, not {sorted(names)}", where)
    for tensor in tensors:
        array = golden[tensor.name]
        if array.dtype != np.dtype(tensor.dtype):
            raise _refused(f"{tensor.name} is {array.dtype}, the manifest says {tensor.dtype}", where)
        if array.dtype.kind == "f" and not np.isfinite(array).all():
            raise _refused(f"{tensor.name} holds NaN or infinite values", where)
    frames = {array.shape[:1] for array in golden.values()}
    if len(frames) != 1 or frames & {(), (0,)}:
        raise _refused("the first size of every array is the number of frames, the same for all, at least 1", where)
    try:
        bind(tensors, {name: array.shape[1:] for name, array in golden.items()})
    except ValueError as error:
        raise _refused(str(error), where) from error


def _refused(what: str, where: str) -> PackageRefused:
    mend = "leave golden.npz out when packing to have it made, or correct it"
    return PackageRefused(what, where, mend, reason="golden")
