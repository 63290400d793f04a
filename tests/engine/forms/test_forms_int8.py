"""int8 forms: what they compute, who reads what rounded, and against ONNX Runtime's own quantiser."""

from collections import Counter
from typing import Any

import numpy as np
import onnx
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as npst
from onnx import helper, numpy_helper

from engine.errors import PackageRefused
from engine.forms.int8 import activations, convolution_nodes, int8_form
from tests.engine.forms.networks import (
    answer,
    as_inputs,
    chain,
    conv,
    frames,
    residual,
    seen,
    session,
    table,
    weights,
)
from tests.engine.package_cases import network, stored


def made(model: onnx.ModelProto, kind: str, kept: tuple[str, ...] = ()) -> bytes:
    ranges = table(model, seen(model, frames()), kept)
    return int8_form(model.SerializeToString(), ranges, kind)


def stored_in(data: bytes) -> dict[str, Any]:
    return {t.name: numpy_helper.to_array(t) for t in onnx.load_from_string(data).graph.initializer}


@pytest.mark.parametrize("kind", ["s8", "u8"])
def test_numbers_on_the_grid_come_out_exact(kind: str) -> None:
    weight = np.array([[[[127]]], [[[-127]]], [[[64]]]])
    weight[2] = 127
    nodes = [helper.make_node("Conv", ["image", "w"], ["denoised"], name="only")]
    model = network(nodes, [stored("w", weight)], outputs=[("denoised", 1, ["batch", 3, "y", "x"])])
    grid = (-127.0, 127.0) if kind == "s8" else (0.0, 255.0)
    image = np.arange(128, dtype=np.float32).reshape(1, 1, 8, 16)
    form = int8_form(model.SerializeToString(), table(model, {"image": grid}), kind)
    np.testing.assert_array_equal(answer(form, image), answer(model, image))


@settings(max_examples=25, deadline=None)
@given(
    image=npst.arrays(np.float32, (1, 1, 8, 8), elements=st.floats(0, 50, width=32)),
    weight=npst.arrays(np.float32, (3, 1, 3, 3), elements=st.floats(-2, 2, width=32)),
    kind=st.sampled_from(["s8", "u8"]),
)
def test_one_convolution_is_within_half_a_step_of_each_factor(image: Any, weight: Any, kind: str) -> None:
    nodes = [helper.make_node("Conv", ["image", "w"], ["denoised"], name="only", pads=[1, 1, 1, 1])]
    model = network(nodes, [stored("w", weight)], outputs=[("denoised", 1, ["batch", 3, "y", "x"])])
    top = float(max(image.max(), 1e-3))
    form = int8_form(model.SerializeToString(), table(model, {"image": (0.0, top)}), kind)
    image_step = top / (127 if kind == "s8" else 255)
    weight_step = np.abs(weight).max((1, 2, 3)) / 127
    most = np.abs(weight).sum((1, 2, 3)) * image_step / 2 + 9 * (top + image_step) * weight_step / 2
    off = np.abs(answer(form, image) - answer(model, image)).max((0, 2, 3))
    assert (off <= most * 1.001 + 1e-4).all()


@pytest.mark.parametrize("kind", ["s8", "u8"])
def test_steps_and_weights_are_those_of_onnx_runtimes_quantiser(kind: str) -> None:
    from onnxruntime.quantization import QuantType
    from onnxruntime.quantization.calibrate import TensorData
    from onnxruntime.quantization.qdq_quantizer import QDQQuantizer

    model, image = chain(), frames(1, seed=9)[0]
    tensors = seen(model, frames())
    ours = int8_form(model.SerializeToString(), table(model, tensors), kind)
    given = {
        name: TensorData(lowest=np.float32(low), highest=np.float32(high)) for name, (low, high) in tensors.items()
    }
    signed = kind == "s8"
    more: dict[str, Any] = {"ActivationSymmetric": signed, "WeightSymmetric": True, "QuantizeBias": not signed}
    more["OpTypesToExcludeOutputQuantization"] = ["Conv"]
    activation = QuantType.QInt8 if signed else QuantType.QUInt8
    kinds = ["Conv"] if signed else ["Conv", "Relu"]
    whole = onnx.shape_inference.infer_shapes(model)
    theirs = QDQQuantizer(whole, True, False, QuantType.QInt8, activation, given, [], [], kinds, more).quantize_model()
    mine, other = stored_in(ours), stored_in(theirs.SerializeToString())
    for name in ("a", "b"):
        np.testing.assert_array_equal(mine[f"{name}:weight:int"], other[f"{name}.w_quantized"])
        np.testing.assert_allclose(mine[f"{name}:weight:scale"], other[f"{name}.w_scale"], rtol=1e-6)
    for name in ("image", "a_relu"):
        np.testing.assert_allclose(mine[f"{name}:scale"], other[f"{name}_scale"], rtol=1e-6)
        assert mine[f"{name}:zero"] == other[f"{name}_zero_point"]
    np.testing.assert_allclose(answer(ours, image), answer(theirs, image), atol=1e-4)


