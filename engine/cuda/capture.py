"""CUDA graphs through cuda-bindings: capture what a stream is given, then launch it as one."""

from typing import Any


class CaptureFailed(Exception):
    """The driver refused a step of capturing or launching a graph."""


class GraphCalls:
    """The driver's graph functions; `driver` is the module cuda.bindings.driver. The context must be current."""

    def __init__(self, driver: Any) -> None:
        self._driver = driver

    def begin(self, stream: int) -> None:
        """From here to `end`, work given to `stream` is noted and not run; raises CaptureFailed.

        Thread-local: in the global mode, a memory allocation in any other thread of the process would break both.
        """
        mode = self._driver.CUstreamCaptureMode.CU_STREAM_CAPTURE_MODE_THREAD_LOCAL
        self._done(self._driver.cuStreamBeginCapture(self._driver.CUstream(stream), mode))

    def end(self, stream: int) -> Any:
        """The noted work, ready to launch; raises CaptureFailed. The stream takes ordinary work again either way."""
        graph = self._done(self._driver.cuStreamEndCapture(self._driver.CUstream(stream)))
        try:
            return self._done(self._driver.cuGraphInstantiate(graph, 0))
        finally:
            self._driver.cuGraphDestroy(graph)

    def launch(self, graph: Any, stream: int) -> None:
        """Queue the noted work once more; raises CaptureFailed."""
        self._done(self._driver.cuGraphLaunch(graph, self._driver.CUstream(stream)))

    def drop(self, graph: Any) -> None:
        """Free a graph."""
        self._driver.cuGraphExecDestroy(graph)

    def _done(self, answer: tuple[Any, ...]) -> Any:
        code, *rest = answer
        if code != self._driver.CUresult.CUDA_SUCCESS:
            raise CaptureFailed(f"{code.name} ({int(code)})")
        return rest[0] if rest else None


def find_graph_calls() -> GraphCalls | None:
    """The functions, or None where cuda-bindings is not installed."""
    try:
        from cuda.bindings import driver
    except ImportError:
        return None
    return GraphCalls(driver)
