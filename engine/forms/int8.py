"""int8 forms: QuantizeLinear and DequantizeLinear around the convolutions, the only int8 that every compiler reads.

Not by ONNX Runtime's own quantiser, which hands the rounded tensor to every reader. Here only convolutions in int8 read
it; a residual sum, a skip and a convolution that stays in float read the tensor as it was. That halved the loss of the
shipped denoiser. What ONNX Runtime's quantiser and this one share (steps, zero points, weights) is tested to be equal.
"""

from collections.abc import Collection, Iterable, Iterator
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from engine.errors import PackageRefused
from engine.forms.fold import count_readers, folded, weights_of
from engine.forms.ranges import S8, U8, KindRanges, Ranges, check_belongs
from engine.package.graph import check_valid

if TYPE_CHECKING:
    from onnx import GraphProto, ModelProto, NodeProto

VERSION = 2
"""Of what is made here; part of every key under which something made from it is kept."""

_WEIGHT = 127
_BIAS = 1 << 30
"""Steps up to which a bias is stored in int32, with a bit to spare for the sum."""
_NEAR_ZERO = 1e-30


@dataclass(frozen=True, slots=True)
class _Step:
    """How an activation is rounded: value = scale * (stored - zero)."""

    scale: np.float32
    zero: np.int8 | np.uint8


def int8_form(model: bytes, ranges: Ranges, kind: str) -> bytes:
    """The ONNX file of a network with its convolutions in int8; the same bytes for the same input.

    `kind` s8: signed activations around zero for their inputs, as TensorRT wants them; what a convolution makes stays
    in float, and so does its bias. u8: unsigned activations with a zero point, bias in int32, as CPUs want them, and a
    Relu that is fused with the convolution makes what is rounded. Weights: int8, a scale for each output channel. What
    no Relu follows is not rounded: it may be of either sign and of any size, such as a residual or the answer itself.
    That was two thirds of the denoiser's loss. OpenVINO is as fast with it; ONNX Runtime computes such a convolution in
    float. Inputs and outputs of the network stay float32; transposed convolutions stay in float.

    Raises PackageRefused (ranges) when the table is not for this network, lacks a tensor, or asks for steps that
    float32 does not hold.
    """
    check_belongs(ranges, model, "the table of ranges")
    if kind not in ranges.kinds:
        raise _refused(f"it has no {kind}, only {', '.join(ranges.kinds)}")
    data = quantised(folded(model), ranges.kinds[kind], kind)
    check_valid(data, f"the form int8-{kind}")
    return data


def convolution_nodes(network: "ModelProto") -> dict[str, "NodeProto"]:
    """The convolutions of a folded network that can run in int8, in order, by name; unnamed ones: by what they make.

    Not one of a stored tensor: what it makes is the same for every frame.
    """
    weights = weights_of(network.graph)
    found: dict[str, NodeProto] = {}
    for node in network.graph.node:
        stored = [name in weights for name in node.input if name]
        if node.op_type == "Conv" and not stored[0] and all(stored[1:]):
            found[node.name if node.name and node.name not in found else node.output[0]] = node
    return found


def activations(network: "ModelProto", kind: str) -> tuple[str, ...]:
    """Tensors of a folded network whose range is needed for any choice of convolutions."""
    return tuple(_rounded(network.graph, convolution_nodes(network).values(), kind))


def quantised(network: "ModelProto", table: KindRanges, kind: str) -> bytes:
    """`int8_form` of a folded network, which is not changed; raises PackageRefused for a tensor without range."""
    from onnx import ModelProto

    made = ModelProto()
    made.CopyFrom(network)
    candidates = convolution_nodes(made)
    if unknown := set(table.kept) - candidates.keys():
        raise _refused(f"it keeps {min(unknown)!r} in float, which is no convolution of this network")
    chosen = {name: node for name, node in candidates.items() if name not in table.kept}
    _Rewriting(made.graph, table, kind).run(chosen)
    del made.graph.value_info[:]
    data: bytes = made.SerializeToString(deterministic=True)
    return data


def _rounded(graph: "GraphProto", nodes: Collection["NodeProto"], kind: str) -> dict[str, bool]:
    """Tensor -> whether everybody reads it rounded, for these convolutions."""
    everywhere = dict.fromkeys(_rounded_outputs(graph, nodes), True) if kind == U8 else {}
    return dict.fromkeys((node.input[0] for node in nodes), False) | everywhere


def _rounded_outputs(graph: "GraphProto", nodes: Iterable["NodeProto"]) -> Iterator[str]:
    """What is rounded behind a convolution on a CPU: its Relu's output, if only that reads it; not an output."""
    readers, outputs = count_readers(graph), {value.name for value in graph.output}
    rectified = {node.input[0]: node.output[0] for node in graph.node if node.op_type == "Relu"}
    for node in nodes:
        name = rectified.get(node.output[0], "")
        if name and readers[node.output[0]] == 1 and name not in outputs:
            yield name


