"""How large a network's tensors become: every size inferred at the bounds of its inputs."""

from collections.abc import Mapping
from math import prod
from typing import TYPE_CHECKING

import numpy as np

from engine.errors import PackageRefused
from engine.package.manifest import Manifest, Tensor, axes_of, bind
from engine.package.nodes import inner_graphs, named

if TYPE_CHECKING:
    from onnx import GraphProto, ModelProto, NodeProto, TypeProto

MAX_ELEMENTS = 1 << 28
"""Of any one tensor: 1 GiB of float32."""

_KEPT = 4096
"""Elements up to which stored values are kept for inference: sizes are computed from small tensors only."""


def check_sizes(model: "ModelProto", manifest: Manifest, where: str) -> None:
    """Raises PackageRefused for a tensor without bound or too large, and for outputs that are not as promised.

    Every tensor's shape is inferred with the inputs at their least, typical and greatest sizes; what the file itself
    states about shapes is not used.
    """
    axes = axes_of(manifest.inputs).values()
    for sizes in ({a.name: a.min for a in axes}, {a.name: a.typical for a in axes}, {a.name: a.max for a in axes}):
        given = {tensor.name: shape_at(tensor, sizes) for tensor in manifest.inputs}
        try:
            bind((*manifest.inputs, *manifest.outputs), {**infer_sizes(model, given, where), **given})
        except ValueError as error:
            what = f"{error} with inputs {', '.join(str(list(shape)) for shape in given.values())}"
            raise PackageRefused(what, where, "correct the manifest", reason="graph") from error


def infer_sizes(model: "ModelProto", inputs: Mapping[str, tuple[int, ...]], where: str) -> dict[str, tuple[int, ...]]:
    """Name -> shape of each tensor when the inputs have the shapes in `inputs`; raises PackageRefused as above."""
    from onnx import TensorShapeProto

    light = _without_weights(model)
    for value in light.graph.input:
        if value.name in inputs:
            del value.type.tensor_type.shape.dim[:]
            value.type.tensor_type.shape.dim.extend(TensorShapeProto.Dimension(dim_value=n) for n in inputs[value.name])
    _write_out(light, inputs)
    try:
        known = _infer(light, light.graph, {}, where)
    except UnicodeDecodeError as error:
        raise PackageRefused(f"a name is no text ({error})", where, "export the network again", "graph") from error
    return {name: shape for name, kind in known.items() if (shape := _shape(kind)) is not None}


def shape_at(tensor: Tensor, sizes: Mapping[str, int]) -> tuple[int, ...]:
    """The shape when each axis has the size that `sizes` gives it."""
    return tuple(size if isinstance(size, int) else sizes[size.name] for size in tensor.shape)


def _without_weights(model: "ModelProto") -> "ModelProto":
    from onnx import ModelProto, TensorProto

    light = ModelProto(ir_version=model.ir_version, opset_import=model.opset_import)
    light.graph.name = "sizes"
    for field in ("node", "input", "output"):
        getattr(light.graph, field).extend(getattr(model.graph, field))
    for tensor in model.graph.initializer:
        if prod(tensor.dims) <= _KEPT:
            light.graph.initializer.add().CopyFrom(tensor)
        else:
            light.graph.initializer.append(TensorProto(name=tensor.name, data_type=tensor.data_type, dims=tensor.dims))
    return light


def _write_out(model: "ModelProto", inputs: Mapping[str, tuple[int, ...]]) -> None:
    """The sizes that the network asks of its inputs, as constants: ONNX does not carry them through Slice."""
    from onnx import numpy_helper

    for node in [n for n in model.graph.node if n.op_type == "Shape" and n.input and n.input[0] in inputs]:
        bounds = {attribute.name: attribute.i for attribute in node.attribute}
        shape = inputs[node.input[0]][bounds.get("start", 0) : bounds.get("end")]
        model.graph.initializer.append(numpy_helper.from_array(np.array(shape, np.int64), node.output[0]))
        model.graph.node.remove(node)


def _infer(
    model: "ModelProto", graph: "GraphProto", outer: Mapping[str, "TypeProto"], where: str
) -> dict[str, "TypeProto"]:
    """Name -> type of every tensor made in `graph`, which also sees those of `outer`; raises PackageRefused."""
    from onnx import ModelProto

    probe = ModelProto(ir_version=model.ir_version, opset_import=model.opset_import, graph=graph)
    del probe.graph.value_info[:]
    for value in probe.graph.output:
        value.type.tensor_type.ClearField("shape")
    for name, kind in outer.items():
        probe.graph.input.add(name=name, type=kind)
    if graph is not model.graph:
        probe.graph.initializer.extend(model.graph.initializer)
    known = _inferred(probe, where)
    for node in graph.node:
        for inner in inner_graphs(node):
            carried = _carried(node, inner, _infer(model, inner, known, where), where)
            if carried:
                # ONNX infers no size for what comes out of a loop; it is what goes from turn to turn.
                for value in probe.graph.output:
                    value.type.CopyFrom(carried.pop(value.name, value.type))
                for name, kind in carried.items():
                    probe.graph.value_info.add(name=name, type=kind)
                known = _inferred(probe, where)
        _check_node(node, known, where)
    return known


def _inferred(probe: "ModelProto", where: str) -> dict[str, "TypeProto"]:
    from onnx import shape_inference

    try:
        done = shape_inference.infer_shapes(probe, strict_mode=True, data_prop=True).graph
    except shape_inference.InferenceError as error:
        what = f"sizes do not fit together ({str(error).strip().partition(chr(10))[0][:200]})"
        raise PackageRefused(what, where, "correct the bounds of the axes", reason="graph") from error
    return {value.name: value.type for value in (*done.input, *done.value_info, *done.output)}


def _check_node(node: "NodeProto", known: Mapping[str, "TypeProto"], where: str) -> None:
    for name in filter(None, node.output):
        shape = _shape(known[name]) if name in known else None
        if shape is None:
            mend = "export with fixed sizes, or simplify the network (onnxslim, onnxsim)"
            raise PackageRefused(f"{named(node)}: the size of {name!r} has no bound", where, mend, reason="graph")
        if prod(shape) > MAX_ELEMENTS:
            what = f"{named(node)}: {name!r} would be {list(shape)}, more than {MAX_ELEMENTS} elements"
            raise PackageRefused(what, where, "lower the bounds of the axes", reason="oversized")


def _carried(
    node: "NodeProto", body: "GraphProto", known: Mapping[str, "TypeProto"], where: str
) -> dict[str, "TypeProto"]:
    """Output of a loop -> type of what it hands from turn to turn; PackageRefused where that may change its size."""
    if node.op_type == "If":
        return {}
    turns, kept = (2, 1) if node.op_type == "Loop" else (0, 0)
    scanned = next((a.i for a in node.attribute if a.name == "num_scan_inputs"), 0)
    carried = {}
    given = body.input[turns : len(body.input) - scanned]
    for taken, made, output in zip(given, body.output[kept:], node.output, strict=False):
        if _shape(known[taken.name]) is None or _shape(known[taken.name]) != _shape(known[made.name]):
            mend = "give the inputs of its body fixed sizes"
            raise PackageRefused(f"{named(node)}: {taken.name!r} may grow from turn to turn", where, mend, "graph")
        if output:
            carried[output] = known[made.name]
    return carried


def _shape(kind: "TypeProto") -> tuple[int, ...] | None:
    held = kind.tensor_type
    if not held.HasField("shape") or not all(dim.HasField("dim_value") for dim in held.shape.dim):
        return None
    return tuple(dim.dim_value for dim in held.shape.dim)
