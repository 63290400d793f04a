"""Small networks with convolutions, and tables for them."""

import hashlib
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import onnxruntime as ort
from onnx import ModelProto, helper

from engine.forms.ranges import KindRanges, Ranges
from tests.engine.package_cases import network, stored


def conv(name: str, taken: str, given: str, **more: Any) -> Any:
    return helper.make_node("Conv", [taken, f"{name}.w", f"{name}.b"], [given], name=name, pads=[1, 1, 1, 1], **more)


def weights(name: str, given: int, taken: int, scale: float = 0.3) -> list[Any]:
    """The same for the same name, whichever tests ran before."""
    random = np.random.default_rng([3, *name.encode()])
    return [
        stored(f"{name}.w", random.standard_normal((given, taken, 3, 3)) * scale),
        stored(f"{name}.b", random.standard_normal(given) * 0.1),
    ]


def residual() -> ModelProto:
    """image -> a, Relu, b, + a's Relu, c -> denoised."""
    nodes = [
        conv("a", "image", "a_out"),
        helper.make_node("Relu", ["a_out"], ["a_relu"]),
        conv("b", "a_relu", "b_out"),
        helper.make_node("Add", ["a_relu", "b_out"], ["sum"]),
        conv("c", "sum", "denoised"),
    ]
    return network(nodes, [*weights("a", 4, 1), *weights("b", 4, 4), *weights("c", 1, 4)])


def chain() -> ModelProto:
    """image -> a, Relu, b -> times two -> denoised: nothing between the convolutions but a Relu."""
    nodes = [
        conv("a", "image", "a_out"),
        helper.make_node("Relu", ["a_out"], ["a_relu"]),
        conv("b", "a_relu", "b_out"),
        helper.make_node("Mul", ["b_out", "two"], ["denoised"], name="times"),
    ]
    return network(nodes, [*weights("a", 4, 1), *weights("b", 1, 4), stored("two", 2.0)])


def normed(bias: Sequence[str] = ("a.b",), *, norm: str = "bn", more: Sequence[Any] = ()) -> ModelProto:
    """image -> a, BatchNormalization called as PyTorch calls its parameters, Relu -> denoised; `more` nodes."""
    nodes = [
        *more,
        helper.make_node("Conv", ["image", "a.w", *bias], ["raw"], name="a", pads=[1, 1, 1, 1]),
        helper.make_node("BatchNormalization", ["raw", "bn.weight", "bn.bias", "bn.mean", "bn.var"], [norm]),
        helper.make_node("Relu", [norm], ["denoised"]),
    ]
    held = {"bn.weight": [2.0], "bn.bias": [1.0], "bn.mean": [0.1], "bn.var": [0.7]}
    return network(nodes, [*weights("a", 1, 1), *(stored(name, values) for name, values in held.items())])


def as_inputs(model: ModelProto) -> ModelProto:
    """The same in the manner of old exporters: what is stored is an input too."""
    listed = ModelProto()
    listed.CopyFrom(model)
    listed.ir_version = 3
    for tensor in model.graph.initializer:
        listed.graph.input.append(helper.make_tensor_value_info(tensor.name, tensor.data_type, list(tensor.dims)))
    return listed


def frames(count: int = 4, side: int = 16, seed: int = 0) -> list[Any]:
    rng = np.random.default_rng(seed)
    return [np.abs(rng.normal(0, 3, (1, 1, side, side))).astype(np.float32) for _ in range(count)]


def session(model: bytes | ModelProto, optimised: bool = False) -> ort.InferenceSession:
    options = ort.SessionOptions()
    options.intra_op_num_threads = 1
    options.log_severity_level = 3
    if not optimised:
        options.graph_optimization_level = ort.GraphOptimizationLevel.ORT_DISABLE_ALL
    data = model if isinstance(model, bytes) else model.SerializeToString()
    return ort.InferenceSession(data, options, providers=["CPUExecutionProvider"])


def answer(model: bytes | ModelProto, frame: Any, optimised: bool = False) -> Any:
    return session(model, optimised).run(None, {"image": frame})[0]


def table(
    model: ModelProto | bytes,
    tensors: Mapping[str, tuple[float, float]],
    kept: Sequence[str] = (),
    kinds: Sequence[str] = ("s8", "u8"),
) -> Ranges:
    data = model if isinstance(model, bytes) else model.SerializeToString()
    one = KindRanges("minmax", dict(tensors), list(kept), 0.1, "dB")
    digests = [hashlib.sha256(word).hexdigest() for word in (b"calibrated", b"held out")]
    return Ranges(hashlib.sha256(data).hexdigest(), 1, dict.fromkeys(kinds, one), digests[:1], digests[1:])


def seen(model: ModelProto, given: Sequence[Any]) -> dict[str, tuple[float, float]]:
    """Tensor -> lowest and highest value on these frames."""
    shown = ModelProto()
    shown.CopyFrom(model)
    made = [name for node in model.graph.node for name in node.output if name != "denoised"]
    for name in made:
        shown.graph.output.add(name=name)
    run = session(shown)
    names = [value.name for value in run.get_outputs()]
    found: dict[str, tuple[float, float]] = {"image": (min(f.min() for f in given), max(f.max() for f in given))}
    for frame in given:
        for name, values in zip(names, run.run(None, {"image": frame}), strict=True):
            low, high = found.get(name, (0.0, 0.0))
            found[name] = (min(low, float(values.min())), max(high, float(values.max())))
    return {name: (float(low), float(high)) for name, (low, high) in found.items()}
