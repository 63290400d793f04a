"""TensorRT that is none: a plan is an ONNX file behind a word, executed by ONNX Runtime, so that its numbers are true.

It works on the memory of `gpu_double`, at the addresses it is given, when the stream is waited for and not before.
"""

from dataclasses import dataclass
from enum import Enum
from types import ModuleType
from typing import Any

import numpy as np
import onnxruntime as ort

from tests.engine.cuda.gpu_double import Gpu, module

MARK = b"plan of the double:"


@dataclass
class TrtFaults:
    """What goes wrong, and when."""

    deserialize_none: bool = False
    context_none: bool = False
    raises: str = ""
    refused_at: int = -1
    """Number of the execution that answers False."""
    dies_in: str = ""
    """"shape" or "execute": that call answers False because the context died."""
    refuse_capture: bool = False
    half_input: bool = False
    other_size: bool = False
    report: str = '{"Layers": [], "Bindings": []}'


class DataType(Enum):
    FLOAT = 0
    HALF = 1


class TensorIOMode(Enum):
    INPUT = 1
    OUTPUT = 2


class LayerInformationFormat(Enum):
    JSON = 1


class Severity(Enum):
    INTERNAL_ERROR = 0
    ERROR = 1
    WARNING = 2
    INFO = 3


def tensorrt(gpu: Gpu, faults: TrtFaults, largest: int = 64) -> ModuleType:
    """The module tensorrt on `gpu`; plans take sizes from 8 to `largest`."""

    class ILogger:
        Severity = Severity

        def log(self, severity: Severity, msg: str) -> None:
            raise NotImplementedError

    class Runtime:
        def __init__(self, logger: ILogger) -> None:
            self._logger = logger
            if faults.raises:
                raise RuntimeError(faults.raises)

        def deserialize_cuda_engine(self, serialized_engine: bytes) -> "ICudaEngine | None":
            assert gpu.current, "no context is current: a graph captured later would be empty"
            self._logger.log(Severity.INFO, "Loaded engine size: 1 MiB")
            if faults.deserialize_none or not serialized_engine.startswith(MARK):
                self._logger.log(Severity.ERROR, "IRuntime::deserializeCudaEngine: Error Code 1: magicTag differs")
                return None
            return ICudaEngine(serialized_engine.removeprefix(MARK), self._logger)

    class ICudaEngine:
        def __init__(self, network: bytes, logger: ILogger) -> None:
            self._session = ort.InferenceSession(network, providers=["CPUExecutionProvider"])
            self._logger = logger
            self._modes = {tensor.name: TensorIOMode.INPUT for tensor in self._session.get_inputs()}
            self._modes |= {tensor.name: TensorIOMode.OUTPUT for tensor in self._session.get_outputs()}

        @property
        def num_io_tensors(self) -> int:
            return len(self._modes)

        def get_tensor_name(self, index: int) -> str:
            return list(self._modes)[index]

        def get_tensor_mode(self, name: str) -> TensorIOMode:
            return self._modes[name]

        def get_tensor_dtype(self, name: str) -> DataType:
            half = faults.half_input and self._modes[name] is TensorIOMode.INPUT
            return DataType.HALF if half else DataType.FLOAT

        def create_execution_context(self) -> "IExecutionContext | None":
            if faults.context_none:
                self._logger.log(Severity.ERROR, "Requested amount of GPU memory could not be allocated")
                return None
            return IExecutionContext(self._session)

        def create_engine_inspector(self) -> "EngineInspector":
            return EngineInspector()

    class IExecutionContext:
        def __init__(self, session: Any) -> None:
            self._session = session
            self._shapes: dict[str, tuple[int, ...]] = {}
            self._addresses: dict[str, int] = {}
            self._executed = 0

        def set_input_shape(self, name: str, shape: tuple[int, ...]) -> bool:
            if faults.dies_in == "shape":
                gpu.dead = "an illegal memory access was encountered"
                return False
            if not all(8 <= size <= largest for size in shape[2:]):
                return False
            answers = self._session.run(None, {name: np.zeros(shape, np.float32)})
            self._shapes = {name: shape}
            for output, answer in zip(self._session.get_outputs(), answers, strict=True):
                self._shapes[output.name] = (*answer.shape[:-1], answer.shape[-1] + faults.other_size)
            return True

        def infer_shapes(self) -> list[str]:
            return []

        def get_tensor_shape(self, name: str) -> tuple[int, ...]:
            return self._shapes[name]

        def set_tensor_address(self, name: str, memory: int) -> bool:
            self._addresses[name] = memory
            return True

        def execute_async_v3(self, stream_handle: int) -> bool:
            self._executed += 1
            state = gpu.streams[stream_handle]
            if self._executed == faults.refused_at or (faults.refuse_capture and state.captured is not None):
                return False
            if faults.dies_in == "execute":
                gpu.dead = "an illegal memory access was encountered"
                return False
            addresses, shapes = dict(self._addresses), dict(self._shapes)
            state.add(lambda: self._run(addresses, shapes))
            return True

        def _run(self, addresses: dict[str, int], shapes: dict[str, tuple[int, ...]]) -> None:
            def at(name: str) -> np.ndarray:
                return gpu.bytes_at(addresses[name], 4 * int(np.prod(shapes[name]))).view(np.float32)

            taken = self._session.get_inputs()[0].name
            answers = self._session.run(None, {taken: at(taken).reshape(shapes[taken])})
            for output, answer in zip(self._session.get_outputs(), answers, strict=True):
                at(output.name)[:] = answer.reshape(-1)

    class EngineInspector:
        execution_context: IExecutionContext

        def get_engine_information(self, format: LayerInformationFormat) -> str:  # noqa: A002
            assert self.execution_context
            return faults.report

    return module(
        "tensorrt",
        ILogger=ILogger,
        Runtime=Runtime,
        ICudaEngine=ICudaEngine,
        IExecutionContext=IExecutionContext,
        EngineInspector=EngineInspector,
        TensorIOMode=TensorIOMode,
        DataType=DataType,
        LayerInformationFormat=LayerInformationFormat,
    )
