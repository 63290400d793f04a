"""What an ONNX file may hold: each rule broken once."""

from collections.abc import Callable

import numpy as np
import pytest
from onnx import ModelProto, NodeProto, TensorProto, helper, numpy_helper

from engine.errors import PackageRefused
from engine.package import graph
from engine.package.graph import check_graph, check_network
from engine.package.manifest import read_manifest
from tests.engine.package_cases import MANIFEST, SIZES, gain, network, stored

F = TensorProto.FLOAT
node = helper.make_node


def check(model: ModelProto | bytes, manifest: str = MANIFEST) -> int:
    data = model if isinstance(model, bytes) else model.SerializeToString()
    return check_graph(data, read_manifest(manifest.encode(), "manifest.toml"), "p/model.onnx")


def refused(model: ModelProto | bytes, says: str, manifest: str = MANIFEST, reason: str = "graph") -> None:
    with pytest.raises(PackageRefused) as caught:
        check(model, manifest)
    assert says in str(caught.value)
    assert (caught.value.where, caught.value.reason) == ("p/model.onnx", reason)


def conv(weights: np.ndarray) -> ModelProto:
    return network([node("Conv", ["image", "w"], ["denoised"], name="c", pads=[1, 1, 1, 1])], [stored("w", weights)])


def test_parameters_are_counted() -> None:
    assert check(gain()) == 1
    assert check(conv(np.ones((1, 1, 3, 3)))) == 9
    resized = [node("Reshape", ["image", "same"], ["a"]), node("Relu", ["a"], ["denoised"])]
    assert check(network(resized, [stored("same", [0, 0, 0, 0], np.int64)])) == 0


@pytest.mark.parametrize("bad", [np.nan, np.inf, -np.inf])
@pytest.mark.parametrize("dtype", [np.float32, np.float16])
def test_weights_that_are_not_finite(bad: float, dtype) -> None:
    weights = np.ones((1, 1, 3, 3), dtype)
    weights[0, 0, 1, 1] = bad
    model = conv(weights)
    model.graph.initializer[0].CopyFrom(numpy_helper.from_array(weights, "w"))
    refused(model, "'w' holds NaN")
    held = node("Constant", [], ["f"], name="k", value=numpy_helper.from_array(np.array(bad, dtype)))
    refused(network([held, node("Mul", ["image", "f"], ["denoised"])]), "Constant node 'k', attribute 'value'")


def test_an_attribute_that_is_not_finite() -> None:
    refused(
        network([node("LeakyRelu", ["image"], ["denoised"], name="r", alpha=float("nan"))]), "'r', attribute 'alpha'"
    )


def test_external_data() -> None:
    model = gain()
    tensor = model.graph.initializer[0]
    tensor.ClearField("raw_data")
    tensor.data_location = TensorProto.EXTERNAL
    tensor.external_data.add(key="location", value="../../etc/passwd")
    refused(model, "'factor' is external data")
    model = network([node("Constant", [], ["f"], name="k", value=tensor), node("Mul", ["image", "f"], ["denoised"])])
    refused(model, "external data")


def test_stored_types_and_sizes() -> None:
    model = gain()
    model.graph.initializer[0].CopyFrom(numpy_helper.from_array(np.array(2.0), "factor"))
    refused(model, "'factor' is float64")
    model = conv(np.ones((1, 1, 3, 3)))
    model.graph.initializer[0].dims[:] = [1, 1, 3, 4]
    refused(model, "does not hold what its shape says")


def test_sparse_weights() -> None:
    model = gain()
    sparse = model.graph.sparse_initializer.add(dims=[4])
    sparse.values.CopyFrom(stored("s", [1.0]))
    sparse.indices.CopyFrom(stored("", [2], np.int64))
    refused(model, "'s' is stored sparse")


