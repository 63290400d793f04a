"""Folding: the network computes the same, and what a convolution would lose by it stays."""

from collections import Counter

import numpy as np
import onnx
import pytest
from onnx import helper, numpy_helper

from engine.forms.fold import folded
from engine.forms.int8 import int8_form
from engine.package.graph import check_valid
from tests.engine.forms.networks import answer, as_inputs, frames, normed, residual, table, weights
from tests.engine.package_cases import SIZES, network, stored


def kinds(model: onnx.ModelProto) -> dict[str, int]:
    return Counter(node.op_type for node in model.graph.node)


def same(model: onnx.ModelProto) -> onnx.ModelProto:
    """The folded network, valid and with the same answer."""
    made = folded(model.SerializeToString())
    check_valid(made.SerializeToString(), "the folded network")
    image = frames(1)[0]
    np.testing.assert_allclose(answer(made, image), answer(model, image), rtol=1e-4, atol=1e-5)
    return made


def test_batch_normalisation_is_folded_into_the_convolution() -> None:
    rng = np.random.default_rng(4)
    nodes = [
        helper.make_node("Constant", [], ["a.w"], value=weights("a", 4, 1)[0]),
        helper.make_node("Conv", ["image", "a.w"], ["raw"], name="a", pads=[1, 1, 1, 1]),
        helper.make_node("BatchNormalization", ["raw", "gain", "shift", "mean", "variance"], ["normal"], epsilon=0.5),
        helper.make_node("Relu", ["normal"], ["denoised"]),
    ]
    values = {"gain": rng.normal(1, 0.3, 4), "shift": rng.normal(0, 1, 4), "mean": rng.normal(0, 1, 4)}
    tensors = [stored(name, array) for name, array in values.items()] + [stored("variance", rng.uniform(0.1, 2, 4))]
    model = network(nodes, tensors, outputs=[("denoised", 1, ["batch", 4, "y", "x"])])
    assert kinds(same(model)) == {"Conv": 1, "Relu": 1}


@pytest.mark.parametrize("bias", [("a.b",), (), ("",)], ids=["bias", "none", "left out"])
def test_parameters_that_are_called_as_what_the_norm_makes_keep_their_names(bias: tuple[str, ...]) -> None:
    made = same(normed(bias))
    assert kinds(made) == {"Conv": 1, "Relu": 1}
    names = [tensor.name for tensor in made.graph.initializer]
    assert len(set(names)) == len(names)


def test_a_parameter_that_another_node_reads_is_still_what_it_was() -> None:
    twice = helper.make_node("Add", ["bn.bias", "bn.bias"], ["bn.bias:folded"])
    model = normed(more=[twice])
    model.graph.node[-1].CopyFrom(helper.make_node("Add", ["bn", "bn.bias:folded"], ["denoised"]))
    assert kinds(same(model)) == {"Add": 2, "Conv": 1}


def test_its_int8_form_has_each_name_once() -> None:
    model = normed()
    data = int8_form(model.SerializeToString(), table(model, {"image": (0.0, 12.0)}), "s8")
    wanted = answer(model, frames(1)[0])
    np.testing.assert_allclose(answer(data, frames(1)[0]), wanted, atol=0.05 * np.abs(wanted).max())


def test_a_convolution_that_others_read_too_keeps_its_own_result() -> None:
    model = normed()
    model.graph.node[-1].CopyFrom(helper.make_node("Add", ["bn", "raw"], ["denoised"]))
    assert kinds(same(model)) == {"Conv": 1, "BatchNormalization": 1, "Add": 1}


def test_a_convolution_that_is_an_output_keeps_its_own_result() -> None:
    model = normed()
    model.graph.output.append(helper.make_tensor_value_info("raw", onnx.TensorProto.FLOAT, SIZES))
    assert kinds(same(model))["BatchNormalization"] == 1


@pytest.mark.parametrize("computed", ["bn.var", "a.w"])
def test_what_is_computed_is_not_folded(computed: str) -> None:
    model = normed()
    (tensor,) = (tensor for tensor in model.graph.initializer if tensor.name == computed)
    model.graph.initializer.append(stored("before", -numpy_helper.to_array(tensor)))
    model.graph.initializer.remove(tensor)
    model.graph.node.insert(0, helper.make_node("Neg", ["before"], [computed]))
    assert kinds(same(model))["BatchNormalization"] == 1


def test_another_layer_before_the_norm_is_not_folded_into() -> None:
    model = normed()
    model.graph.node[0].CopyFrom(helper.make_node("Identity", ["image"], ["raw"]))
    assert kinds(same(model))["BatchNormalization"] == 1


def test_what_is_stored_and_listed_as_an_input_is_stored_alone() -> None:
    model = as_inputs(residual())
    made = same(model)
    assert [value.name for value in made.graph.input] == ["image"]
    assert made.graph.initializer == model.graph.initializer
