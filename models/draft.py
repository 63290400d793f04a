"""From a bare ONNX file to a folder that `pack` takes, with what only a person knows left open."""

import json
import re
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from engine.errors import PackageRefused, ScansideError
from engine.package.graph import check_graph, check_network, check_valid, dtype_of, inputs_of, opset_of, parse
from engine.package.manifest import CONTROL_FLOW, Axis, read_manifest
from engine.package.nodes import walk
from engine.package.sealed import MAX_FILE
from engine.package.sizes import infer_sizes

if TYPE_CHECKING:
    from onnx import ModelProto, ValueInfoProto

OPEN = "TO BE FILLED IN"
"""Stands where only a person knows; a manifest or card that still holds it is not packed."""

_CARD = f"""# %s

{OPEN}: what it computes, for whom, and what it is not for.

## Data
{OPEN}: devices, sites, dates, how cases were chosen and split; what was simulated.

## Evaluation
{OPEN}: figures with intervals, per site and subgroup, on which data; where it fails, with pictures.

## Limits
{OPEN}: inputs outside which it must not be used, and how that is noticed.

## Licence
{OPEN}
"""


def draft(model: Path, folder: Path, axes: Mapping[str, tuple[int, int]]) -> Path:
    """Writes `folder` with model.onnx, a manifest and a card drafted from the file; returns the manifest's path.

    `axes` gives each named size of the network its (least, greatest) value. Raises PackageRefused for everything about
    the network that `pack` would refuse, and for a folder that exists.
    """
    try:
        size = model.stat().st_size
        data = model.read_bytes() if size <= MAX_FILE else b""
    except OSError as error:
        raise PackageRefused(f"cannot be read ({error.strerror})", str(model), reason="missing") from error
    if size > MAX_FILE:
        raise PackageRefused(f"{size} bytes, {MAX_FILE} are allowed", str(model), reason="oversized")
    text = manifest_text(data, _name(model), axes, str(model))
    check_graph(data, read_manifest(text.encode("utf-8"), str(model)), str(model))
    if folder.exists():
        raise PackageRefused("exists already", str(folder), "give a new folder", reason="version")
    try:
        folder.mkdir(parents=True)
        (folder / "model.onnx").write_bytes(data)
        (folder / "manifest.toml").write_text(text, "utf-8")
        (folder / "card.md").write_text(_CARD % _name(model), "utf-8")
    except OSError as error:
        raise ScansideError(f"cannot be written ({error.strerror})", str(folder), "choose another folder") from error
    return folder / "manifest.toml"


def manifest_text(data: bytes, name: str, axes: Mapping[str, tuple[int, int]], where: str) -> str:
    """The drafted manifest of an ONNX file; raises PackageRefused for a size that `axes` does not bound."""
    model = parse(data, where)
    check_network(model, CONTROL_FLOW, where)
    check_valid(data, where)
    inputs = inputs_of(model.graph)
    shapes = {value.name: _shape(value) for value in inputs}
    named = [size for shape in shapes.values() for size in shape if isinstance(size, str)]
    _check_bounds(named, axes, where)
    shapes |= _output_shapes(model, shapes, axes, where)
    used = sorted({node.op_type for _depth, node in walk(model.graph)} & set(CONTROL_FLOW))
    lines = [
        f"name = {json.dumps(name)}",
        'version = "0.1"',
        f'task = "denoise"  # {OPEN}: denoise, quality, ...',
        f"opset = {opset_of(model)}",
        f"trained_for = {json.dumps(OPEN)}",
        f"must_not = {json.dumps(OPEN)}",
        *([f"control_flow = {json.dumps(used)}"] if used else []),
    ]
    for side, values in (("inputs", inputs), ("outputs", model.graph.output)):
        for value in values:
            shape = [size if isinstance(size, int | str) else size.name for size in shapes[value.name]]
            lines += ["", f"[[{side}]]", f"name = {json.dumps(value.name)}", f"shape = {json.dumps(shape)}"]
            lines += [f"dtype = {json.dumps(dtype_of(value))}", f"unit = {json.dumps(OPEN)}"]
            lines += [f"range = [0.0, 1.0]  # {OPEN}"]
    bounds = {axis: axes[axis] for axis in named}
    bounds |= {s.name: (s.min, s.max) for shape in shapes.values() for s in shape if isinstance(s, Axis)}
    for axis, (least, greatest) in bounds.items():
        lines += ["", f"[axes.{json.dumps(axis)}]", f"min = {least}", f"max = {greatest}"]
    return "\n".join(lines) + "\n"


def _name(model: Path) -> str:
    word = re.sub(r"[^a-z0-9]+", "-", model.stem.lower()).strip("-")[:60]
    return word if word[:1].isalpha() else f"model-{word}".rstrip("-")


def _shape(value: "ValueInfoProto") -> tuple[int | str | Axis, ...]:
    """Sizes of an input as numbers and names; one without a name in the file is called by input and place."""
    dims = enumerate(value.type.tensor_type.shape.dim)
    return tuple(
        dim.dim_value if dim.HasField("dim_value") else dim.dim_param or f"{value.name}_{index}" for index, dim in dims
    )


def _check_bounds(named: Sequence[str], axes: Mapping[str, tuple[int, int]], where: str) -> None:
    for axis in named:
        if axis not in axes:
            what, mend = f"the size {axis!r} has no bound", f"give --axis {axis}=LEAST..GREATEST"
            raise PackageRefused(what, where, mend, reason="manifest")
    for axis in axes.keys() - set(named):
        mend = f"its sizes are {', '.join(dict.fromkeys(named)) or 'all fixed'}"
        raise PackageRefused(f"no input has a size {axis!r}", where, mend, reason="manifest")


def _output_shapes(
    model: "ModelProto",
    inputs: Mapping[str, tuple[int | str | Axis, ...]],
    axes: Mapping[str, tuple[int, int]],
    where: str,
) -> dict[str, tuple[int | str | Axis, ...]]:
    """Sizes of the outputs: what stays the same is a number, what follows an input's size has its name."""
    # A size between, different for each axis, tells the axes apart where their bounds are alike.
    between = {axis: min(low + 1 + k, high) for k, (axis, (low, high)) in enumerate(sorted(axes.items()))}
    tried = [{axis: bound[0] for axis, bound in axes.items()}, between, {a: bound[1] for a, bound in axes.items()}]
    found = []
    for sizes in tried:
        given = {name: tuple(sizes.get(str(s), s) for s in shape) for name, shape in inputs.items()}
        found.append(infer_sizes(model, given, where))  # type: ignore[arg-type]
    shapes: dict[str, tuple[int | str | Axis, ...]] = {}
    for output in model.graph.output:
        columns = zip(*(known[output.name] for known in found), strict=True)
        shapes[output.name] = tuple(
            _follows(column, tried, f"{output.name}_{index}") for index, column in enumerate(columns)
        )
    return shapes


def _follows(column: tuple[int, ...], tried: Sequence[Mapping[str, int]], name: str) -> int | str | Axis:
    if len(set(column)) == 1:
        return column[0]
    alike = [axis for axis in tried[0] if column == tuple(sizes[axis] for sizes in tried)]
    return alike[0] if alike else Axis(name, min(column), max(column), max(column))