@pytest.mark.parametrize("opset", [9, 16, 21, 26])
def test_opsets_outside_the_range(opset: int) -> None:
    model = network([node("Relu", ["image"], ["denoised"])], opset=opset)
    refused(model, f"opset {opset}, the manifest says 17")
    with pytest.raises(PackageRefused, match=f"opset {opset}: 17 to 20 are supported"):
        check_network(model, (), "p/model.onnx")


@pytest.mark.parametrize("opset", [17, 18, 19, 20])
def test_opsets_inside_the_range(opset: int) -> None:
    model = network([node("Relu", ["image"], ["denoised"])], opset=opset)
    assert check(model, MANIFEST.replace("opset = 17", f"opset = {opset}")) == 0
    if opset != 17:
        refused(model, "the manifest says 17")


def test_unknown_domains_and_operators() -> None:
    inside = network([node("Relu", ["image"], ["denoised"], name="evil", domain="com.evil")], domains=["com.evil"])
    refused(inside, "Relu node 'evil': operator com.evil.Relu is of an unknown domain")
    refused(network([node("Frobnicate", ["image"], ["denoised"])]), "Frobnicate node that makes 'denoised'")
    refused(network([node("RandomNormalLike", ["image"], ["denoised"])]), "not in the list")
    refused(network([node("NonZero", ["image"], ["denoised"])]), "not in the list")


def test_operators_are_checked_inside_branches() -> None:
    refused(branching("RandomNormalLike"), "RandomNormalLike", listed("If"))


def test_local_functions() -> None:
    model = network([node("Twice", ["image"], ["denoised"], domain="own")], domains=["own"])
    made = helper.make_function(
        "own", "Twice", ["a"], ["b"], [node("Add", ["a", "a"], ["b"])], [helper.make_opsetid("", 17)]
    )
    model.functions.append(made)
    refused(model, "local function 'Twice'; inline it")
    from onnx.inliner import inline_local_functions

    assert check(inline_local_functions(model)) == 0


def test_training_information() -> None:
    model = gain()
    model.training_info.add()
    refused(model, "training information")


@pytest.mark.parametrize("data", [b"", b"garbage", b"\x08\x08", gain().SerializeToString()[:-7]])
def test_not_onnx(data: bytes) -> None:
    with pytest.raises(PackageRefused):
        check(data)


@pytest.mark.parametrize("bare", [node("Evil", [], []), node("LeakyRelu", ["image"], [], alpha=float("nan"))])
def test_a_node_without_name_and_output(bare: NodeProto) -> None:
    refused(network([bare]), f"{bare.op_type} node ''")


def test_names_that_are_no_text() -> None:
    refused(gain().SerializeToString().replace(b"factor", b"fact\xff\xfe", 1), "not valid ONNX")


def test_invalid_graphs() -> None:
    refused(network([node("Relu", ["nowhere"], ["denoised"])]), "not valid ONNX")
    twice = [node("Relu", ["image"], ["denoised"]), node("Abs", ["image"], ["denoised"])]
    refused(network(twice), "not valid ONNX")
    refused(network([node("Relu", ["image", "image"], ["denoised"])]), "not valid ONNX")


def relu(**more) -> ModelProto:
    return network([node("Relu", ["image"], ["denoised"])], **more)


@pytest.mark.parametrize(
    ("model", "says"),
    [
        (lambda: relu(inputs=[("image", F, [1, 1, "y", "x"])]), "size 0 is 1, the manifest says batch"),
        (lambda: relu(inputs=[("image", F, ["batch", 2, "y", "x"])]), "size 1 is 2, the manifest says 1"),
        (lambda: relu(inputs=[("image", F, ["batch", 1, "y", "w"])]), "size 3 is w, the manifest says x"),
        (lambda: relu(inputs=[("image", F, ["batch", "y", "x"])]), "3 dimensions"),
        (lambda: relu(inputs=[("image", F, SIZES), ("mask", F, SIZES)]), "inputs are ['image', 'mask']"),
        (lambda: relu(inputs=[("image", TensorProto.DOUBLE, SIZES)]), "float64, the manifest says float32"),
        (lambda: relu(inputs=[("image", TensorProto.FLOAT16, SIZES)]), "float16, the manifest says float32"),
        (lambda: network([node("Relu", ["image"], ["o"])], outputs=[("o", F, SIZES)]), "outputs are ['o']"),
        (lambda: network([node("Cast", ["image"], ["denoised"], to=11)], outputs=[("denoised", 11, SIZES)]), "float64"),
    ],
)
def test_inputs_and_outputs_are_those_of_the_manifest(model: Callable[[], ModelProto], says: str) -> None:
    refused(model(), says)


