"""Rules for the scales of quantised tensors."""

from collections.abc import Iterator
from typing import TYPE_CHECKING

import numpy as np

from engine.lint.fault import Findings, Found
from engine.lint.view import View, attribute, taken
from engine.package.nodes import named

if TYPE_CHECKING:
    from onnx import NodeProto

QUANTISERS = ("QuantizeLinear", "DequantizeLinear")
SCALE, ZERO = 1, 2
"""Places among the inputs of both."""


def bad_scale(view: View) -> Findings:
    """A stored scale that is zero, negative, NaN or infinite: the quantised value means nothing."""
    for node, name in first_uses(view, SCALE):
        scale = view.constant(name)
        if scale is None:
            continue
        values = np.atleast_1d(scale.astype(np.float64)).ravel()
        wrong = np.flatnonzero(~(np.isfinite(values) & (values > 0)))
        if wrong.size:
            channel = f" in channel {wrong[0]}" if values.size > 1 else ""
            what = f"scale {name!r} is {values[wrong[0]]:g}{channel}"
            yield Found(named(node), what, "a scale is positive and finite: calibrate again")


def made_scale(view: View) -> Findings:
    """A scale that is computed while the network runs: the parser takes it, and a builder died of it (signal 11)."""
    for node, name in first_uses(view, SCALE):
        if name not in view.stored:
            mend = "store a scale from calibration: TensorRT takes no dynamic quantisation"
            yield Found(named(node), f"scale {name!r} is computed from the input", mend)


def scale_size(view: View) -> Findings:
    """A stored tensor with another number of scales than it has channels along the stated axis."""
    for node in view.nodes_of(*QUANTISERS):
        scale, values = view.constant(taken(node, SCALE)), view.constant(taken(node, 0))
        if scale is None or values is None or scale.size == 1 or attribute(node, "block_size", 0):
            continue
        axis = attribute(node, "axis", 1)
        channels = values.shape[axis] if -values.ndim <= axis < values.ndim else 0
        if scale.ndim != 1 or scale.size != channels:
            what = f"{scale.size} scales for {channels} channels along axis {axis} of {list(values.shape)}"
            yield Found(named(node), what, "quantise again: one scale for the tensor, or one for each output channel")


def first_uses(view: View, place: int) -> "Iterator[tuple[NodeProto, str]]":
    """Each scale (or zero point) once: the first Q or DQ node that takes it, and where its value comes from."""
    told = set()
    for node in view.nodes_of(*QUANTISERS):
        name = view.origin(taken(node, place))
        if name and name not in told:
            told.add(name)
            yield node, name
