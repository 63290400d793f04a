"""The few CUDA calls that running a plan needs, on PyCUDA; graphs go through cuda-bindings, where it is installed."""

import functools
import weakref
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import numpy as np
from numpy.typing import NDArray

from engine.cuda.capture import GraphCalls, find_graph_calls
from engine.errors import DeviceLost, Unavailable
from engine.extras import to_install

_NON_BLOCKING = 1  # CU_STREAM_NON_BLOCKING: does not wait for the default stream, which other libraries use


class Layer:
    """A device's primary context with one stream of its own. It belongs to the thread that made it.

    Every method but the constructor is called inside `with layer:`, which makes the context current; nothing stays
    current outside, so the order in which a process tears itself down does not matter. Each raises Unavailable for a
    failure after which the device still answers (too little memory), and DeviceLost for one after which it does not.
    """

    def __init__(self, driver: Any, graphs: GraphCalls | None, ordinal: int = 0) -> None:
        """`driver` is the module pycuda.driver; raises Unavailable, DeviceLost."""
        self._driver, self._graphs = driver, graphs
        self._context: Any = None
        with self._told("starting CUDA"):
            driver.init()
            device = driver.Device(ordinal)
            self.name: str = device.name()
            self.integrated = bool(device.get_attribute(driver.device_attribute.INTEGRATED))
            """The device shares its memory with the CPU."""
            self._context = device.retain_primary_context()
        weakref.finalize(self, self._context.detach)
        with self, self._told("making a stream"):
            self._stream = driver.Stream(_NON_BLOCKING)
        self.stream = int(self._stream.handle)
        """The stream, as TensorRT takes it."""

    def __enter__(self) -> "Layer":
        with self._told("making its context current"):
            self._context.push()
        return self

    def __exit__(self, *_: object) -> None:
        try:
            self._driver.Context.pop()
        except self._driver.Error:
            return  # a dead context; the error that killed it is on its way already

    def alloc(self, size: int) -> Any:
        """`size` bytes on the device; `int()` of it is the address; it is freed with its last reference."""
        with self._told(f"{size} bytes of device memory"):
            return self._driver.mem_alloc(size)

    def pinned(self, shape: tuple[int, ...], *, mapped: bool) -> NDArray[np.float32]:
        """Page-locked float32 memory of `shape`; `mapped`: the device can use it where it lies."""
        flags = self._driver.host_alloc_flags.DEVICEMAP if mapped else 0
        with self._told(f"page-locked memory for {list(shape)}"):
            array: NDArray[np.float32] = self._driver.pagelocked_empty(shape, np.float32, mem_flags=flags)
        return array

    def address(self, mapped: NDArray[np.float32]) -> int:
        """Where the device finds an array that `pinned` mapped."""
        with self._told("mapping memory"):
            base: Any = mapped.base
            return int(base.get_device_pointer())

    def copy_in(self, address: int, array: NDArray[np.float32]) -> None:
        """Queue a copy of page-locked `array` to the device."""
        with self._told("copying to the device"):
            self._driver.memcpy_htod_async(address, array, self._stream)

    def copy_out(self, array: NDArray[np.float32], address: int) -> None:
        """Queue a copy from the device into page-locked `array`."""
        with self._told("copying from the device"):
            self._driver.memcpy_dtoh_async(array, address, self._stream)

    def event(self) -> Any:
        """A mark that can be put into the stream any number of times."""
        with self._told("making an event"):
            return self._driver.Event()

    def record(self, event: Any) -> None:
        """Queue the mark."""
        with self._told("recording an event"):
            event.record(self._stream)

    def elapsed_ms(self, start: Any, end: Any) -> float:
        """Time between two marks that the device has passed."""
        with self._told("reading events"):
            return float(start.time_till(end))

    def synchronize(self) -> None:
        """Wait until everything queued is done."""
        with self._told("running"):
            self._stream.synchronize()

    @property
    def captures(self) -> bool:
        """Whether the four methods below can be called."""
        return self._graphs is not None

    def begin_capture(self) -> None:
        """From here to `end_capture`, work given to the stream is noted and not run; raises CaptureFailed."""
        self._graph_calls.begin(self.stream)

    def end_capture(self) -> Any:
        """The noted work, ready to launch; raises CaptureFailed."""
        return self._graph_calls.end(self.stream)

    def launch(self, graph: Any) -> None:
        """Queue noted work once more; raises CaptureFailed."""
        self._graph_calls.launch(graph, self.stream)

    def drop(self, graph: Any) -> None:
        """Free noted work."""
        self._graph_calls.drop(graph)

    def check(self, doing: str) -> None:
        """Raises DeviceLost when the context no longer answers. Not while a graph is captured: it would spoil it."""
        try:
            self._driver.Context.synchronize()
        except self._driver.Error as error:
            raise DeviceLost(f"the GPU failed while {doing} ({error})", self.name, "restart this process") from error

    @property
    def _graph_calls(self) -> GraphCalls:
        assert self._graphs is not None
        return self._graphs

    @contextmanager
    def _told(self, doing: str) -> Iterator[None]:
        """PyCUDA's errors as ours. Whether one is final is not in its words but in whether the context still answers.

        An error of a call that only asks (no device, invalid value) leaves the context as it was.
        """
        try:
            yield
        except self._driver.MemoryError as error:
            raise Unavailable(f"the GPU has no room for {doing} ({error})", mend="free GPU memory") from error
        except self._driver.Error as error:
            if self._context is not None:
                self.check(doing)
            raise Unavailable(f"CUDA failed while {doing} ({error})") from error


@functools.cache
def open_layer() -> Layer:
    """The first device's layer, one for this process; raises Unavailable when PyCUDA is missing or does not start."""
    try:
        import pycuda.driver
    except ImportError as error:
        mend = f"{to_install('gpu')}; on a Jetson: docs/jetson.md"
        raise Unavailable(f"PyCUDA cannot be imported ({error})", mend=mend) from error
    return Layer(pycuda.driver, find_graph_calls())
