"""Rules for element types and the operator set."""

from typing import TYPE_CHECKING

from engine.lint.fault import Findings, Found
from engine.lint.scales import QUANTISERS
from engine.lint.view import View
from engine.package.graph import inputs_of
from engine.package.manifest import OPSETS
from engine.package.nodes import named

if TYPE_CHECKING:
    from onnx import NodeProto
    from onnx.defs import OpSchema

READS_OPSET = {"10.3": 20, "10.9": 22, "10.13": 24, "11.0": 25}
"""First TensorRT version -> newest operator set that it reads. The parser itself does not look at the number."""

_ON_THE_HOST = "convert to float32 before the network (inside it: to int32)"
_IN_TWO = "give the real and the imaginary part as two channels of float32"
_REFUSED = {
    "UINT16": _ON_THE_HOST, "INT16": _ON_THE_HOST, "UINT32": _ON_THE_HOST, "UINT64": _ON_THE_HOST,
    "COMPLEX64": _IN_TWO, "COMPLEX128": _IN_TWO, "STRING": "leave text out of the network",
    "DOUBLE": "use float32: TensorRT computes double as float without a word",
}  # fmt: skip


def opset(view: View) -> Findings:
    """An operator set outside what every supported runner reads."""
    if view.opset in OPSETS:
        return
    first = next((version for version, newest in READS_OPSET.items() if view.opset <= newest), "")
    what = f"opset {view.opset}: {OPSETS[0]} to {OPSETS[-1]} are supported"
    if view.opset > OPSETS[-1]:
        what += f", TensorRT reads this from {first} on" if first else ", no TensorRT that is known here reads this"
    yield Found("the network", what, "export again with one of these")


def element_type(view: View) -> Findings:
    """Tensors of a type that TensorRT refuses (16-bit and unsigned integers, complex, text) or alters (double)."""
    outputs = {value.name for value in view.model.graph.output}
    for side, names in (("input", [v.name for v in inputs_of(view.model.graph)]), ("output", sorted(outputs))):
        for name in names:
            if view.types.get(name) in _REFUSED:
                yield Found(f"{side} {name!r}", f"its elements are {view.types[name]}", _REFUSED[view.types[name]])
    for name, node in view.makers.items():
        kind = view.types.get(name, "")
        if name in outputs or node.op_type == "QuantizeLinear":
            continue
        if kind in _REFUSED:
            yield Found(named(node), f"{name!r} is {kind}", _REFUSED[kind])
        elif kind == "UINT8":
            yield Found(named(node), f"{name!r} is UINT8, which TensorRT takes as input or output only", "use int32")


def mixed_types(view: View) -> Findings:
    """Inputs of one operator that must have one type and do not (float and half), or a type that it does not take."""
    for node in view.nodes:
        if node.op_type in QUANTISERS:
            continue  # told by the rules for what is quantised, or by ONNX's checker
        schema = _schema(node, view.opset)
        if schema is None or not schema.inputs:
            continue
        first: dict[str, tuple[str, str]] = {}
        for index, name in enumerate(node.input):
            formal, kind = schema.inputs[min(index, len(schema.inputs) - 1)], view.types.get(name)
            if kind is None or not formal.is_homogeneous:
                continue
            other, its = first.setdefault(formal.type_str, (name, kind))
            if f"tensor({kind.lower()})" not in formal.types:
                yield Found(named(node), f"{name!r} is {kind}, which it does not take", "put a Cast before it")
            elif kind != its:
                yield Found(named(node), f"{other!r} is {its} and {name!r} is {kind}", "put a Cast before one of them")


def _schema(node: "NodeProto", opset: int) -> "OpSchema | None":
    from onnx import defs

    try:
        return defs.get_schema(node.op_type, opset, node.domain)
    except defs.SchemaError:
        return None  # told by the rule for operators
