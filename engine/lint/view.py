"""A graph as the rules look at it: nodes of all depths, stored values, element types, what makes what."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from engine.errors import PackageRefused
from engine.package.graph import opset_of, parse
from engine.package.nodes import inner_graphs, walk

if TYPE_CHECKING:
    from onnx import GraphProto, ModelProto, NodeProto, TensorProto

_KEEPS_VALUE = ("Identity", "Cast")
_NUMBERS = {
    "value_float": ("f", np.float32),
    "value_floats": ("floats", np.float32),
    "value_int": ("i", np.int64),
    "value_ints": ("ints", np.int64),
}
"""Attribute of a Constant node -> its field, and what it holds."""


@dataclass(frozen=True, slots=True)
class View:
    """One network."""

    model: "ModelProto"
    target: str
    """Which library is to read it."""
    opset: int
    nodes: "Sequence[NodeProto]"
    stored: "Mapping[str, TensorProto]"
    """Weights and the values of Constant nodes, by the name they are used by."""
    makers: "Mapping[str, NodeProto]"
    """Tensor -> the node that makes it."""
    types: Mapping[str, str]
    """Tensor -> element type as ONNX names it (FLOAT, FLOAT16, INT8 ...), where it follows from the file."""

    def constant(self, name: str) -> NDArray[np.generic] | None:
        """The real numbers of a tensor that is stored, also through a Cast; None when it is computed or holds none."""
        from onnx import numpy_helper

        tensor = self.stored.get(self.origin(name))
        if tensor is None or tensor.external_data:
            return None
        try:
            values = np.asarray(numpy_helper.to_array(tensor))
        except (ValueError, TypeError, KeyError):
            return None  # what it should hold is told by the rule for weights
        return None if values.dtype.kind in "OSUc" else values

    def origin(self, name: str) -> str:
        """Where a tensor's value comes from: back through what keeps values."""
        for _ in range(len(self.nodes)):
            maker = self.makers.get(name)
            if name in self.stored or maker is None or maker.op_type not in _KEEPS_VALUE:
                break
            name = taken(maker, 0)
        return name

    def maker(self, name: str, operator: str) -> "NodeProto | None":
        """The node of that operator that makes a tensor, with at most Casts behind it; else None."""
        node = self.makers.get(self.origin(name))
        return node if node is not None and node.op_type == operator else None

    def nodes_of(self, *operators: str) -> "Iterator[NodeProto]":
        """Nodes of these operators, in the order of the file."""
        return (node for node in self.nodes if node.op_type in operators)


def taken(node: "NodeProto", index: int) -> str:
    """The name of an input; empty when it is left out."""
    return str(node.input[index]) if index < len(node.input) else ""


def attribute(node: "NodeProto", name: str, default: int) -> int:
    """An attribute that is one whole number."""
    return next((int(a.i) for a in node.attribute if a.name == name), default)


def word(node: "NodeProto", name: str) -> str:
    """An attribute that is a word; empty when it is not given."""
    return next((a.s.decode("utf-8", "replace") for a in node.attribute if a.name == name), "")


def look(data: bytes, target: str, where: str) -> View:
    """The view of an ONNX file for one target; raises PackageRefused when the bytes are none."""
    model = parse(data, where)
    nodes = [node for _depth, node in walk(model.graph)]
    _check_text(model, nodes, where)
    makers = {name: node for node in nodes for name in node.output if name}
    return View(model, target, opset_of(model), nodes, _stored(model, nodes), makers, _types(model))


def _check_text(model: "ModelProto", nodes: "Sequence[NodeProto]", where: str) -> None:
    """Raises PackageRefused when a name is not UTF-8; protobuf then hands out bytes, or raises."""
    names = [value.name for value in (*model.graph.input, *model.graph.output, *model.graph.initializer)]
    for node in nodes:
        names += [node.op_type, node.domain, node.name, *node.input, *node.output]
    for name in names:
        if not isinstance(name, str):
            raise PackageRefused(f"the name {name!r} is no text", where, "export the network again", reason="graph")


def _stored(model: "ModelProto", nodes: "Sequence[NodeProto]") -> "dict[str, TensorProto]":
    graphs: list[GraphProto] = [model.graph, *(inner for node in nodes for inner in inner_graphs(node))]
    found = {tensor.name: tensor for graph in graphs for tensor in graph.initializer}
    for node in nodes:
        value = _held(node) if node.op_type == "Constant" else None
        if value is not None:
            found |= dict.fromkeys(node.output, value)
    return found


def _held(node: "NodeProto") -> "TensorProto | None":
    """What a Constant node gives, however it is written down; None for text and for what is stored sparse."""
    from onnx import numpy_helper

    for given in node.attribute:
        if given.name == "value":
            tensor: TensorProto = given.t
            return tensor
        if given.name in _NUMBERS:
            field, kind = _NUMBERS[given.name]
            return numpy_helper.from_array(np.array(getattr(given, field), kind))
    return None


def _types(model: "ModelProto") -> dict[str, str]:
    """Element types by ONNX's own inference, where that gets through; what the file states of them is not used."""
    from onnx import ModelProto, TensorProto, shape_inference

    probe = ModelProto()
    probe.CopyFrom(model)
    del probe.graph.value_info[:]
    for value in probe.graph.output:
        value.ClearField("type")
    try:
        graph = shape_inference.infer_shapes(probe).graph
    except (shape_inference.InferenceError, ValueError):
        graph = probe.graph
    known = {value.name: value.type.tensor_type.elem_type for value in (*graph.input, *graph.value_info, *graph.output)}
    known |= {tensor.name: tensor.data_type for tensor in graph.initializer}
    words = {kind: str(name) for name, kind in TensorProto.DataType.items() if kind}
    return {name: words[kind] for name, kind in known.items() if kind in words}