def test_a_residual_sum_reads_what_was_not_rounded() -> None:
    for kind in ("s8", "u8"):
        graph = onnx.load_from_string(made(residual(), kind)).graph
        total = next(node for node in graph.node if node.op_type == "Add")
        # On a CPU what the first convolution makes leaves it rounded: it was fused with its Relu.
        assert list(total.input) == ["a_relu" if kind == "s8" else "a_relu:rounded", "b_out"]
        last = next(node for node in graph.node if node.name == "c")
        assert last.input[0] == "sum:rounded"


def test_a_convolution_in_float_reads_and_makes_what_was_not_rounded() -> None:
    graph = onnx.load_from_string(made(residual(), "s8", ("c",))).graph
    last = next(node for node in graph.node if node.name == "c")
    assert list(last.input) == ["sum", "c.w", "c.b"]


def test_tensorrt_gets_no_zero_points_no_int32_and_the_first_axis() -> None:
    data = made(residual(), "s8")
    values, graph = stored_in(data), onnx.load_from_string(data).graph
    assert all(not array.any() for name, array in values.items() if name.endswith(":zero"))
    assert {array.dtype.name for array in values.values()} == {"float32", "int8"}
    axes = [a.i for n in graph.node for a in n.attribute if n.op_type == "DequantizeLinear" and a.name == "axis"]
    assert axes == [0, 0, 0]
    assert [o.version for o in onnx.load_from_string(data).opset_import] == [17]


def test_a_cpu_runs_a_convolution_with_its_relu_as_one_int8_kernel(tmp_path: Any) -> None:
    import onnxruntime as ort

    options = ort.SessionOptions()
    options.optimized_model_filepath = str(tmp_path / "o.onnx")
    ort.InferenceSession(made(chain(), "u8"), options, providers=["CPUExecutionProvider"])
    kinds = Counter(node.op_type for node in onnx.load(tmp_path / "o.onnx").graph.node)
    assert kinds["QLinearConv"] == 1
    assert kinds["Conv"] == 1, "no Relu follows: what it makes is not rounded, so ONNX Runtime computes it in float"
    assert kinds["FusedConv"] + kinds["Relu"] == 0


@pytest.mark.parametrize("kind", ["s8", "u8"])
def test_optimised_and_as_written_agree(kind: str) -> None:
    form = made(residual(), kind)
    for image in frames(2, seed=5):
        exact, near = answer(form, image), answer(form, image, optimised=True)
        assert np.abs(near - exact).max() <= 0.02 * np.abs(exact).max()


@pytest.mark.parametrize("kind", ["s8", "u8"])
def test_dead_channels_even_ranges_and_large_biases_do_no_harm(kind: str) -> None:
    weight = np.zeros((3, 1, 3, 3), np.float32)
    weight[1] = 1e-20
    bias = np.array([1e6, -1e6, 0.5], np.float32)
    nodes = [helper.make_node("Conv", ["image", "w", "b"], ["denoised"], name="only", pads=[1, 1, 1, 1])]
    model = network(nodes, [stored("w", weight), stored("b", bias)], outputs=[("denoised", 1, ["batch", 3, "y", "x"])])
    form = int8_form(model.SerializeToString(), table(model, {"image": (0.0, 0.0)}), kind)
    np.testing.assert_allclose(answer(form, frames(1)[0])[0, :, 0, 0], bias, rtol=1e-6)


