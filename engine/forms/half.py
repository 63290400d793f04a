"""Half precision by types: each tensor of the file has the precision that it is computed in, and no flag is needed.

Half has 11 bits and ends at 65504. So only what gains from it is in half: convolutions and matrix products, and what
only passes their results on (sums, Relu, concatenation, pooling by maximum). Everything else stays in float32: norms,
Softmax, means, divisions, exponentials and logarithms, Sigmoid, Resize, and whatever comes near the inputs and outputs
of a network, which are in SNR units up to 10,000. So does any node with a value that is too large or weights that half
does not hold: too large for it, or so small that their digits are lost.
"""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from engine.errors import PackageRefused
from engine.forms.fold import count_readers, folded, weights_of
from engine.forms.int8 import int8_form
from engine.forms.ranges import S8, Ranges
from engine.package.graph import check_valid, first_line, opset_of, parse
from engine.package.nodes import inner_graphs

if TYPE_CHECKING:
    from onnx import ModelProto, NodeProto

VERSION = 2
"""Of what is made here; part of every key under which something made from it is kept."""

LARGEST = 8192.0
"""What a tensor in half may reach on the frames looked at: an eighth of what half holds."""

PRODUCTS = ("Conv", "ConvTranspose", "Gemm", "MatMul")
PASSED_ON = (
    *("Add", "Concat", "LeakyRelu", "MaxPool", "PRelu", "QuantizeLinear", "Relu", "Sub"),
    *("DepthToSpace", "Flatten", "Identity", "Reshape", "Slice", "SpaceToDepth", "Split", "Squeeze", "Transpose"),
    "Unsqueeze",
)
"""In half when every tensor that they take is."""

_OPSET_OF_HALF_STEPS = 19
"""The first in which a step of QuantizeLinear may be in half."""
_STEP_ERROR = 1 / 256
"""Relative, of a step that is stored in half: less than what rounding to int8 makes of a weight."""
_WEIGHT_ERROR = 1 / 1024
"""Of the largest of the weights. Half rounds by half of that where it has all its digits: from 6e-5 on."""


def half_form(model: bytes, largest: Mapping[str, float]) -> bytes:
    """The ONNX file of a network with its products in half; inputs and outputs stay float32.

    `largest`: tensor of the folded network -> largest absolute value on the frames looked at; a tensor that is not
    there is taken to be small.
    """
    return _halved(folded(model), largest, "the form fp16")


def mixed_form(model: bytes, ranges: Ranges, largest: Mapping[str, float]) -> bytes:
    """The int8-s8 form with everything around its int8 convolutions in half; raises PackageRefused as `int8_form`."""
    from onnx import version_converter

    network = parse(int8_form(model, ranges, S8), "the form int8-s8")
    if opset_of(network) >= _OPSET_OF_HALF_STEPS:
        return _halved(network, largest, "the form mixed")
    try:
        converted = version_converter.convert_version(network, _OPSET_OF_HALF_STEPS)
    except Exception as error:
        # The converter's exceptions share no base class.
        what = f"cannot be brought to opset {_OPSET_OF_HALF_STEPS} ({first_line(error)})"
        raise PackageRefused(what, "the form mixed", "export the network with that opset", "graph") from error
    return _halved(converted, largest, "the form mixed")


def _halved(network: "ModelProto", largest: Mapping[str, float], where: str) -> bytes:
    _Halving(network, {node.output[0] for node in halved_nodes(network, largest)}).run()
    del network.graph.value_info[:]
    data: bytes = network.SerializeToString(deterministic=True)
    check_valid(data, where)
    return data


def halved_nodes(network: "ModelProto", largest: Mapping[str, float]) -> list["NodeProto"]:
    """The nodes that are computed in half, in order."""
    floats, weights = _floats(network), weights_of(network.graph)
    halves: set[str] = set()
    chosen = []
    for node in network.graph.node:
        taken = [name for name in node.input if name in floats and name not in weights]
        fits = all(largest.get(name, 0.0) <= LARGEST for name in (*taken, *node.output))
        stored = [weights[name] for name in node.input if name in weights]
        if node.op_type in (*PRODUCTS, "DequantizeLinear"):
            wanted = True
        else:
            wanted = node.op_type in PASSED_ON and bool(taken) and halves.issuperset(taken)
        if wanted and fits and _holds(stored, are_steps="Linear" in node.op_type):
            chosen.append(node)
            halves.update(name for name in node.output if name in floats)
    return chosen


