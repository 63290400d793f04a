"""Half precision by types: what is in half, what never is, and that types meet only in casts."""

from typing import Any

import numpy as np
import onnx
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from onnx import TensorProto, helper

from engine.errors import PackageRefused
from engine.forms.half import half_form, mixed_form
from tests.engine.forms.networks import answer, as_inputs, conv, frames, normed, residual, seen, table, weights
from tests.engine.package_cases import SIZES, network, stored


def types_of(data: bytes) -> dict[str, int]:
    graph = onnx.shape_inference.infer_shapes(onnx.load_from_string(data), strict_mode=True).graph
    typed = {v.name: v.type.tensor_type.elem_type for v in (*graph.value_info, *graph.input, *graph.output)}
    return typed | {t.name: t.data_type for t in graph.initializer}


def half_nodes(data: bytes) -> set[str]:
    """Kinds of the nodes that make something in half, casts aside."""
    types = types_of(data)
    graph = onnx.load_from_string(data).graph
    return {n.op_type for n in graph.node if n.op_type != "Cast" and types[n.output[0]] == TensorProto.FLOAT16}


def with_softmax() -> onnx.ModelProto:
    """image / 100 -> convolution -> Relu -> Softmax -> convolution; the image is added at the end."""
    nodes = [
        helper.make_node("Div", ["image", "hundred"], ["scaled"], name="brightness"),
        conv("a", "scaled", "a_out"),
        helper.make_node("Relu", ["a_out"], ["a_relu"]),
        helper.make_node("Softmax", ["a_relu"], ["shares"], axis=1),
        conv("c", "shares", "c_out"),
        helper.make_node("Sub", ["image", "c_out"], ["denoised"]),
    ]
    return network(nodes, [*weights("a", 4, 1), *weights("c", 1, 4), stored("hundred", 100.0)])


def test_products_are_in_half_and_what_needs_range_is_not() -> None:
    data = half_form(with_softmax().SerializeToString(), {"a_relu": 8000.0})
    assert half_nodes(data) == {"Conv", "Relu"}
    types = types_of(data)
    assert types["image"] == types["denoised"] == types["shares"] == TensorProto.FLOAT
    assert types["a.w:half"] == types["a_relu:half"] == TensorProto.FLOAT16


@pytest.mark.parametrize("model", [residual(), with_softmax()])
def test_it_computes_nearly_the_same(model: onnx.ModelProto) -> None:
    data = half_form(model.SerializeToString(), {})
    for image in frames(3):
        wanted = answer(model, image)
        np.testing.assert_allclose(answer(data, image), wanted, atol=4e-3 * np.abs(wanted).max())
        np.testing.assert_allclose(answer(data, image, optimised=True), wanted, atol=4e-3 * np.abs(wanted).max())


def test_an_image_of_high_snr_is_not_rounded_on_its_way_to_the_final_sum() -> None:
    # Half has a step of 8 at 10,000.
    model = with_softmax()
    image = np.full((1, 1, 16, 16), 9999.3, np.float32)
    assert np.abs(answer(half_form(model.SerializeToString(), {}), image) - answer(model, image)).max() < 0.01


@settings(max_examples=20, deadline=None)
@given(too_large=st.sets(st.sampled_from(["scaled", "a_out", "a_relu", "shares", "c_out"])))
def test_a_node_with_a_value_that_is_too_large_stays_in_float(too_large: set[str]) -> None:
    data = half_form(with_softmax().SerializeToString(), dict.fromkeys(too_large, 9000.0))
    types = types_of(data)
    graph = onnx.load_from_string(data).graph
    made = {n.name: types[n.output[0]] for n in graph.node if n.op_type == "Conv"}
    assert (made["a"] == TensorProto.FLOAT) == bool(too_large & {"scaled", "a_out"})
    assert (made["c"] == TensorProto.FLOAT) == bool(too_large & {"shares", "c_out"})


def holding(name: str, values: Any) -> onnx.ModelProto:
    """`residual` with other weights under one name."""
    model = residual()
    kept = [tensor for tensor in model.graph.initializer if tensor.name != name]
    del model.graph.initializer[:]
    model.graph.initializer.extend([*kept, stored(name, values)])
    return model


@pytest.mark.parametrize("value", [1e5, 1e-9, 1.1e-6])
def test_weights_that_half_does_not_hold_stay(value: float) -> None:
    types = types_of(half_form(holding("b.w", np.full((4, 4, 3, 3), value)).SerializeToString(), {}))
    assert types["b.w"] == types["b_out"] == TensorProto.FLOAT
    assert types["a.w:half"] == TensorProto.FLOAT16