def test_a_size_without_a_name_may_be_bounded_by_the_manifest() -> None:
    assert check(relu(inputs=[("image", F, [None, 1, "y", None])])) == 0


def test_output_sizes_are_computed_not_believed() -> None:
    half = node("MaxPool", ["image"], ["denoised"], kernel_shape=[2, 2], strides=[2, 2])
    refused(network([half], outputs=[("denoised", F, [None, None, None, None])]), "y is 8 to 64")
    transposed = node("Transpose", ["image"], ["denoised"], perm=[0, 1, 3, 2])
    square = MANIFEST.replace("[axes.x]\nmin = 8\nmax = 64", "[axes.x]\nmin = 8\nmax = 32")
    refused(network([transposed], outputs=[("denoised", F, [None] * 4)]), "is both", square)


def counting() -> ModelProto:
    """As many elements as the data want."""
    nodes = [
        node("ReduceSum", ["image"], ["s"], keepdims=0),
        node("Cast", ["s"], ["n"], to=TensorProto.INT64),
        node("Range", ["zero", "n", "one"], ["r"], name="counting"),
        node("Cast", ["r"], ["f"], to=F),
        node("ReduceSum", ["f"], ["t"], keepdims=0),
        node("Mul", ["image", "t"], ["denoised"]),
    ]
    return network(nodes, [stored("zero", 0, np.int64), stored("one", 1, np.int64)])


def fixed(manifest: str) -> str:
    return manifest.replace('["batch", 1, "y", "x"]', "[1, 1, 8, 8]").partition("[axes.batch]")[0]


def test_sizes_without_bound_or_too_large() -> None:
    refused(counting(), "Range node 'counting': the size of 'r' has no bound")
    bomb = [
        node("ConstantOfShape", ["many"], ["m"], name="bomb"),
        node("ReduceSum", ["m"], ["t"], keepdims=0),
        node("Mul", ["image", "t"], ["denoised"]),
    ]
    refused(network(bomb, [stored("many", [10**12], np.int64)]), "more than 268435456 elements", reason="oversized")
    tiled = [
        node("Tile", ["image", "r"], ["t"]),
        node("ReduceMax", ["t"], ["m"], keepdims=1, axes=[1]),
        node("Relu", ["m"], ["denoised"]),
    ]
    model = network(tiled, [stored("r", [1, 20_000, 1, 1], np.int64)])
    small = MANIFEST.replace("max = 64", "max = 64\ntypical = 8")
    refused(model, "[4, 20000, 64, 64]", small, reason="oversized")  # only at the greatest sizes


def test_claims_in_the_file_about_sizes_are_not_believed() -> None:
    model = counting()
    model.graph.value_info.append(helper.make_tensor_value_info("r", TensorProto.INT64, [8]))
    refused(model, "the size of 'r' has no bound")
    branch = helper.make_graph(
        list(model.graph.node), "b", [], list(model.graph.output), value_info=list(model.graph.value_info)
    )
    inside = branching("Neg")
    inside.graph.node[2].attribute[0].g.CopyFrom(branch)
    inside.graph.initializer.extend(model.graph.initializer)
    inner = inside.graph.node[2].attribute[0].g
    inner.node[-1].output[0] = inner.output[0].name = "inner"
    refused(inside, "the size of 'r' has no bound", listed("If"))
    by_data = [node("Cast", ["image"], ["s"], to=TensorProto.INT64), node("Reshape", ["s", "all"], ["flat"])]
    spread = [
        *by_data,
        node("Slice", ["flat", "zero", "four"], ["sizes"]),
        node("Expand", ["one", "sizes"], ["denoised"]),
    ]
    shape = [1, 1, 8, 8]
    model = network(
        spread,
        [stored("all", [-1], np.int64), stored("zero", [0], np.int64), stored("four", [4], np.int64), stored("one", 1)],
        inputs=[("image", F, shape)],
        outputs=[("denoised", F, shape)],
    )
    refused(model, "the size of 'denoised' has no bound", fixed(MANIFEST))


