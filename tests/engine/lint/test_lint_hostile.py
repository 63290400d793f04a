"""Whatever the bytes: faults or PackageRefused, never another exception."""

from contextlib import suppress

import onnx
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from engine.errors import PackageRefused
from engine.lint import TARGETS, advise, lint
from engine.lint.operators import LIMITS, UNREAD
from engine.lint.scales import QUANTISERS
from tests.engine.lint import operator_cases
from tests.engine.lint.faults import FAULTS, joined
from tests.engine.lint.graphs import quantised

SEEDS = [
    quantised(bias="int32"),
    quantised("MatMul", axis=1),
    joined(0.1),
    *(sides.beyond for sides in operator_cases.LIMITS[::3]),
]
OPERATORS = [*UNREAD, *(name for limit in LIMITS for name in limit.operators), *QUANTISERS]
OPERATORS += ["MatMul", "Pow", "Mul", "Clip", "Min", "Div", "Concat", "Loop", "Constant", "Cast"]


def tried(data: bytes) -> None:
    """Lint for every target and advise; the sentences are made too."""
    for target in TARGETS:
        with suppress(PackageRefused):
            assert all(str(fault) for fault in lint(data, target, "net.onnx"))
            assert all(str(fault) for fault in advise(data, "net.onnx"))


@settings(max_examples=150, deadline=None, derandomize=True)
@given(
    st.sampled_from(SEEDS),
    st.lists(st.tuples(st.integers(0, 1 << 16), st.integers(0, 255)), min_size=1, max_size=6),
)
def test_changed_bytes(seed: bytes, changes: list[tuple[int, int]]) -> None:
    data = bytearray(seed)
    for place, value in changes:
        data[place % len(data)] = value
    tried(bytes(data))


@settings(max_examples=150, deadline=None, derandomize=True)
@given(st.sampled_from(SEEDS), st.data())
def test_changed_nodes_and_weights(seed: bytes, draw: st.DataObject) -> None:
    model = onnx.load_from_string(seed)
    node = draw.draw(st.sampled_from(list(model.graph.node)))
    names = ["", "x", "y", *(tensor.name for tensor in model.graph.initializer)]
    del node.input[draw.draw(st.integers(0, len(node.input))) :]
    node.input.extend(draw.draw(st.lists(st.sampled_from(names), max_size=3)))
    del node.output[draw.draw(st.integers(0, len(node.output))) :]
    node.op_type = draw.draw(st.sampled_from([node.op_type, *OPERATORS]))
    if model.graph.initializer:
        tensor = draw.draw(st.sampled_from(list(model.graph.initializer)))
        tensor.data_type = draw.draw(st.sampled_from([tensor.data_type, 0, 1, 5, 8, 14, 16, 21, 85]))
        del tensor.dims[draw.draw(st.integers(0, len(tensor.dims))) :]
    tried(model.SerializeToString())


@pytest.mark.parametrize("data", [b"", b"not a network", FAULTS["NaN weight"].bad[:40]])
def test_no_network_at_all(data: bytes) -> None:
    tried(data)


def test_a_name_that_is_no_text_is_refused() -> None:
    data = quantised().replace(b"x_near", b"x_n\xff\xffr")
    with pytest.raises(PackageRefused, match="no text"):
        lint(data, "tensorrt", "net.onnx")


def test_values_kept_in_another_file_are_never_opened(tmp_path: object, monkeypatch: pytest.MonkeyPatch) -> None:
    model = onnx.load_from_string(quantised())
    (scale,) = (tensor for tensor in model.graph.initializer if tensor.name == "scale")
    scale.ClearField("raw_data")
    scale.data_location = onnx.TensorProto.EXTERNAL
    scale.external_data.add(key="location", value="other.bin")
    monkeypatch.setattr("onnx.external_data_helper.load_external_data_for_tensor", lambda *_: pytest.fail("opened"))
    assert "weights" in {fault.rule for fault in lint(model.SerializeToString(), "tensorrt", "net.onnx")}
