"""Which nodes ONNX Runtime really runs, where, and in which precision: from the profile of one run.

What a session says of its providers is a wish: nodes that a provider does not take go to the CPU without a word.
"""

import json
import tempfile
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from engine.forms import Form
from engine.package import Package
from engine.package.manifest import Axis
from engine.package.sizes import shape_at
from engine.runners.ort import one_thread, open_session

_LOW = ("float16", "bfloat16", "int8", "uint8")
_WHOLE = ("int64", "int32", "bool")
"""What sizes are computed in; their nodes belong on the CPU."""


@dataclass(frozen=True, slots=True)
class RunNode:
    """One node of the optimised graph that was run."""

    name: str
    operator: str
    provider: str
    inputs: tuple[str, ...]
    """Element types."""
    outputs: tuple[str, ...]


def nodes_run(package: Package, form: Form, providers: list[str]) -> tuple[RunNode, ...]:
    """Every node of one run at the least size, in a session that is thrown away; raises Unavailable."""
    taken = package.manifest.inputs[0]
    least = {axis.name: axis.min for axis in taken.shape if isinstance(axis, Axis)}
    image = np.full(shape_at(taken, least), taken.range[0], np.float32)
    with tempfile.TemporaryDirectory(prefix="scanside-profile-") as folder:
        options = one_thread()
        options.enable_profiling = True
        options.profile_file_prefix = str(Path(folder, "run"))
        session = open_session(package, form, providers, options)
        session.run(None, {taken.name: image})
        events = json.loads(Path(session.end_profiling()).read_text("utf-8"))
    return tuple(_node(event["name"], event["args"]) for event in events if _is_run(event))


def elsewhere(nodes: Sequence[RunNode], provider: str) -> tuple[str, ...]:
    """Names of the nodes that another provider ran, but for those that only compute sizes."""
    return tuple(
        f"{node.name} ({node.operator})"
        for node in nodes
        if node.provider != provider and not set(node.outputs) <= set(_WHOLE)
    )


def low_share_of(nodes: Sequence[RunNode]) -> float | None:
    """Share of the convolutions whose data are below float32; None where there is no convolution."""
    convolutions = [node for node in nodes if "Conv" in node.operator]
    low = [node for node in convolutions if node.inputs[:1] and node.inputs[0] in _LOW]
    return len(low) / len(convolutions) if convolutions else None


def _is_run(event: dict[str, object]) -> bool:
    return event.get("cat") == "Node" and str(event.get("name", "")).endswith("_kernel_time")


def _node(name: str, told: dict[str, object]) -> RunNode:
    return RunNode(
        name.removesuffix("_kernel_time"),
        str(told["op_name"]),
        str(told["provider"]),
        _types(told.get("input_type_shape")),
        _types(told.get("output_type_shape")),
    )


def _types(told: object) -> tuple[str, ...]:
    return tuple(next(iter(entry)) for entry in told) if isinstance(told, list) else ()
