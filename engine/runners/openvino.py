"""OpenVINO on the CPU: one thread, one compiled network and one set of buffers per shape.

A network compiled for one shape is faster than one for any (measured: 1.0 to 1.1 times in float32, up to 2.8 times in
bf16), and costs a tenth of a second once. It never takes the signed int8 form: of that one OpenVINO 2026.4 may
make another network (5 dB worse on the shipped denoiser with its first convolution in int8), without a word.
"""

import sys
from collections import OrderedDict
from dataclasses import dataclass
from importlib import import_module
from types import ModuleType
from typing import Any

import numpy as np
from numpy.typing import NDArray

from engine.errors import Unavailable
from engine.forms import BF16, FP32, INT8_U8, Form
from engine.package import Package
from engine.package.sizes import shape_at
from engine.runners.batch import axis_sizes, check_values, float_tensors
from engine.seams import Backend


def _library() -> ModuleType:
    """OpenVINO without its telemetry, which tells Google Analytics of every import (2026.4); raises ImportError."""
    sys.modules.setdefault("openvino_telemetry", None)  # type: ignore[arg-type]
    return import_module("openvino")


ov = _library()

_DEVICE = "CPU"
_HINTS = {FP32: "f32", INT8_U8: "f32", BF16: "bf16"}
"""Form -> precision of what the file leaves in float."""
_LOW = ("bf16", "i8", "u8")
_MOST_SHAPES = 8


@dataclass(frozen=True, slots=True)
class _Compiled:
    """One shape's network with its memory."""

    image: NDArray[np.float32]
    answers: tuple[NDArray[np.float32], ...]
    request: Any


class OpenVino:
    """A `Runner`. Not safe for several threads: one owns it."""

    def __init__(self, package: Package, form: Form) -> None:
        manifest = package.manifest
        self._input, self._outputs = float_tensors(manifest)
        if form.name not in _HINTS:
            what = f"it does not take the form {form.name}"
            raise Unavailable(what, manifest.name, f"give it one of {', '.join(_HINTS)}")
        self._core = ov.Core()
        able = self._core.get_property(_DEVICE, "OPTIMIZATION_CAPABILITIES")
        if form.name == BF16 and "BF16" not in able:
            raise Unavailable("this CPU does not compute in bf16", manifest.name, "serve fp32 or int8-u8")
        try:
            self._model = self._core.read_model(form.data)
            self._hint = _HINTS[form.name]
            self._compiled: OrderedDict[tuple[int, ...], _Compiled] = OrderedDict()
            typical = {axis.name: axis.typical for axis in self._input.shape if not isinstance(axis, int)}
            first = self._compile(shape_at(self._input, typical), typical)
        except RuntimeError as error:
            said = str(error).strip().rpartition("\n")[2]
            raise Unavailable(f"OpenVINO does not load the network ({said})", manifest.name) from error
        got = first.request.get_compiled_model()
        kind = got.get_property("INFERENCE_PRECISION_HINT").get_type_name()
        kinds = sorted(set(self.convolutions())) or [kind]
        actual = f"{', '.join(got.get_property('EXECUTION_DEVICES'))} {' and '.join(kinds)}"
        self.backend = Backend("openvino", form.name, f"{_DEVICE} {self._hint}", actual)
        """Asked for and got."""
        if kind != self._hint:
            raise Unavailable(f"OpenVINO took {kind} instead of {self._hint}", manifest.name, "serve fp32")

    def run(self, batch: NDArray[np.float32]) -> tuple[NDArray[np.float32], ...]:
        """The network's answers to `batch`, in memory that the next call with this shape overwrites.

        Raises InputRefused when `batch` is not what the manifest promises to take.
        """
        sizes = axis_sizes(batch, self._input)
        compiled = self._compiled.get(batch.shape) or self._compile(batch.shape, sizes)
        check_values(batch, self._input)
        np.copyto(compiled.image, batch)
        compiled.request.start_async()  # `infer` would build a dictionary of copies
        compiled.request.wait()
        return compiled.answers

    def convolutions(self) -> list[str]:
        """The precision of every convolution as it runs, by the compiled network's own account."""
        compiled = next(iter(self._compiled.values())).request.get_compiled_model()
        told = [node.get_rt_info() for node in compiled.get_runtime_model().get_ops()]
        return [info["runtimePrecision"].astype(str) for info in told if info["layerType"].astype(str) == "Convolution"]

    def _compile(self, shape: tuple[int, ...], sizes: dict[str, int]) -> _Compiled:
        """The network for one more shape; the oldest goes when there are many."""
        if len(self._compiled) >= _MOST_SHAPES:
            self._compiled.popitem(last=False)
        self._model.reshape({self._input.name: list(shape)})
        settings = {
            "INFERENCE_PRECISION_HINT": self._hint,
            "INFERENCE_NUM_THREADS": 1,
            "NUM_STREAMS": 1,
            "ENABLE_CPU_PINNING": False,  # the loop's core is not taken from it
        }
        request = self._core.compile_model(self._model, _DEVICE, settings).create_infer_request()
        image = np.zeros(shape, np.float32)
        answers = tuple(np.zeros(shape_at(output, sizes), np.float32) for output in self._outputs)
        request.set_tensor(self._input.name, ov.Tensor(image, shared_memory=True))
        for output, answer in zip(self._outputs, answers, strict=True):
            request.set_tensor(output.name, ov.Tensor(answer, shared_memory=True))
        self._compiled[shape] = compiled = _Compiled(image, answers, request)
        return compiled


def load(package: Package, form: Form) -> OpenVino:
    """The network compiled for its typical shape; raises Unavailable."""
    return OpenVino(package, form)


def low_share(package: Package, form: Form) -> float | None:
    """Share of the convolutions that run below float32; None: the network has none."""
    precisions = OpenVino(package, form).convolutions()
    return sum(precision in _LOW for precision in precisions) / len(precisions) if precisions else None


def why_not() -> str:
    """What keeps OpenVINO from running on this CPU; empty: nothing."""
    try:
        return "" if _DEVICE in ov.Core().available_devices else "OpenVINO does not know this CPU"
    except RuntimeError as error:
        return f"OpenVINO does not start ({str(error).strip().rpartition(chr(10))[2]})"