@dataclass(slots=True)
class _Rewriting:
    """One graph on its way into int8."""

    graph: "GraphProto"
    table: KindRanges
    kind: str
    pairs: dict[str, list["NodeProto"]] = field(default_factory=dict)
    """Rounded tensor -> the two nodes that round it."""
    stored: list["NodeProto"] = field(default_factory=list)
    """What makes weights and biases of stored integers."""

    def run(self, chosen: dict[str, "NodeProto"]) -> None:
        weights = weights_of(self.graph)
        rounded = _rounded(self.graph, chosen.values(), self.kind)
        for name in rounded:
            self._round(name)
        for name, node in chosen.items():
            self._store(name, node, weights)
        inside = {node.output[0] for node in chosen.values()}
        for node in self.graph.node:
            for place, name in enumerate(node.input):
                if name in rounded and (rounded[name] or (place == 0 and node.output[0] in inside)):
                    node.input[place] = f"{name}:rounded"
        self._place(weights)

    def _step(self, name: str) -> _Step:
        if name not in self.table.tensors:
            raise _refused(f"it has no range for {name!r} in {self.kind}")
        low, high = self.table.tensors[name]
        low, high = min(low, 0.0), max(high, 0.0)
        if self.kind == S8:
            largest = max(-low, high)
            return _Step(np.float32(largest / _WEIGHT if largest > _NEAR_ZERO else 1.0), np.int8(0))
        scale = np.float32((high - low) / 255 if high - low > _NEAR_ZERO else 1.0)
        return _Step(scale, np.uint8(np.clip(np.rint(-low / scale), 0, 255)))

    def _round(self, name: str) -> None:
        """The pair of nodes that rounds a tensor."""
        from onnx import helper

        step = self._step(name)
        scale, zero = self._keep(f"{name}:scale", step.scale), self._keep(f"{name}:zero", step.zero)
        self.pairs[name] = [
            helper.make_node("QuantizeLinear", [name, scale, zero], [f"{name}:{self.kind}"], f"{name}:quantize"),
            helper.make_node(
                "DequantizeLinear", [f"{name}:{self.kind}", scale, zero], [f"{name}:rounded"], f"{name}:dequantize"
            ),
        ]

    @np.errstate(over="ignore")  # what becomes infinite is refused in words
    def _store(self, name: str, node: "NodeProto", weights: dict[str, NDArray[np.float32]]) -> None:
        """Weights, and on a CPU the bias, as integers."""
        weight = weights[node.input[1]]
        bias = weights[node.input[2]] if len(node.input) > 2 and node.input[2] else None
        taken = self._step(node.input[0]).scale
        scale = np.abs(weight).reshape(len(weight), -1).max(1) / np.float32(_WEIGHT)
        if self.kind == U8 and bias is not None:
            scale = np.maximum(scale, np.abs(bias) / (taken * np.float32(_BIAS)))
        scale = np.where(scale > _NEAR_ZERO, scale, 1).astype(np.float32)
        steps = np.rint(weight / scale.reshape(-1, *[1] * (weight.ndim - 1)))
        node.input[1] = self._stored(f"{name}:weight", np.clip(steps, -_WEIGHT, _WEIGHT).astype(np.int8), scale)
        if self.kind == U8 and bias is not None:
            scale = taken * scale
            if not (np.isfinite(scale) & (scale > 0)).all():
                raise _refused(f"float32 does not hold the steps of its bias that the range of {name!r} asks for")
            node.input[2] = self._stored(f"{name}:bias", np.rint(bias / scale).astype(np.int32), scale)

    def _stored(self, name: str, steps: NDArray[np.integer], scale: NDArray[np.float32]) -> str:
        from onnx import helper

        taken = [
            self._keep(f"{name}:int", steps),
            self._keep(f"{name}:scale", scale),
            self._keep(f"{name}:zero", np.zeros(len(scale), steps.dtype)),
        ]
        self.stored.append(helper.make_node("DequantizeLinear", taken, [name], f"{name}:dequantize", axis=0))
        return name

    def _keep(self, name: str, values: NDArray[np.generic] | np.generic) -> str:
        from onnx import numpy_helper

        self.graph.initializer.append(numpy_helper.from_array(np.asarray(values), name))
        return name

    def _place(self, weights: Iterable[str]) -> None:
        """The new nodes where their inputs are known; without the weights that nobody reads any more."""
        nodes = list(self.graph.node)
        del self.graph.node[:]
        self.graph.node.extend(self.stored)
        for value in self.graph.input:
            self.graph.node.extend(self.pairs.get(value.name, []))
        for node in nodes:
            self.graph.node.append(node)
            for name in node.output:
                self.graph.node.extend(self.pairs.get(name, []))
        readers, old = count_readers(self.graph), set(weights)
        kept = [tensor for tensor in self.graph.initializer if readers[tensor.name] or tensor.name not in old]
        del self.graph.initializer[:]
        self.graph.initializer.extend(kept)


def _refused(what: str) -> PackageRefused:
    return PackageRefused(what, "the table of ranges", "make it again with `scanside calibrate int8`", "ranges")
