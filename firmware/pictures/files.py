"""One picture of one frame as a file: a mark, a checksum, and a `Plane` in MessagePack.

A file is written under another name and renamed, so a reader finds all of it or nothing. It is not forced to the disk:
what a power cut leaves is found by the checksum, and no verdict hangs on a picture.
"""

import os
import re
import struct
import zlib
from pathlib import Path
from typing import Literal

import msgspec
import numpy as np
from numpy.typing import NDArray

from engine.errors import ScansideError
from engine.types import Geometry

Kind = Literal["image", "processed", "kspace", "elements"]
KINDS: tuple[Kind, ...] = ("image", "processed", "kspace", "elements")

_MARK = b"SCNPIC1\n"
_HEAD = struct.Struct("<8sI")
_LARGEST = 256 << 20
_SCAN = re.compile(r"[A-Za-z0-9_-]{1,128}")
_UNFINISHED = ".new"


class PictureGone(ScansideError):
    """There is no such picture, or no longer, or it is damaged."""

    exit_code = 1


class Plane(msgspec.Struct, frozen=True, kw_only=True):
    """One picture; a sample stands for `offset + step * data`."""

    shape: tuple[int, ...]
    """`[y, x]` of image and processed, `[line, sample]` of kspace, `[element, y, x]` of elements."""
    dtype: Literal["uint16", "uint8"]
    offset: float
    step: float
    low: float
    high: float
    """Window that shows it well, in `unit`."""
    unit: str
    """snr or arbitrary (images), dB below the strongest sample (kspace), share of the brightest (elements)."""
    geometry: Geometry | None
    """Of the image; None: kspace."""
    processed_by: str
    """Network that made it; empty: the reconstruction itself."""
    elements: int
    """Coil elements that the frame was received with."""
    acquired: tuple[int, int] = (0, 0)
    """Lines and samples of the matrix that a k-space picture stands for; zeros for the others."""
    data: bytes
    """Little-endian, rows from the top."""

    def samples(self) -> NDArray[np.uint16] | NDArray[np.uint8]:
        """The stored integers in their shape; read-only."""
        return np.frombuffer(self.data, np.dtype(self.dtype).newbyteorder("<")).reshape(self.shape)

    def values(self) -> NDArray[np.float32]:
        """What the samples stand for, in `unit`; within half a step of what was stored."""
        return (self.offset + self.step * self.samples()).astype(np.float32)


_decoder = msgspec.msgpack.Decoder(Plane)


def path_of(folder: Path, scan: str, number: int, kind: Kind) -> Path:
    """Where a picture lies, whether or not it is there; raises PictureGone for names that none can have."""
    if not _SCAN.fullmatch(scan) or number < 0 or kind not in KINDS:
        raise PictureGone("no picture can have this name", f"{scan!a:.60} {number} {kind!a:.20}")
    return folder / scan / f"{number}.{kind}"


def write(folder: Path, scan: str, number: int, kind: Kind, plane: Plane) -> int:
    """Put a picture on disk, in place of an earlier one; returns its bytes. Raises OSError."""
    path = path_of(folder, scan, number, kind)
    body = msgspec.msgpack.encode(plane)
    unfinished = path.with_name(path.name + _UNFINISHED)
    try:
        descriptor = _create(unfinished)
        try:
            _write_all(descriptor, _HEAD.pack(_MARK, zlib.crc32(body)) + body)
        finally:
            os.close(descriptor)
        os.replace(unfinished, path)
    except OSError:
        unfinished.unlink(missing_ok=True)
        raise
    return _HEAD.size + len(body)


def read(folder: Path, scan: str, number: int, kind: Kind) -> Plane:
    """A picture from disk; raises PictureGone for one that is not there, cut short or damaged."""
    path = path_of(folder, scan, number, kind)
    where = f"scan {scan}, image {number}, {kind}"
    try:
        with path.open("rb", buffering=0) as file:
            content = file.readall() if os.fstat(file.fileno()).st_size <= _LARGEST else b""
    except OSError as error:
        raise PictureGone(
            "there is no such picture, or no longer", where, "[pictures] says how long they are kept"
        ) from error
    try:
        mark, checksum = _HEAD.unpack_from(content)
        body = memoryview(content)[_HEAD.size :]
        if mark != _MARK or zlib.crc32(body) != checksum:
            raise ValueError("checksum")
        plane = _decoder.decode(body)
        plane.samples()
    except (ValueError, struct.error, msgspec.MsgspecError) as error:
        raise PictureGone("the picture is damaged", where, "look at another; no verdict is made of it") from error
    return plane


def kinds(folder: Path, scan: str, number: int) -> list[Kind]:
    """Which pictures there are of a frame."""
    return [kind for kind in KINDS if path_of(folder, scan, number, kind).exists()]


def numbers(folder: Path, scan: str) -> list[int]:
    """Frames of a scan that have an image, rising; lists the scan's folder, so not for every frame."""
    found = []
    try:
        with os.scandir(path_of(folder, scan, 0, "image").parent) as entries:
            for entry in entries:
                number, _, kind = entry.name.partition(".")
                if kind == "image" and number.isdecimal():
                    found.append(int(number))
    except OSError:
        return []
    return sorted(found)


def _create(path: Path) -> int:
    flags = os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_CLOEXEC
    try:
        return os.open(path, flags, 0o600)
    except FileNotFoundError:
        path.parent.mkdir(parents=True, exist_ok=True)
        return os.open(path, flags, 0o600)


def _write_all(descriptor: int, content: bytes) -> None:
    rest = memoryview(content)
    while rest:
        rest = rest[os.write(descriptor, rest) :]
