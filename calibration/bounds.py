"""Ranges of a network's activations, read off histograms in several ways."""

import contextlib
import io
from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from calibration.frames import Frame
from engine.forms.int8 import activations
from engine.forms.ranges import S8, U8

if TYPE_CHECKING:
    import onnxruntime as ort
    from onnx import ModelProto

METHODS = ("minmax", "percentile-99.999", "percentile-99.99", "percentile-99.9", "entropy")
"""All but the first by onnxruntime.quantization."""

_BINS, _STEPS = 2048, 128
_DIGITS = 6

Bounds = dict[str, tuple[float, float]]
"""Activation -> lowest and highest value that keeps its own step."""


def read_bounds(network: "ModelProto", taken: str, frames: Sequence[Frame]) -> dict[str, Bounds]:
    """Method -> activation -> (lowest, highest) value, of a folded network's activations in int8."""
    from onnxruntime.quantization.calibrate import HistogramCollector

    names = list(dict.fromkeys((*activations(network, S8), *activations(network, U8))))
    made = [name for name in names if name != taken]
    session = showing(network, made)

    def values(frame: Frame) -> dict[str, NDArray[np.float32]]:
        return {taken: frame.batch, **dict(zip(made, session.run(made, {taken: frame.batch}), strict=True))}

    extent: Bounds = {}
    for frame in frames:
        for name, array in values(frame).items():
            low, high = extent.get(name, (0.0, 0.0))
            extent[name] = (min(low, float(array.min())), max(high, float(array.max())))
    collector = HistogramCollector("entropy", False, _BINS, _STEPS, 0.0, "same")
    bounds = {"minmax": extent}
    with contextlib.redirect_stdout(io.StringIO()):  # it prints what it does
        # The first values set the width of the bins, which does not change any more.
        collector.collect({name: np.array([-_far(e), _far(e)], np.float32) for name, e in extent.items()})
        for frame in frames:
            collector.collect(values(frame))
        for method in METHODS[1:]:
            word, _, percentile = method.partition("-")
            collector.percentile = float(percentile or 0)
            found = collector.compute_percentile() if word == "percentile" else collector.compute_entropy()
            bounds[method] = {name: _within(found[name][:2], extent[name]) for name in names}
    return {method: {name: _rounded(pair) for name, pair in found.items()} for method, found in bounds.items()}


def showing(network: "ModelProto", names: Sequence[str]) -> "ort.InferenceSession":
    """The network, executed as it is written, with these tensors, which it makes, among its outputs."""
    import onnxruntime as ort
    from onnx import ModelProto, ValueInfoProto

    shown = ModelProto()
    shown.CopyFrom(network)
    there = {value.name for value in shown.graph.output}
    shown.graph.output.extend(ValueInfoProto(name=name) for name in names if name not in there)
    options = ort.SessionOptions()
    options.intra_op_num_threads = options.inter_op_num_threads = 1
    options.graph_optimization_level = ort.GraphOptimizationLevel.ORT_DISABLE_ALL
    return ort.InferenceSession(shown.SerializeToString(), options, providers=["CPUExecutionProvider"])


def _far(extent: tuple[float, float]) -> float:
    return max(-extent[0], extent[1], 1e-6)


def _within(found: Sequence[NDArray[np.floating]], extent: tuple[float, float]) -> tuple[float, float]:
    """A histogram's edges lie beyond what it was filled with."""
    return max(float(found[0]), extent[0]), min(float(found[1]), extent[1])


def _rounded(pair: tuple[float, float]) -> tuple[float, float]:
    low, high = (float(f"{value:.{_DIGITS}g}") for value in pair)
    return low, high