def _holds(stored: Sequence[NDArray[np.float32]], *, are_steps: bool) -> bool:
    """Whether half holds what a node stores: weights for their own size, a bias behind them for the size of either."""
    largest = 0.0
    for values in stored:
        with np.errstate(over="ignore"):
            error = np.abs(values.astype(np.float16).astype(np.float32) - values)
        largest = max(largest, float(np.abs(values).max(initial=0.0)))
        if not (error <= (_STEP_ERROR * np.abs(values) if are_steps else _WEIGHT_ERROR * largest)).all():
            return False
    return True


def _floats(network: "ModelProto") -> set[str]:
    """Names of the float32 tensors."""
    from onnx import TensorProto, shape_inference

    try:
        graph = shape_inference.infer_shapes(network).graph
    except (shape_inference.InferenceError, ValueError) as error:
        what = f"its shapes cannot be inferred ({first_line(error)})"
        raise PackageRefused(what, "the network", "export the network again", "graph") from error
    typed = {value.name: value.type.tensor_type.elem_type for value in (*graph.value_info, *graph.input, *graph.output)}
    typed |= {tensor.name: tensor.data_type for tensor in graph.initializer}
    return {name for name, kind in typed.items() if kind == TensorProto.FLOAT}


@dataclass(slots=True)
class _Halving:
    """One graph on its way into half; `chosen`: what the nodes that go there make first."""

    network: "ModelProto"
    chosen: set[str]
    casts: dict[str, "NodeProto"] = field(default_factory=dict)
    """Tensor -> the node that turns it into the other type."""

    def run(self) -> None:
        """Renames what is in half, and casts where types meet."""
        graph, floats = self.network.graph, _floats(self.network)
        weights = weights_of(graph)
        nodes = [(node, node.output[0] in self.chosen) for node in graph.node]
        made = {name for node, half in nodes if half for name in node.output if name in floats}
        outside = {value.name for value in graph.output}
        for node, half in nodes:
            outside.update(name for inner in inner_graphs(node) for name in count_readers(inner))
            if not half:
                outside.update(node.input)
                continue
            for place, name in enumerate(node.input):
                if name in floats:
                    node.input[place] = self._in_half(name, weights, made)
            for place, name in enumerate(node.output):
                if name in made:
                    node.output[place] = f"{name}:half"
        for name in made & outside:
            self._cast(f"{name}:half", name, half=False)
        self._place(weights)

    def _in_half(self, name: str, weights: Mapping[str, NDArray[np.float32]], made: Collection[str]) -> str:
        from onnx import numpy_helper

        half = f"{name}:half"
        if name in made or name in self.casts:
            return half
        if name in weights:
            if half not in {tensor.name for tensor in self.network.graph.initializer}:
                self.network.graph.initializer.append(numpy_helper.from_array(weights[name].astype(np.float16), half))
            return half
        self._cast(name, half, half=True)
        return half

    def _cast(self, taken: str, given: str, *, half: bool) -> None:
        from onnx import TensorProto, helper

        kind = TensorProto.FLOAT16 if half else TensorProto.FLOAT
        self.casts[taken] = helper.make_node("Cast", [taken], [given], f"{given}:cast", to=kind)

    def _place(self, weights: Collection[str]) -> None:
        """The casts behind what they take; without the weights that nobody reads any more."""
        graph = self.network.graph
        nodes = list(graph.node)
        del graph.node[:]
        for tensor in (*graph.input, *graph.initializer):
            graph.node.extend([self.casts[tensor.name]] if tensor.name in self.casts else [])
        for node in nodes:
            graph.node.append(node)
            graph.node.extend(self.casts[name] for name in node.output if name in self.casts)
        readers = count_readers(graph)
        kept = [tensor for tensor in graph.initializer if readers[tensor.name] or tensor.name not in weights]
        del graph.initializer[:]
        graph.initializer.extend(kept)
