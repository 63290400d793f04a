"""The table from which a network's int8 forms are made: ranges of its activations, and what stays in float."""

import hashlib
import math
from collections.abc import Mapping
from pathlib import Path
from typing import Annotated

import msgspec
import numpy as np
from msgspec import Meta

from engine.errors import PackageRefused

SCHEMA = "ranges/1"
FILE = "int8.json"
"""Its name in a package, and in a site's folder for one."""
MAX_BYTES = 262_144
_LARGEST = float(np.finfo(np.float32).max)
"""What an activation can reach at all."""

S8, U8 = "s8", "u8"
"""Signed symmetric activations, for TensorRT; unsigned, for CPUs."""

_Digest = Annotated[str, Meta(pattern="^[0-9a-f]{64}$")]
_Name = Annotated[str, Meta(min_length=1, max_length=200)]
_Word = Annotated[str, Meta(pattern=r"^[ -~]{1,80}$")]


class KindRanges(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """What one int8 form needs."""

    method: _Word
    """How the ranges were read off: minmax, percentile-99.99, entropy."""
    tensors: Annotated[dict[_Name, tuple[float, float]], Meta(min_length=1, max_length=4096)]
    """Activation -> (lowest, highest) value that keeps its own step."""
    kept: Annotated[list[_Name], Meta(max_length=4096)]
    """Convolutions that stay in float, by name."""
    loss: float
    """On the held-out frames, in `unit`."""
    unit: _Word


class Ranges(msgspec.Struct, frozen=True, forbid_unknown_fields=True, tag_field="schema", tag=SCHEMA):
    """The whole table, bound to one model.onnx."""

    model_sha256: _Digest
    quantiser: Annotated[int, Meta(ge=1)]
    """VERSION of `engine.forms.int8` that it was made with."""
    kinds: Annotated[dict[Annotated[str, Meta(pattern="^(s8|u8)$")], KindRanges], Meta(min_length=1)]
    frames: Annotated[list[_Digest], Meta(min_length=1, max_length=2048)]
    """SHA-256 of each frame that the ranges come from, and of each that the loss was measured on."""
    held_out: Annotated[list[_Digest], Meta(min_length=1, max_length=2048)]

    @property
    def sha256(self) -> str:
        """Of the file: part of the identity of whatever is made from it."""
        return hashlib.sha256(ranges_bytes(self)).hexdigest()


def ranges_bytes(ranges: Ranges) -> bytes:
    """The table as a JSON file; the same bytes for the same table."""
    encoded = msgspec.json.encode(ranges, order="sorted")
    return msgspec.json.format(encoded, indent=1) + b"\n"


def parse_ranges(data: bytes, where: str) -> Ranges:
    """The table in a file's bytes; raises PackageRefused (ranges) naming `where` and the field that is wrong."""
    if len(data) > MAX_BYTES:
        raise _refused(f"{len(data)} bytes, {MAX_BYTES} are allowed", where)
    try:
        ranges = msgspec.json.decode(data, type=Ranges)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
        raise _refused(f"not a table of ranges ({error})", where) from error
    for kind, table in ranges.kinds.items():
        for name, (low, high) in table.tensors.items():
            if not -_LARGEST <= low <= high <= _LARGEST:
                raise _refused(f"the range of {name!r} in {kind} is {low} to {high}", where)
        if not math.isfinite(table.loss):
            raise _refused(f"the loss of {kind} is {table.loss}", where)
    if shared := set(ranges.frames) & set(ranges.held_out):
        raise _refused(f"frame {min(shared)[:12]} was calibrated on and held out", where)
    return ranges


def read_ranges(path: Path) -> Ranges:
    """The table in the file `path`; raises PackageRefused."""
    try:
        with path.open("rb") as stream:
            data = stream.read(MAX_BYTES + 1)
    except OSError as error:
        raise _refused(f"cannot be read ({error.strerror})", str(path)) from error
    return parse_ranges(data, str(path))


def check_belongs(ranges: Ranges, model: bytes, where: str) -> None:
    """Raises PackageRefused (ranges) unless the table was made for these very bytes of model.onnx."""
    digest = hashlib.sha256(model).hexdigest()
    if ranges.model_sha256 != digest:
        raise _refused(f"made for model {ranges.model_sha256[:12]}, this is {digest[:12]}", where)


def packaged_ranges(files: Mapping[str, bytes], where: str) -> Ranges | None:
    """The table among a package's files, if it has one, checked against its model.onnx; raises PackageRefused."""
    if FILE not in files:
        return None
    ranges = parse_ranges(files[FILE], f"{where}/{FILE}")
    check_belongs(ranges, files["model.onnx"], f"{where}/{FILE}")
    return ranges


def _refused(what: str, where: str) -> PackageRefused:
    return PackageRefused(what, where, "make it again with `scanside calibrate int8`", reason="ranges")
