"""The tensors stored in an ONNX file: inside it, dense, of a plain type, finite."""

from collections.abc import Iterator
from typing import TYPE_CHECKING

import numpy as np

from engine.errors import PackageRefused
from engine.package.manifest import DTYPES
from engine.package.nodes import inner_graphs, named, walk

if TYPE_CHECKING:
    from onnx import GraphProto, TensorProto


def count_parameters(graph: "GraphProto", where: str) -> int:
    """Number of weights of a network; raises PackageRefused for one that cannot be taken, named as in the file."""
    return sum(_check(tensor, name, where) for name, tensor in _stored(graph, where))


def _stored(graph: "GraphProto", where: str) -> Iterator[tuple[str, "TensorProto"]]:
    nodes = [node for _depth, node in walk(graph)]
    for holder in (graph, *(inner for node in nodes for inner in inner_graphs(node))):
        for sparse in holder.sparse_initializer:
            raise _refused(f"weight {sparse.values.name!r} is stored sparse", where, "store it dense")
        for tensor in holder.initializer:
            yield f"weight {tensor.name!r}", tensor
    for node in nodes:
        for attribute in node.attribute:
            name = f"{named(node)}, attribute {attribute.name!r}"
            if attribute.HasField("sparse_tensor") or attribute.sparse_tensors:
                raise _refused(f"{name} is stored sparse", where, "store it dense")
            if not np.isfinite([attribute.f, *attribute.floats]).all():
                raise _refused(f"{name} is NaN or infinite", where, "export the network again")
            for tensor in (*([attribute.t] if attribute.HasField("t") else []), *attribute.tensors):
                yield name, tensor


def _check(tensor: "TensorProto", name: str, where: str) -> int:
    from onnx import TensorProto, helper, numpy_helper

    if tensor.data_location == TensorProto.EXTERNAL or tensor.external_data:
        mend = "save the network with its weights inside: onnx.save(model, path, save_as_external_data=False)"
        raise _refused(f"{name} is external data, kept in another file", where, mend)
    try:
        dtype = helper.tensor_dtype_to_np_dtype(tensor.data_type).name
    except KeyError:
        dtype = f"type {tensor.data_type}"
    if dtype not in DTYPES:
        raise _refused(f"{name} is {dtype}", where, f"convert it to one of {', '.join(DTYPES)}")
    try:
        values = numpy_helper.to_array(tensor)
    except (ValueError, TypeError) as error:
        raise _refused(f"{name} does not hold what its shape says", where, "export the network again") from error
    if values.dtype.kind == "f" and not np.isfinite(values).all():
        raise _refused(f"{name} holds NaN or infinite values", where, "train or export the network again")
    # Integers are sizes and indices, except the one-byte ones of quantised weights.
    return int(values.size) if values.dtype.name in ("float32", "float16", "int8", "uint8") else 0


def _refused(what: str, where: str, mend: str) -> PackageRefused:
    return PackageRefused(what, where, mend, reason="graph")
