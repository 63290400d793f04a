"""Walking an ONNX graph, with the graphs inside it."""

from collections.abc import Iterator
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from onnx import GraphProto, NodeProto


def walk(graph: "GraphProto", depth: int = 0) -> Iterator[tuple[int, "NodeProto"]]:
    """Depth and node, for every node; those of inner graphs come after the node that holds them."""
    for node in graph.node:
        yield depth, node
        for inner in inner_graphs(node):
            yield from walk(inner, depth + 1)


def inner_graphs(node: "NodeProto") -> list["GraphProto"]:
    """The branches or the body of a control-flow node."""
    return [g for a in node.attribute for g in (*([a.g] if a.HasField("g") else []), *a.graphs)]


def named(node: "NodeProto") -> str:
    """A node as people find it in a viewer."""
    if node.name or not node.output:
        return f"{node.op_type} node {node.name!r}"
    return f"{node.op_type} node that makes {node.output[0]!r}"
