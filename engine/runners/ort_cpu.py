"""ONNX Runtime on the CPU: one thread, no spinning, buffers bound once per shape."""

from collections import OrderedDict
from dataclasses import dataclass

import numpy as np
import onnxruntime as ort
from numpy.typing import NDArray

from engine.errors import Unavailable
from engine.package import Package
from engine.package.sizes import shape_at
from engine.runners.batch import axis_sizes, check_values
from engine.seams import Backend

_PROVIDER = "CPUExecutionProvider"
_MOST_SHAPES = 8
_ERRORS_ONLY = 3


@dataclass(frozen=True, slots=True)
class _Bound:
    """One shape's memory, and the binding that points to it."""

    image: NDArray[np.float32]
    answers: tuple[NDArray[np.float32], ...]
    binding: ort.IOBinding


class OrtCpu:
    """A `Runner`. Not safe for several threads: one owns it."""

    def __init__(self, package: Package) -> None:
        manifest = package.manifest
        if len(manifest.inputs) != 1:
            mend = "this runner takes networks with one input: put several images into its channels"
            raise Unavailable(f"{len(manifest.inputs)} inputs", manifest.name, mend)
        self._input, self._outputs = manifest.inputs[0], manifest.outputs
        for tensor in (self._input, *self._outputs):
            if tensor.dtype != "float32":
                mend = "this runner takes and gives float32: convert inside the network"
                raise Unavailable(f"{tensor.name} is {tensor.dtype}", manifest.name, mend)
        try:
            self._session = ort.InferenceSession(package.model, _options(), providers=[_PROVIDER])
        except Exception as error:
            # ONNX Runtime's exceptions share no base class; whatever it says, this network cannot be run here.
            raise Unavailable(f"ONNX Runtime does not load the network ({error})", manifest.name) from error
        self._bound: OrderedDict[tuple[int, ...], _Bound] = OrderedDict()

    @property
    def backend(self) -> Backend:
        """Asked for and got."""
        return Backend("onnxruntime-cpu", _PROVIDER, self._session.get_providers()[0])

    def run(self, batch: NDArray[np.float32]) -> tuple[NDArray[np.float32], ...]:
        """The network's answers to `batch`, in memory that the next call with this shape overwrites.

        Raises InputRefused when `batch` is not what the manifest promises to take.
        """
        sizes = axis_sizes(batch, self._input)
        bound = self._bound.get(batch.shape) or self._bind(batch.shape, sizes)
        check_values(batch, self._input)
        np.copyto(bound.image, batch)
        self._session.run_with_iobinding(bound.binding)
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


def load(package: Package) -> OrtCpu:
    """The package's network in a session of its own; raises Unavailable."""
    return OrtCpu(package)


def _options() -> ort.SessionOptions:
    options = ort.SessionOptions()
    options.intra_op_num_threads = options.inter_op_num_threads = 1
    options.execution_mode = ort.ExecutionMode.ORT_SEQUENTIAL
    options.log_severity_level = _ERRORS_ONLY
    for pool in ("intra_op", "inter_op"):
        options.add_session_config_entry(f"session.{pool}.allow_spinning", "0")
    return options
