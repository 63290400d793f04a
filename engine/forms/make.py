"""The forms of a package: taken from it where it carries them, made from its fp32 file where it does not."""

from collections.abc import Iterator, Mapping
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from engine.errors import PackageRefused, Unavailable
from engine.forms import BF16, FP16, FP32, INT8_S8, INT8_U8, MIXED, Form
from engine.forms.fold import folded
from engine.forms.half import half_form, mixed_form
from engine.forms.int8 import int8_form
from engine.forms.ranges import S8, U8, Ranges

if TYPE_CHECKING:
    from engine.package import Package

NAMES = (FP32, FP16, BF16, INT8_S8, INT8_U8, MIXED)


def make_form(package: "Package", name: str, ranges: Ranges | None = None) -> Form:
    """One form of a package; the same bytes on every machine.

    A form that the package carries is taken as it is, unless `ranges`, a table made at this site, is given for an int8
    one. Otherwise it is made: of model.onnx, and for int8 of the site's or the package's table of ranges. bf16 is the
    fp32 file: a runner computes it in bf16. Raises Unavailable for a name that is none and where a table is missing,
    PackageRefused for a network or table that cannot be used.
    """
    if name not in NAMES:
        raise Unavailable(f"no form is called {name!r}", package.manifest.name, f"known are {', '.join(NAMES)}")
    if name in (FP32, BF16):
        return Form(name, package.model)
    if name in package.forms and ranges is None:
        return Form(name, package.forms[name])
    if name == FP16:
        return Form(name, package.forms.get(name) or half_form(package.model, largest_values(package)))
    table = ranges or package.ranges
    if table is None:
        mend = f"make one with `scanside calibrate int8 {package.path.name}`"
        raise Unavailable(f"there is no table of ranges for {name}", package.manifest.name, mend)
    if name == MIXED:
        return Form(name, mixed_form(package.model, table, largest_values(package)))
    return Form(name, int8_form(package.model, table, S8 if name == INT8_S8 else U8))


def largest_values(package: "Package") -> dict[str, float]:
    """Tensor of the folded network -> its largest absolute value on the package's golden frames, and on harder ones."""
    import onnxruntime as ort
    from onnx import ValueInfoProto

    network = folded(package.model)
    named = {value.name for value in network.graph.output}
    made = [name for node in network.graph.node for name in node.output if name and name not in named]
    network.graph.output.extend(ValueInfoProto(name=name) for name in made)
    options = ort.SessionOptions()
    options.intra_op_num_threads = options.inter_op_num_threads = 1
    options.log_severity_level = 4
    options.graph_optimization_level = ort.GraphOptimizationLevel.ORT_DISABLE_ALL
    try:
        session = ort.InferenceSession(network.SerializeToString(), options, providers=["CPUExecutionProvider"])
    except Exception as error:
        # ONNX Runtime's exceptions share no base class.
        raise PackageRefused(f"ONNX Runtime cannot run it ({error})", package.manifest.name, reason="graph") from error
    names = [value.name for value in session.get_outputs() if value.type == "tensor(float)"]
    largest = dict.fromkeys(names, 0.0)
    for frame in _frames(package):
        for name, values in zip(names, session.run(names, frame), strict=True):
            largest[name] = max(largest[name], float(np.abs(values).max(initial=0.0)))
    return largest


def _frames(package: "Package") -> Iterator[Mapping[str, NDArray[np.generic]]]:
    """The golden frames, the same twice as intense, and one as intense as the manifest allows."""
    inputs = package.manifest.inputs
    count = len(package.golden[inputs[0].name])
    for number in range(count):
        yield {tensor.name: package.golden[tensor.name][number] for tensor in inputs}
        yield {
            tensor.name: np.clip(2 * package.golden[tensor.name][number], *tensor.range).astype(tensor.dtype)
            for tensor in inputs
        }
    yield {tensor.name: np.full_like(package.golden[tensor.name][0], tensor.range[1]) for tensor in inputs}
