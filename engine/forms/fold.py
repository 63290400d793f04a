"""A network brought into the shape that lower precisions are made from; it computes the same."""

from collections import Counter
from collections.abc import Collection
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from engine.package.graph import inputs_of
from engine.package.nodes import inner_graphs, walk

if TYPE_CHECKING:
    from onnx import GraphProto, ModelProto, NodeProto

_EPSILON = 1e-5
"""Of BatchNormalization, when the node does not say."""
_OF_STORED_ALONE = 4
"""First version of the file format in which what is stored need not be an input as well."""


def folded(model: bytes) -> "ModelProto":
    """The network with its constants among the weights and each batch normalisation inside the convolution before it.

    Nothing is left between a convolution and what follows, so that both may run in int8 as one. What older exporters
    list as an input although it is stored is stored alone: nobody here gives another value.
    """
    from onnx import ModelProto, numpy_helper

    network: ModelProto = ModelProto.FromString(model)
    graph = network.graph
    given = inputs_of(graph)
    del graph.input[:]
    graph.input.extend(given)
    network.ir_version = max(network.ir_version, _OF_STORED_ALONE)
    _store_constants(graph)
    readers, weights, names = count_readers(graph), weights_of(graph), _names(graph)
    made = {name: node for node in graph.node for name in node.output}
    for node in [n for n in graph.node if n.op_type == "BatchNormalization"]:
        convolution = made.get(node.input[0])
        if convolution is not None and _foldable(convolution, node, readers, weights):
            folded_in = _fold(convolution, node, weights, names)
            graph.initializer.extend(numpy_helper.from_array(values, name) for name, values in folded_in.items())
            graph.node.remove(node)
            weights |= folded_in
    return network


def weights_of(graph: "GraphProto") -> dict[str, NDArray[np.float32]]:
    """Name -> values of the float32 tensors that a folded network stores."""
    from onnx import TensorProto, numpy_helper

    stored = [tensor for tensor in graph.initializer if tensor.data_type == TensorProto.FLOAT]
    return {tensor.name: numpy_helper.to_array(tensor) for tensor in stored}


def count_readers(graph: "GraphProto") -> Counter[str]:
    """How often each tensor is read: by nodes, by graphs inside nodes, and as an output."""
    readers = Counter(value.name for value in graph.output)
    for node in graph.node:
        readers.update(node.input)
        for inner in inner_graphs(node):
            readers.update(count_readers(inner))
    return readers


def _store_constants(graph: "GraphProto") -> None:
    for node in [n for n in graph.node if n.op_type == "Constant" and n.attribute[0].name == "value"]:
        graph.initializer.add().CopyFrom(node.attribute[0].t)
        graph.initializer[-1].name = node.output[0]
        graph.node.remove(node)


def _names(graph: "GraphProto") -> set[str]:
    """Of all tensors, at all depths."""
    nodes = [node for _depth, node in walk(graph)]
    graphs = [graph, *(inner for node in nodes for inner in inner_graphs(node))]
    held = {value.name for one in graphs for value in (*one.input, *one.initializer)}
    return held | {name for node in nodes for name in node.output}


def _free(wanted: str, names: Collection[str]) -> str:
    """A name that no tensor has: exporters call a norm's own parameters `bn.weight` and `bn.bias`, too."""
    while wanted in names:
        wanted += ":folded"
    return wanted


def _foldable(
    convolution: "NodeProto", norm: "NodeProto", readers: Counter[str], weights: dict[str, NDArray[np.float32]]
) -> bool:
    stored = all(name in weights for name in (*convolution.input[1:], *norm.input[1:]) if name)
    return convolution.op_type == "Conv" and stored and readers[convolution.output[0]] == 1 and len(norm.output) == 1


def _fold(
    convolution: "NodeProto", norm: "NodeProto", weights: dict[str, NDArray[np.float32]], names: Collection[str]
) -> dict[str, NDArray[np.float32]]:
    """scale * (W x + b - mean) / sqrt(variance + epsilon) + shift, in double until the end; gives the new weights."""
    scale, shift, mean, variance = (weights[name].astype(np.float64) for name in norm.input[1:])
    epsilon = next((attribute.f for attribute in norm.attribute if attribute.name == "epsilon"), _EPSILON)
    gain = scale / np.sqrt(variance + epsilon)
    weight = weights[convolution.input[1]].astype(np.float64)
    bias = weights[convolution.input[2]].astype(np.float64) if any(convolution.input[2:]) else np.zeros_like(mean)
    made = {
        "weight": (weight * gain.reshape(-1, *[1] * (weight.ndim - 1))).astype(np.float32),
        "bias": ((bias - mean) * gain + shift).astype(np.float32),
    }
    named = {_free(f"{norm.output[0]}.{part}", names): values for part, values in made.items()}
    taken = convolution.input[0]
    del convolution.input[:]
    convolution.input.extend([taken, *named])
    convolution.output[0] = norm.output[0]
    return named
