"""cuda-bindings on the device of `gpu_double`, as far as graphs go, with no name that it lacks."""

from enum import IntEnum
from types import ModuleType

import pytest

from tests.engine.cuda.gpu_double import Gpu, Work, module


class CUresult(IntEnum):
    CUDA_SUCCESS = 0
    CUDA_ERROR_LAUNCH_FAILED = 719
    CUDA_ERROR_STREAM_CAPTURE_IMPLICIT = 906


class CUstreamCaptureMode(IntEnum):
    CU_STREAM_CAPTURE_MODE_THREAD_LOCAL = 1


class CUstream:
    def __init__(self, handle: int) -> None:
        self._handle = handle

    def __int__(self) -> int:
        return self._handle


def bindings_driver(gpu: Gpu) -> ModuleType:
    """The module cuda.bindings.driver on `gpu`, as far as graphs go."""
    good = CUresult.CUDA_SUCCESS

    def cuStreamBeginCapture(hStream: CUstream, mode: CUstreamCaptureMode) -> tuple[CUresult]:  # noqa: N802, N803
        assert mode is CUstreamCaptureMode.CU_STREAM_CAPTURE_MODE_THREAD_LOCAL
        gpu.streams[int(hStream)].captured = []
        return (good,)

    def cuStreamEndCapture(hStream: CUstream) -> tuple[CUresult, list[Work] | None]:  # noqa: N802, N803
        state = gpu.streams[int(hStream)]
        work, state.captured = state.captured, None
        if gpu.faults.capture_error:
            return CUresult.CUDA_ERROR_STREAM_CAPTURE_IMPLICIT, None
        gpu.graphs += 1
        return good, [] if gpu.faults.empty_graph else work

    def cuGraphInstantiate(hGraph: list[Work], flags: int) -> tuple[CUresult, list[Work]]:  # noqa: N802, N803
        gpu.graphs += 1
        return good, list(hGraph)

    def cuGraphDestroy(hGraph: list[Work]) -> tuple[CUresult]:  # noqa: N802, N803
        gpu.graphs -= 1
        return (good,)

    def cuGraphExecDestroy(hGraphExec: list[Work]) -> tuple[CUresult]:  # noqa: N802, N803
        gpu.graphs -= 1
        hGraphExec[:] = [lambda: pytest.fail("a destroyed graph ran")]
        return (good,)

    def cuGraphLaunch(hGraphExec: list[Work], hStream: CUstream) -> tuple[CUresult]:  # noqa: N802, N803
        gpu.launches += 1
        if gpu.launches == gpu.faults.launch_error_at:
            return (CUresult.CUDA_ERROR_LAUNCH_FAILED,)
        for work in hGraphExec:
            gpu.streams[int(hStream)].add(work)
        return (good,)

    return module(
        "cuda.bindings.driver",
        CUresult=CUresult,
        CUstream=CUstream,
        CUstreamCaptureMode=CUstreamCaptureMode,
        cuStreamBeginCapture=cuStreamBeginCapture,
        cuStreamEndCapture=cuStreamEndCapture,
        cuGraphInstantiate=cuGraphInstantiate,
        cuGraphDestroy=cuGraphDestroy,
        cuGraphExecDestroy=cuGraphExecDestroy,
        cuGraphLaunch=cuGraphLaunch,
    )
