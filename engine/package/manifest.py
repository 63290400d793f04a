"""What a package says of itself: `manifest.toml`, read into typed values."""

import tomllib
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Annotated

import msgspec
import numpy as np
from msgspec import Meta

from engine.errors import PackageRefused

OPSETS = range(17, 21)
"""ONNX operator sets that every runner reads (TensorRT 10.3, the oldest, ends at 20)."""

DTYPES = ("float32", "float16", "uint8", "int8", "int32", "int64", "bool")
"""Element types of inputs, outputs and weights. Not uint16, int16, complex, double: TensorRT refuses or alters them."""

CONTROL_FLOW = ("If", "Loop", "Scan")
"""Operators that a manifest must name before a network may use them: they make the work of one frame unpredictable."""

_MAX_SIZE = 65_536

_Word = Annotated[str, Meta(pattern=r"^[a-z][a-z0-9-]{0,63}$")]
_Said = Annotated[str, Meta(pattern=r"\S", max_length=4000)]
_Size = Annotated[int, Meta(ge=1, le=_MAX_SIZE)]


@dataclass(frozen=True, slots=True)
class Axis:
    """A size that may vary within bounds."""

    name: str
    min: int
    typical: int
    """The size that a compiler optimises for."""
    max: int


@dataclass(frozen=True, slots=True)
class Tensor:
    """One input or output."""

    name: str
    shape: tuple[int | Axis, ...]
    dtype: str
    unit: str
    range: tuple[float, float]
    """Lowest and highest value, in `unit`, that the network was made for."""
    labels: tuple[str, ...] = ()
    """What an output's second size counts, a word each; empty: not said."""


@dataclass(frozen=True, slots=True)
class Manifest:
    """Everything a package promises."""

    name: str
    version: str
    task: str
    inputs: tuple[Tensor, ...]
    outputs: tuple[Tensor, ...]
    opset: int
    trained_for: str
    must_not: str
    control_flow: tuple[str, ...]
    """Which of If, Loop and Scan the network may use."""


class _AxisTable(msgspec.Struct, forbid_unknown_fields=True):
    min: _Size
    max: _Size
    typical: _Size | None = None


class _TensorTable(msgspec.Struct, forbid_unknown_fields=True):
    name: Annotated[str, Meta(min_length=1, max_length=200)]
    shape: Annotated[list[_Size | str], Meta(max_length=8)]
    dtype: str
    unit: _Said
    range: tuple[float, float]
    labels: Annotated[list[_Word], Meta(max_length=64)] = []


class _ManifestTable(msgspec.Struct, forbid_unknown_fields=True):
    name: _Word
    version: Annotated[str, Meta(pattern=r"^\d{1,6}(\.\d{1,6}){0,2}$")]
    task: _Word
    opset: int
    trained_for: _Said
    must_not: _Said
    inputs: Annotated[list[_TensorTable], Meta(min_length=1, max_length=16)]
    outputs: Annotated[list[_TensorTable], Meta(min_length=1, max_length=16)]
    axes: dict[str, _AxisTable] = {}
    control_flow: list[str] = []


def read_manifest(text: bytes, where: str) -> Manifest:
    """The manifest; raises PackageRefused naming `where` and the key that is wrong."""
    try:
        table = msgspec.convert(tomllib.loads(text.decode("utf-8")), _ManifestTable)
    except (UnicodeDecodeError, tomllib.TOMLDecodeError, RecursionError) as error:
        raise _refused(f"not TOML ({error})", where) from error
    except msgspec.ValidationError as error:
        raise _refused(str(error), where) from error
    axes = {name: _axis(name, axis, where) for name, axis in table.axes.items()}
    inputs = tuple(_tensor(tensor, axes, where) for tensor in table.inputs)
    outputs = tuple(_tensor(tensor, axes, where) for tensor in table.outputs)
    _check_whole(table, (*inputs, *outputs), where)
    return Manifest(
        table.name,
        table.version,
        table.task,
        inputs,
        outputs,
        table.opset,
        table.trained_for,
        table.must_not,
        tuple(table.control_flow),
    )