def test_a_network_of_tiny_weights_does_not_answer_zero() -> None:
    model = network([conv("a", "image", "denoised")], [stored("a.w", np.full((1, 1, 3, 3), 1e-9)), stored("a.b", [0])])
    wanted = answer(model, frames(1)[0])
    np.testing.assert_allclose(answer(half_form(model.SerializeToString(), {}), frames(1)[0]), wanted, rtol=1e-3)


@pytest.mark.parametrize("small", [0.0, 1e-7])
def test_what_is_small_beside_the_other_weights_goes_along(small: float) -> None:
    channels = np.full((4, 4, 3, 3), 0.3)
    channels[1] = small
    for model in (holding("b.w", channels), holding("b.b", np.full(4, small))):
        assert types_of(half_form(model.SerializeToString(), {}))["b_out:half"] == TensorProto.FLOAT16


def test_weights_that_are_inputs_too_are_stored_alone() -> None:
    model, image = residual(), frames(1)[0]
    data, same = half_form(as_inputs(model).SerializeToString(), {}), half_form(model.SerializeToString(), {})
    assert onnx.load_from_string(data).graph == onnx.load_from_string(same).graph
    np.testing.assert_array_equal(answer(data, image), answer(same, image))


def test_a_norm_whose_parameters_are_called_as_what_it_makes() -> None:
    model, image = normed(), frames(1)[0]
    wanted = answer(model, image)
    data = half_form(model.SerializeToString(), {})
    assert half_nodes(data) == {"Conv", "Relu"}
    np.testing.assert_allclose(answer(data, image), wanted, atol=4e-3 * np.abs(wanted).max())


def test_shapes_that_contradict_each_other_are_refused_in_words() -> None:
    model = residual()
    model.graph.initializer.append(stored("a.w", [1.0]))
    with pytest.raises(PackageRefused, match="its shapes cannot be inferred") as caught:
        half_form(model.SerializeToString(), {})
    assert caught.value.reason == "graph"


def test_shared_weights_and_inner_graphs_get_each_what_they_read() -> None:
    flag = helper.make_tensor_value_info("chosen", TensorProto.FLOAT, SIZES)
    branches = [
        helper.make_graph([helper.make_node(kind, ["a_relu"], ["chosen"])], kind, [], [flag])
        for kind in ("Identity", "Neg")
    ]
    nodes = [
        conv("a", "image", "a_out"),
        helper.make_node("Relu", ["a_out"], ["a_relu"]),
        helper.make_node("ReduceMax", ["image"], ["most"], keepdims=0),
        helper.make_node("Greater", ["most", "a.b"], ["is_large"]),
        helper.make_node("If", ["is_large"], ["denoised"], then_branch=branches[0], else_branch=branches[1]),
    ]
    model = network(nodes, weights("a", 1, 1))
    data = half_form(model.SerializeToString(), {})
    np.testing.assert_allclose(answer(data, frames(1)[0]), answer(model, frames(1)[0]), atol=0.01)


def test_mixed_keeps_convolutions_in_int8_and_puts_the_rest_into_half() -> None:
    model = residual()
    ranges = table(model, seen(model, frames()), ("c",))
    data = mixed_form(model.SerializeToString(), ranges, {})
    loaded, types = onnx.load_from_string(data), types_of(data)
    assert loaded.opset_import[0].version == 19
    made = {name: node.op_type for node in loaded.graph.node for name in node.output}
    by_name = {n.name: n for n in loaded.graph.node if n.op_type == "Conv"}
    assert [made[name] for name in by_name["a"].input[:2]] == ["DequantizeLinear"] * 2
    assert [made[name] for name in by_name["b"].input[:2]] == ["DequantizeLinear"] * 2
    assert by_name["c"].input[1] == "c.w:half"
    assert {types[n.output[0]] for n in by_name.values()} == {TensorProto.FLOAT16}
    assert types["image"] == types["denoised"] == TensorProto.FLOAT
    image = frames(1, seed=2)[0]
    wanted = answer(model, image)
    assert np.abs(answer(data, image) - wanted).max() < 0.1 * np.abs(wanted).max()


def test_a_step_that_half_would_bend_stays_in_float() -> None:
    model = residual()
    tensors: dict[str, Any] = seen(model, frames()) | {"a_relu": (0.0, 1e-5)}
    types = types_of(mixed_form(model.SerializeToString(), table(model, tensors), {}))
    assert types["a_relu:scale"] == TensorProto.FLOAT
    assert types["sum:scale:half"] == TensorProto.FLOAT16


def test_the_same_network_makes_the_same_bytes() -> None:
    data = with_softmax().SerializeToString()
    assert half_form(data, {}) == half_form(data, {})