def test_three_dimensions() -> None:
    sizes: list[Any] = ["batch", 1, "z", "y", "x"]
    nodes = [helper.make_node("Conv", ["image", "w"], ["denoised"], name="only", pads=[1] * 6)]
    model = network(
        nodes,
        [stored("w", np.random.default_rng(0).standard_normal((1, 1, 3, 3, 3)))],
        inputs=[("image", 1, sizes)],
        outputs=[("denoised", 1, sizes)],
    )
    image = np.random.default_rng(1).uniform(0, 4, (1, 1, 6, 7, 8)).astype(np.float32)
    for kind in ("s8", "u8"):
        form = int8_form(model.SerializeToString(), table(model, {"image": (0.0, 4.0)}), kind)
        assert np.abs(answer(form, image) - answer(model, image)).max() < 0.3


def test_the_same_table_makes_the_same_bytes() -> None:
    model = residual()
    assert made(model, "s8") == made(model, "s8")
    assert made(model, "u8") != made(model, "s8")


def test_the_weights_that_are_now_integers_are_gone() -> None:
    data = made(residual(), "u8")
    assert not {"a.w", "b.w", "a.b"} & stored_in(data).keys()
    session(data)


def test_unnamed_convolutions_are_called_by_what_they_make() -> None:
    model = residual()
    for node in model.graph.node:
        node.name = ""
    assert list(convolution_nodes(model)) == ["a_out", "b_out", "denoised"]
    assert activations(model, "u8") == activations(model, "s8") == ("image", "a_relu", "sum")


def test_a_table_that_does_not_fit_is_refused_in_words() -> None:
    model = residual()
    whole = seen(model, frames())
    data = model.SerializeToString()
    with pytest.raises(PackageRefused, match="made for model"):
        int8_form(chain().SerializeToString(), table(model, whole), "s8")
    with pytest.raises(PackageRefused, match="no range for 'sum' in s8"):
        int8_form(data, table(model, {n: r for n, r in whole.items() if n != "sum"}), "s8")
    with pytest.raises(PackageRefused, match="keeps 'z' in float, which is no convolution"):
        int8_form(data, table(model, whole, ("z",)), "s8")
    with pytest.raises(PackageRefused, match="it has no u8, only s8"):
        int8_form(data, table(model, whole, kinds=("s8",)), "u8")


@pytest.mark.parametrize("kind", ["s8", "u8"])
def test_a_convolution_of_a_stored_tensor_stays_in_float(kind: str) -> None:
    nodes = [
        conv("k", "constant", "k_out"),
        helper.make_node("Add", ["image", "k_out"], ["sum"]),
        conv("c", "sum", "denoised"),
    ]
    grid = np.random.default_rng(3).standard_normal((1, 1, 16, 16))
    model = network(nodes, [*weights("k", 1, 1), *weights("c", 1, 1), stored("constant", grid)])
    assert list(convolution_nodes(model)) == ["c"]
    assert "constant" not in activations(model, kind)
    form = int8_form(model.SerializeToString(), table(model, seen(model, frames())), kind)
    wanted = answer(model, frames(1)[0])
    np.testing.assert_allclose(answer(form, frames(1)[0]), wanted, atol=0.05 * np.abs(wanted).max())


@pytest.mark.parametrize("kind", ["s8", "u8"])
def test_weights_that_are_inputs_too_become_integers(kind: str) -> None:
    model = residual()
    listed = as_inputs(model)
    form = onnx.load_from_string(int8_form(listed.SerializeToString(), table(listed, seen(model, frames())), kind))
    assert form.graph == onnx.load_from_string(made(model, kind)).graph


@pytest.mark.parametrize("high", [3e38, 1e-29])
def test_a_step_that_float32_does_not_hold_is_refused(high: float) -> None:
    weight = np.full((1, 1, 3, 3), 1e5 if high > 1 else 1e-20)
    nodes = [helper.make_node("Conv", ["image", "w", "b"], ["denoised"], name="only", pads=[1, 1, 1, 1])]
    model = network(nodes, [stored("w", weight), stored("b", [0])])
    ranges = table(model, {"image": (0.0, high)})
    int8_form(model.SerializeToString(), ranges, "s8")  # its bias is in float and has no step
    with pytest.raises(PackageRefused, match="float32 does not hold the steps of its bias that the range of 'only'"):
        int8_form(model.SerializeToString(), ranges, "u8")
