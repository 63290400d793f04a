"""What an ONNX file holds, against what its manifest promises and what is allowed at all."""

from collections.abc import Sequence
from typing import TYPE_CHECKING

from engine.errors import PackageRefused
from engine.package.manifest import OPSETS, Axis, Manifest, Tensor
from engine.package.nodes import named, walk
from engine.package.operators import why_refused
from engine.package.sizes import check_sizes
from engine.package.weights import count_parameters

if TYPE_CHECKING:
    from onnx import GraphProto, ModelProto, ValueInfoProto

MAX_NODES = 10_000
MAX_DEPTH = 4
"""Graphs inside graphs (the branches of If, the bodies of loops)."""


def check_graph(data: bytes, manifest: Manifest, where: str) -> int:
    """Number of parameters of the ONNX file `data`; raises PackageRefused naming `where`, the node, and what to do."""
    model = parse(data, where)
    if opset_of(model) != manifest.opset:
        what = f"opset {opset_of(model)}, the manifest says {manifest.opset}"
        raise _refused(what, where, "correct the manifest, or export again")
    parameters = check_network(model, manifest.control_flow, where)
    _check_interface(inputs_of(model.graph), manifest.inputs, "input", where)
    _check_interface(list(model.graph.output), manifest.outputs, "output", where)
    check_valid(data, where)
    check_sizes(model, manifest, where)
    return parameters


def check_network(model: "ModelProto", control_flow: Sequence[str], where: str) -> int:
    """Number of parameters; raises PackageRefused for what no manifest can promise, but the listed `control_flow`."""
    _check_header(model, where)
    _check_nodes(model.graph, control_flow, where)
    return count_parameters(model.graph, where)


def check_valid(data: bytes, where: str) -> None:
    """Raises PackageRefused for what ONNX's own checker does not take, or cannot even read (names that are no text)."""
    from onnx import checker, shape_inference

    try:
        checker.check_model(data, full_check=True, check_custom_domain=True)
    except (checker.ValidationError, shape_inference.InferenceError, ValueError) as error:
        raise _refused(f"not valid ONNX ({first_line(error)})", where, "export the network again") from error


def parse(data: bytes, where: str) -> "ModelProto":
    """The model; raises PackageRefused when the bytes are none."""
    from google.protobuf.message import DecodeError  # type: ignore[import-untyped]
    from onnx import ModelProto

    model = ModelProto()
    try:
        model.ParseFromString(data)
    except DecodeError as error:
        raise _refused("not an ONNX file", where) from error
    return model


def opset_of(model: "ModelProto") -> int:
    """Version of ONNX's own operators that the model uses; 0 when it does not say."""
    return max((o.version for o in model.opset_import if o.domain in ("", "ai.onnx")), default=0)


def inputs_of(graph: "GraphProto") -> list["ValueInfoProto"]:
    """What a caller must give: old files list their weights as inputs too."""
    stored = {tensor.name for tensor in graph.initializer}
    return [value for value in graph.input if value.name not in stored]


def dtype_of(value: "ValueInfoProto") -> str:
    """Element type of an input or output by its numpy name."""
    from onnx import helper

    try:
        return helper.tensor_dtype_to_np_dtype(value.type.tensor_type.elem_type).name
    except KeyError:
        return "no tensor of numbers"


def first_line(error: Exception) -> str:
    """The beginning of a library's message."""
    return str(error).strip().partition("\n")[0][:200]


def _check_header(model: "ModelProto", where: str) -> None:
    opset = opset_of(model)
    if opset not in OPSETS:
        mend = "export the network again with one of these"
        raise _refused(f"opset {opset}: {OPSETS[0]} to {OPSETS[-1]} are supported", where, mend)
    if model.functions:
        mend = "inline it with onnx.inliner.inline_local_functions"
        raise _refused(f"local function {model.functions[0].name!r}", where, mend)
    if model.training_info:
        raise _refused("holds training information", where, "export for inference")


def _check_nodes(graph: "GraphProto", control_flow: Sequence[str], where: str) -> None:
    for count, (depth, node) in enumerate(walk(graph), start=1):
        if count > MAX_NODES:
            raise _refused(f"more than {MAX_NODES} nodes", where, "simplify the network", reason="oversized")
        if depth > MAX_DEPTH:
            raise _refused(f"{named(node)} is nested deeper than {MAX_DEPTH} graphs", where, "", reason="oversized")
        what, mend = why_refused(node.op_type, node.domain, control_flow)
        if what:
            raise _refused(f"{named(node)}: {what}", where, mend)


def _check_interface(values: Sequence["ValueInfoProto"], wanted: Sequence[Tensor], side: str, where: str) -> None:
    names, promised = [value.name for value in values], [tensor.name for tensor in wanted]
    if names != promised:
        raise _refused(f"{side}s are {names}, the manifest says {promised}", where, "correct the manifest")
    for value, tensor in zip(values, wanted, strict=True):
        what = _why_different(value, tensor, side)
        if what:
            raise _refused(f"{side} {value.name!r}: {what}", where, "correct the manifest or export again")


def _why_different(value: "ValueInfoProto", tensor: Tensor, side: str) -> str:
    if dtype_of(value) != tensor.dtype:
        return f"{dtype_of(value)}, the manifest says {tensor.dtype}"
    if side == "output":
        return ""  # What its shape comes to is computed at the bounds of the inputs, not believed.
    dims = value.type.tensor_type.shape.dim
    if len(dims) != len(tensor.shape):
        return f"{len(dims)} dimensions, the manifest says {len(tensor.shape)}"
    for index, (dim, size) in enumerate(zip(dims, tensor.shape, strict=True)):
        held: int | str = dim.dim_value if dim.HasField("dim_value") else dim.dim_param
        said = size.name if isinstance(size, Axis) else size
        if held not in (said, ""):
            return f"size {index} is {held}, the manifest says {said}"
    return ""


def _refused(what: str, where: str, mend: str = "", reason: str = "graph") -> PackageRefused:
    return PackageRefused(what, where, mend, reason)
