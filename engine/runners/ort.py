"""What every runner on ONNX Runtime shares: one thread, no spinning, buffers bound once per shape."""

from collections import OrderedDict
from dataclasses import dataclass

import numpy as np
import onnxruntime as ort
from numpy.typing import NDArray

from engine.errors import Unavailable
from engine.forms import BF16, Form
from engine.package import Package
from engine.package.sizes import shape_at
from engine.runners.batch import axis_sizes, check_values, float_tensors
from engine.seams import Backend

CPU = "CPUExecutionProvider"

_MOST_SHAPES = 8
_ERRORS_ONLY = 3


@dataclass(frozen=True, slots=True)
class _Bound:
    """One shape's memory, and the binding that points to it."""

    image: NDArray[np.float32]
    answers: tuple[NDArray[np.float32], ...]
    binding: ort.IOBinding


class OrtRunner:
    """A `Runner` over one session. Not safe for several threads: one owns it."""

    def __init__(self, package: Package, session: ort.InferenceSession, backend: Backend) -> None:
        self._input, self._outputs = float_tensors(package.manifest)
        self._session = session
        self.backend = backend
        """Asked for and got."""
        self._bound: OrderedDict[tuple[int, ...], _Bound] = OrderedDict()

    def run(self, batch: NDArray[np.float32]) -> tuple[NDArray[np.float32], ...]:
        """The network's answers to `batch`, in memory that the next call with this shape overwrites.

        Raises InputRefused when `batch` is not what the manifest promises to take.
        """
        sizes = axis_sizes(batch, self._input)
        bound = self._bound.get(batch.shape) or self._bind(batch.shape, sizes)
        check_values(batch, self._input)
        np.copyto(bound.image, batch)
        try:
            self._session.run_with_iobinding(bound.binding)
        except Exception as error:
            # ONNX Runtime's exceptions share no base class.
            raise Unavailable(f"ONNX Runtime fails on {list(batch.shape)} ({error})", self._input.name) from error
        return bound.answers

    def _bind(self, shape: tuple[int, ...], sizes: dict[str, int]) -> _Bound:
        """Memory for one more shape; the oldest goes when there are many."""
        if len(self._bound) >= _MOST_SHAPES:
            self._bound.popitem(last=False)
        image = np.zeros(shape, np.float32)
        answers = tuple(np.zeros(shape_at(output, sizes), np.float32) for output in self._outputs)
        binding = self._session.io_binding()
        binding.bind_input(self._input.name, "cpu", 0, np.float32, shape, image.ctypes.data)
        for output, answer in zip(self._outputs, answers, strict=True):
            binding.bind_output(output.name, "cpu", 0, np.float32, answer.shape, answer.ctypes.data)
        self._bound[shape] = bound = _Bound(image, answers, binding)
        return bound


def open_session(
    package: Package, form: Form, providers: list[str], options: ort.SessionOptions
) -> ort.InferenceSession:
    """The form's network in a session of its own; raises Unavailable for what ONNX Runtime cannot load."""
    float_tensors(package.manifest)
    if form.name == BF16:
        what = "bf16 is a hint that ONNX Runtime does not take: it would run fp32"
        raise Unavailable(what, package.manifest.name, "serve it with openvino")
    try:
        return ort.InferenceSession(form.data, options, providers=providers)
    except Exception as error:
        # ONNX Runtime's exceptions share no base class; whatever it says, this network cannot be run here.
        raise Unavailable(f"ONNX Runtime does not load the network ({error})", package.manifest.name) from error


def one_thread() -> ort.SessionOptions:
    """Options of a session that leaves the other cores alone."""
    options = ort.SessionOptions()
    options.intra_op_num_threads = options.inter_op_num_threads = 1
    options.execution_mode = ort.ExecutionMode.ORT_SEQUENTIAL
    options.log_severity_level = _ERRORS_ONLY
    for pool in ("intra_op", "inter_op"):
        options.add_session_config_entry(f"session.{pool}.allow_spinning", "0")
    return options
