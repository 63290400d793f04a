"""A device that is none: memory by address, streams that run only when waited for, and every fault on request.

`pycuda_driver` is what PyCUDA would be on it, with no name that it lacks.
"""

import itertools
import threading
from collections.abc import Callable
from dataclasses import dataclass, field
from types import ModuleType, SimpleNamespace
from typing import Any

import numpy as np

Work = Callable[[], None]


def module(name: str, **names: Any) -> ModuleType:
    made = ModuleType(name)
    vars(made).update(names)
    return made


@dataclass
class Faults:
    """What goes wrong, and when."""

    out_of_memory_at: int = -1
    """Allocation number."""
    lost_at: int = -1
    """Wait number at which the context dies."""
    refused_copy_at: int = -1
    """Number of the copy to the device that fails, and the device goes on."""
    empty_graph: bool = False
    capture_error: bool = False
    launch_error_at: int = -1
    """Launch number."""


@dataclass
class Gpu:
    """The device."""

    integrated: bool = False
    faults: Faults = field(default_factory=Faults)
    memory: dict[int, np.ndarray] = field(default_factory=dict)
    streams: dict[int, "StreamState"] = field(default_factory=dict)
    current: list[int] = field(default_factory=list)
    """Threads that pushed the context, innermost last."""
    allocations: int = 0
    waits: int = 0
    copies: int = 0
    launches: int = 0
    graphs: int = 0
    """Alive, captured and executable ones."""
    given_back: int = 0
    """Times that the context was given back."""
    clock_ms: float = 0.0
    dead: str = ""
    numbers: Any = field(default_factory=lambda: itertools.count(0x7F00_0000_0000, 0x1000_0000))

    def place(self, array: np.ndarray) -> int:
        address = next(self.numbers)
        self.memory[address] = array
        return address

    def bytes_at(self, address: int, size: int) -> np.ndarray:
        """What lies there; a wrong address kills the context, as on a real device."""
        held = self.memory.get(int(address))
        if held is None or held.nbytes < size:
            self.dead = "an illegal memory access was encountered"
            return np.zeros(size, np.uint8)
        return held.reshape(-1).view(np.uint8)[:size]


@dataclass
class StreamState:
    queued: list[Work] = field(default_factory=list)
    captured: list[Work] | None = None

    def add(self, work: Work) -> None:
        (self.queued if self.captured is None else self.captured).append(work)