def axes_of(tensors: Iterable[Tensor]) -> dict[str, Axis]:
    """Name -> axis, of every size that varies."""
    return {size.name: size for tensor in tensors for size in tensor.shape if isinstance(size, Axis)}


def bind(tensors: Iterable[Tensor], shapes: Mapping[str, tuple[int, ...]]) -> dict[str, int]:
    """Axis name -> size, when each tensor has the shape in `shapes`; raises ValueError that says why it cannot."""
    sizes: dict[str, int] = {}
    for tensor in tensors:
        shape = shapes[tensor.name]
        if len(shape) != len(tensor.shape):
            raise ValueError(f"{tensor.name} has {len(shape)} dimensions, not {len(tensor.shape)}")
        for size, wanted in zip(shape, tensor.shape, strict=True):
            if isinstance(wanted, int):
                if size != wanted:
                    raise ValueError(f"{tensor.name} is {list(shape)}: {size} instead of {wanted}")
            elif not wanted.min <= size <= wanted.max:
                raise ValueError(f"{tensor.name} is {list(shape)}: {wanted.name} is {wanted.min} to {wanted.max}")
            elif sizes.setdefault(wanted.name, size) != size:
                raise ValueError(f"{wanted.name} is both {sizes[wanted.name]} and {size}")
    return sizes


def _axis(name: str, table: _AxisTable, where: str) -> Axis:
    typical = table.max if table.typical is None else table.typical
    if not table.min <= typical <= table.max:
        raise _refused(f"axes.{name}: min, typical, max must not fall", where)
    return Axis(name, table.min, typical, table.max)


def _tensor(table: _TensorTable, axes: Mapping[str, Axis], where: str) -> Tensor:
    if table.dtype not in DTYPES:
        mend = f"use one of {', '.join(DTYPES)}; convert before the network (complex data: real and imaginary channels)"
        raise _refused(f"{table.name}: {table.dtype} is no element type of an input or output", where, mend)
    low, high = table.range
    least, greatest = _limits(table.dtype)
    if not least <= low < high <= greatest:
        raise _refused(f"{table.name}: range is [lowest, highest], within what {table.dtype} holds", where)
    shape = []
    for size in table.shape:
        if isinstance(size, str) and size not in axes:
            mend = f"add [axes.{size}] with min and max"
            raise _refused(f"{table.name}: the size {size!r} has no bound", where, mend)
        shape.append(axes[size] if isinstance(size, str) else size)
    if table.labels and table.shape[1:2] != [len(table.labels)]:
        held = table.shape[1] if len(table.shape) > 1 else "missing"
        raise _refused(f"{table.name}: {len(table.labels)} labels, but the second size is {held}", where)
    if len(set(table.labels)) < len(table.labels):
        raise _refused(f"{table.name}: two labels are the same", where)
    return Tensor(table.name, tuple(shape), table.dtype, table.unit, (low, high), tuple(table.labels))


def _limits(dtype: str) -> tuple[float, float]:
    if dtype == "bool":
        return 0, 1
    info = np.finfo(dtype) if dtype.startswith("float") else np.iinfo(dtype)
    return float(info.min), float(info.max)


def _check_whole(table: _ManifestTable, tensors: tuple[Tensor, ...], where: str) -> None:
    names = [tensor.name for tensor in tensors]
    for name in names:
        if names.count(name) > 1:
            raise _refused(f"{name} is the name of two tensors", where)
    for tensor in table.inputs:
        if tensor.labels:
            raise _refused(f"{tensor.name}: only an output has labels", where, "remove them")
    for name in table.axes.keys() - axes_of(tensors).keys():
        raise _refused(f"axes.{name} is in no shape", where)
    if table.opset not in OPSETS:
        mend = "export the network again with one of these"
        raise _refused(f"opset {table.opset}: {OPSETS[0]} to {OPSETS[-1]} are supported", where, mend)
    for name in table.control_flow:
        if name not in CONTROL_FLOW:
            raise _refused(f"control_flow: {name!r} is none of {', '.join(CONTROL_FLOW)}", where)


def _refused(what: str, where: str, mend: str = "") -> PackageRefused:
    return PackageRefused(what, where, mend, reason="manifest")
