"""What TensorRT's own report says about a finished plan: the precision in which its convolutions really run."""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from engine.errors import Unavailable

_TYPE_KEYS = ("Format/Datatype", "Datatype", "DataType", "Format")
"""Up to TensorRT 10 one text; since 11 two keys. The text of a format names the type as well."""


@dataclass(frozen=True, slots=True)
class Shares:
    """How many convolutions a plan has, and which part of them reads 8-bit and 16-bit numbers."""

    layers: int
    convolutions: int
    int8: float
    """Part of the convolutions, 0 to 1; 0 without any."""
    half: float
    untold: int
    """Convolutions whose input type the report does not tell."""


def layer_report(trt: Any, engine: Any, context: Any) -> str:
    """The plan's layers as TensorRT tells them, JSON; `context` has a shape set, or the types stay untold."""
    inspector = engine.create_engine_inspector()
    inspector.execution_context = context
    return str(inspector.get_engine_information(trt.LayerInformationFormat.JSON))


def conv_shares(text: str) -> Shares:
    """The shares in a layer report of TensorRT 8 to 11; raises Unavailable when it is not one, or has names only.

    Transposed convolutions are left out: they stay in float by design.
    """
    try:
        layers = json.loads(text)["Layers"]
        detailed = [layer for layer in layers if isinstance(layer, dict)]
        kinds = [_input_kind(layer) for layer in detailed if _is_convolution(layer)]
    except (ValueError, KeyError, TypeError, AttributeError) as error:
        raise Unavailable("the plan's layer report cannot be read", mend="compile the plan again") from error
    if layers and not detailed:
        mend = "compile the plan again with detailed profiling verbosity"
        raise Unavailable("the plan's layer report holds names only", mend=mend)
    count = max(len(kinds), 1)
    return Shares(
        len(layers), len(kinds), kinds.count("int8") / count, kinds.count("half") / count, kinds.count("untold")
    )


def _is_convolution(layer: Mapping[str, Any]) -> bool:
    kind = f"{layer.get('LayerType', '')} {layer.get('ParameterType', '')}".lower()
    return "conv" in kind and "deconv" not in kind


def _input_kind(layer: Mapping[str, Any]) -> str:
    """int8, half, float or untold: the type of what the convolution reads first, its image."""
    first: Mapping[str, Any] = next(iter(layer.get("Inputs") or []), {})
    said = " ".join(str(first.get(key, "")) for key in _TYPE_KEYS).lower()
    for kind, words in (("int8", ("int8",)), ("half", ("fp16", "half", "bf16")), ("float", ("fp32", "float", "tf32"))):
        if any(word in said for word in words):
            return kind
    return "untold"