def pycuda_driver(gpu: Gpu) -> ModuleType:
    """The module pycuda.driver on `gpu`."""

    class Error(Exception):
        pass

    class LogicError(Error):
        pass

    class LaunchError(Error):
        pass

    class MemoryError(Error):  # noqa: A001
        pass

    def alive(call: str) -> None:
        if gpu.dead:
            raise LaunchError(f"{call} failed: {gpu.dead}")
        if not gpu.current or gpu.current[-1] != threading.get_ident():
            raise LogicError(f"{call} failed: invalid device context")

    def allocated(call: str) -> None:
        alive(call)
        gpu.allocations += 1
        if gpu.allocations == gpu.faults.out_of_memory_at:
            raise MemoryError(f"{call} failed: out of memory")

    def drain(call: str) -> None:
        alive(call)
        gpu.waits += 1
        if gpu.waits == gpu.faults.lost_at:
            gpu.dead = "an illegal memory access was encountered"
        for state in gpu.streams.values():
            if state.captured is not None:
                raise LogicError(f"{call} failed: operation not permitted when stream is capturing")
            for work in state.queued:
                gpu.clock_ms += 0.25
                work()
            state.queued.clear()
        alive(call)

    class Context:
        def push(self) -> None:
            if gpu.dead:
                raise LogicError(f"cuCtxPushCurrent failed: {gpu.dead}")
            gpu.current.append(threading.get_ident())

        @staticmethod
        def pop() -> None:
            gpu.current.pop()

        @staticmethod
        def synchronize() -> None:
            drain("cuCtxSynchronize")

        def detach(self) -> None:
            assert not gpu.current, "given back while current"
            gpu.given_back += 1

    class Device:
        def __init__(self, ordinal: int) -> None:
            assert ordinal == 0

        def name(self) -> str:
            return "double"

        def get_attribute(self, attribute: str) -> int:
            return {"integrated": int(gpu.integrated)}[attribute]

        def retain_primary_context(self) -> Context:
            return Context()

    class Stream:
        def __init__(self, flags: int = 0) -> None:
            alive("cuStreamCreate")
            assert flags == 1, "the default stream would wait for other libraries"
            self.handle = len(gpu.streams) + 17
            gpu.streams[self.handle] = StreamState()

        def synchronize(self) -> None:
            drain("cuStreamSynchronize")

    class Event:
        def __init__(self, flags: int = 0) -> None:
            alive("cuEventCreate")
            self._at: float | None = None

        def record(self, stream: Stream) -> "Event":
            alive("cuEventRecord")
            gpu.streams[stream.handle].add(self._pass)
            return self

        def time_till(self, event: "Event") -> float:
            assert self._at is not None
            assert event._at is not None
            return event._at - self._at

        def _pass(self) -> None:
            self._at = gpu.clock_ms

    class DeviceAllocation:
        def __init__(self, size: int) -> None:
            self._address = gpu.place(np.full(size, 0xA5, np.uint8))

        def __int__(self) -> int:
            return self._address

        def __del__(self) -> None:
            gpu.memory.pop(self._address, None)

    class PagelockedHostAllocation:
        def __init__(self, shape: tuple[int, ...], mapped: bool) -> None:
            self._memory = np.full(shape, np.nan, np.float32)
            self._address = gpu.place(self._memory) if mapped else 0
            self.__array_interface__ = self._memory.__array_interface__

        def __del__(self) -> None:
            gpu.memory.pop(self._address, None)

        def get_device_pointer(self) -> int:
            if not self._address:
                raise LogicError("cuMemHostGetDevicePointer failed: invalid argument")
            return self._address

    def mem_alloc(size: int) -> DeviceAllocation:
        allocated("cuMemAlloc")
        return DeviceAllocation(size)

    def pagelocked_empty(shape: tuple[int, ...], dtype: Any, order: str = "C", mem_flags: int = 0) -> np.ndarray:
        allocated("cuMemHostAlloc")
        assert dtype == np.float32
        return np.asarray(PagelockedHostAllocation(shape, mem_flags == 2))

    def locked(array: np.ndarray) -> np.ndarray:
        assert isinstance(array.base, PagelockedHostAllocation), "copied from memory that is not page-locked"
        return array.reshape(-1).view(np.uint8)

    def memcpy_htod_async(dest: int, src: np.ndarray, stream: Stream) -> None:
        alive("cuMemcpyHtoDAsync")
        gpu.copies += 1
        if gpu.copies == gpu.faults.refused_copy_at:
            raise LogicError("cuMemcpyHtoDAsync failed: invalid argument")
        host = locked(src)
        gpu.streams[stream.handle].add(lambda: np.copyto(gpu.bytes_at(dest, host.nbytes), host))

    def memcpy_dtoh_async(dest: np.ndarray, src: int, stream: Stream) -> None:
        alive("cuMemcpyDtoHAsync")
        host = locked(dest)
        gpu.streams[stream.handle].add(lambda: np.copyto(host, gpu.bytes_at(src, host.nbytes)))

    def init() -> None:
        pass

    return module(
        "pycuda.driver",
        Error=Error,
        LogicError=LogicError,
        LaunchError=LaunchError,
        MemoryError=MemoryError,
        Context=Context,
        Device=Device,
        Stream=Stream,
        Event=Event,
        DeviceAllocation=DeviceAllocation,
        PagelockedHostAllocation=PagelockedHostAllocation,
        device_attribute=SimpleNamespace(INTEGRATED="integrated"),
        host_alloc_flags=SimpleNamespace(DEVICEMAP=2),
        mem_alloc=mem_alloc,
        pagelocked_empty=pagelocked_empty,
        memcpy_htod_async=memcpy_htod_async,
        memcpy_dtoh_async=memcpy_dtoh_async,
        init=init,
    )
