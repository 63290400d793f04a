"""What is right but makes a quantised network slower; said, never refused."""

from engine.lint.fault import Findings, Found
from engine.lint.scales import SCALE
from engine.lint.view import View, taken
from engine.package.nodes import named


def joined_scales(view: View) -> Findings:
    """A Concat of quantised tensors that do not share one scale: each is written again before it is joined."""
    for node in view.nodes_of("Concat"):
        quantisers = [view.maker(name, "DequantizeLinear") for name in node.input]
        scales = [view.constant(taken(quantiser, SCALE)) for quantiser in quantisers if quantiser is not None]
        values = {float(scale.flat[0]) for scale in scales if scale is not None and scale.size == 1}
        if len(values) > 1:
            what = f"its inputs have {len(values)} different scales"
            yield Found(named(node), what, "give the inputs of a Concat one scale, the greatest")


def half_quantised_sum(view: View) -> Findings:
    """An Add of one quantised and one float tensor: its output is float, with conversions around it."""
    for node in view.nodes_of("Add"):
        computed = [name for name in node.input if view.origin(name) not in view.stored]
        quantised = [name for name in computed if view.maker(name, "DequantizeLinear") is not None]
        if len(computed) == 2 and len(quantised) == 1:
            what = f"{quantised[0]!r} is quantised, the other branch is float"
            yield Found(named(node), what, "quantise both branches of the sum, or neither")