def test_too_many_nodes(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(graph, "MAX_NODES", 3)
    chain = [node("Relu", ["image"], ["a"]), node("Abs", ["a"], ["b"]), node("Neg", ["b"], ["denoised"])]
    assert check(network(chain)) == 0
    refused(
        network([*chain[:2], node("Neg", ["b"], ["c"]), node("Relu", ["c"], ["denoised"])]),
        "more than 3",
        reason="oversized",
    )


def listed(name: str) -> str:
    return MANIFEST.replace("opset = 17", f'opset = 17\ncontrol_flow = ["{name}"]')


def branching(operator: str, branch_input: str = "image") -> ModelProto:
    branches = {
        f"{word}_branch": helper.make_graph(
            [node(kind, [branch_input], [f"{word}_0"], name=f"{word}_a"), node("Relu", [f"{word}_0"], [f"{word}_1"])],
            word,
            [],
            [helper.make_tensor_value_info(f"{word}_1", F, None)],
        )
        for word, kind in (("then", operator), ("else", "Abs"))
    }
    top = node("ReduceMax", ["image"], ["top"], keepdims=0)
    return network(
        [top, node("Cast", ["top"], ["c"], to=TensorProto.BOOL), node("If", ["c"], ["denoised"], name="if", **branches)]
    )


def test_control_flow_needs_to_be_listed() -> None:
    refused(branching("Neg"), "If node 'if': operator If is not listed")
    assert check(branching("Neg"), listed("If")) == 0
    refused(branching("Neg"), "not listed", listed("Loop"))


def loop(operator: str, *inputs: str) -> ModelProto:
    body = helper.make_graph(
        [
            node("Identity", ["go"], ["going"]),
            node(operator, ["v", *inputs], ["w"], name="turn", **({"axis": 2} if operator == "Concat" else {})),
        ],
        "body",
        [
            helper.make_tensor_value_info("i", TensorProto.INT64, []),
            helper.make_tensor_value_info("go", TensorProto.BOOL, []),
            helper.make_tensor_value_info("v", F, [1, 1, 8, 8]),
        ],
        [helper.make_tensor_value_info("going", TensorProto.BOOL, []), helper.make_tensor_value_info("w", F, None)],
    )
    return network(
        [node("Loop", ["turns", "yes", "image"], ["denoised"], name="loop", body=body)],
        [stored("turns", 3, np.int64), stored("yes", True, np.bool_)],
        inputs=[("image", F, [1, 1, 8, 8])],
        outputs=[("denoised", F, [1, 1, 8, 8])],
    )


def test_a_loop_may_not_grow() -> None:
    manifest = fixed(listed("Loop"))
    refused(loop("Neg"), "not listed", manifest.replace("Loop", "If"))
    assert check(loop("Neg"), manifest) == 0
    refused(loop("Concat", "v"), "'v' may grow", manifest)


def test_graphs_nested_too_deep() -> None:
    inner = branching("Neg").graph.node[2]
    for depth in range(6):
        outer = helper.make_graph([inner], f"g{depth}", [], [helper.make_tensor_value_info("denoised", F, None)])
        inner = node("If", ["c"], ["denoised"], then_branch=outer, else_branch=outer)
    refused(network([*branching("Neg").graph.node[:2], inner]), "nested deeper", listed("If"), reason="oversized")
