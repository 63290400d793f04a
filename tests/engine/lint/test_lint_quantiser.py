"""Files of ONNX Runtime's own quantiser: as it makes them by default, and as TensorRT takes them."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from onnx.helper import make_node
from onnxruntime.quantization import CalibrationDataReader, QuantFormat, QuantType, quantize_static

from engine.lint import lint
from tests.engine.lint.graphs import network, weights
from tests.engine.lint.rtx import needs_rtx, try_all

FOR_TENSORRT = {"ActivationSymmetric": True, "WeightSymmetric": True, "QuantizeBias": False}
SIGNED = {"activation_type": QuantType.QInt8, "weight_type": QuantType.QInt8, "per_channel": True}


class Frames(CalibrationDataReader):
    """Four seeded pictures."""

    def __init__(self) -> None:
        random = np.random.default_rng(6)
        self._frames: Iterator[Any] = iter(random.standard_normal((4, 1, 4, 8, 8)).astype(np.float32))

    def get_next(self) -> dict[str, Any] | None:
        frame = next(self._frames, None)
        return None if frame is None else {"x": frame}


def quantise(folder: Path, **options: Any) -> bytes:
    """Two convolutions with a Relu between them, quantised."""
    held = {"w0": weights(4, 4, 3, 3), "b0": weights(4), "w1": weights(4, 4, 3, 3), "b1": weights(4)}
    nodes = [
        make_node("Conv", ["x", "w0", "b0"], ["a"], name="first", pads=[1, 1, 1, 1]),
        make_node("Relu", ["a"], ["b"], name="relu"),
        make_node("Conv", ["b", "w1", "b1"], ["y"], name="second", pads=[1, 1, 1, 1]),
    ]
    (folder / "net.onnx").write_bytes(network(nodes, held))
    quantize_static(folder / "net.onnx", folder / "int8.onnx", Frames(), **options)
    return (folder / "int8.onnx").read_bytes()


@pytest.mark.parametrize(
    ("options", "rules"),
    [
        ({}, {"zero-point", "bias-integer"}),
        ({"activation_type": QuantType.QUInt8}, {"integer-type", "zero-point", "bias-integer"}),
        ({"quant_format": QuantFormat.QOperator, **SIGNED}, {"operator", "zero-point"}),
        ({**SIGNED, "extra_options": FOR_TENSORRT}, set()),
    ],
)
def test_the_lint_tells_them_apart(tmp_path: Path, options: dict[str, Any], rules: set[str]) -> None:
    data = quantise(tmp_path, **options)
    assert {fault.rule for fault in lint(data, "tensorrt", "int8.onnx")} == rules


def test_a_cpu_takes_the_default(tmp_path: Path) -> None:
    assert lint(quantise(tmp_path), "cpu", "int8.onnx") == ()


@needs_rtx
def test_the_parser_agrees(tmp_path: Path) -> None:
    files = {"default": quantise(tmp_path), "tensorrt": quantise(tmp_path, **SIGNED, extra_options=FOR_TENSORRT)}
    assert [outcome.does for outcome in try_all(files, tmp_path).values()] == ["refuses", "builds"]
