"""Memory for frames, reused from frame to frame: nothing is allocated per frame in steady state."""

import threading
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray


@dataclass(frozen=True, slots=True)
class FrameShape:
    """What one frame's buffers must hold."""

    lines: int
    coils: int
    samples: int
    columns: int

    @property
    def bytes(self) -> int:
        """Memory of one frame."""
        return self.lines * (8 * self.coils * (self.samples + self.columns) + 16)


class FrameBuffers:
    """Buffers of one frame. Rows of `raw` and `hybrid` hold old data until a line is stored in them."""

    __slots__ = ("counts", "hybrid", "identity", "order", "raw", "shape", "time_stamps")

    def __init__(self, shape: FrameShape) -> None:
        self.shape = shape
        self.raw: NDArray[np.complex64] = np.empty((shape.lines, shape.coils, shape.samples), np.complex64)
        self.hybrid: NDArray[np.complex64] = np.empty((shape.lines, shape.coils, shape.columns), np.complex64)
        self.counts: NDArray[np.int32] = np.empty(shape.lines, np.int32)
        self.order: NDArray[np.int32] = np.empty(shape.lines, np.int32)
        self.time_stamps: NDArray[np.uint32] = np.empty(shape.lines, np.uint32)
        self.identity: NDArray[np.uint32] = np.empty(shape.lines, np.uint32)

    def clear(self) -> None:
        """Forget which lines are filled."""
        self.counts.fill(0)
        self.order.fill(-1)
        self.time_stamps.fill(0)


class PoolExhausted(Exception):
    """Whoever judges the frames holds all the memory that frames may take."""


class FramePool:
    """Lends frame buffers, never more than `limit` bytes in all; safe to give back from another thread.

    A pool that is exhausted neither blocks nor grows: `acquire` raises, and the caller reports that frame as not
    reconstructed. Waiting would stop the scanner's stream for the sake of a slow judge.
    """

    def __init__(self, limit: int) -> None:
        self._limit = limit
        self._lock = threading.Lock()
        self._bytes = 0
        self._free: dict[FrameShape, list[FrameBuffers]] = {}

    def acquire(self, shape: FrameShape) -> FrameBuffers:
        """Cleared buffers of this shape; raises PoolExhausted."""
        with self._lock:
            free = self._free.get(shape)
            buffers = free.pop() if free else None
            if buffers is None:
                self._make_room(shape.bytes)
                self._bytes += shape.bytes
        if buffers is None:
            buffers = FrameBuffers(shape)
        buffers.clear()
        return buffers

    def release(self, buffers: FrameBuffers) -> None:
        """Take buffers back."""
        with self._lock:
            self._free.setdefault(buffers.shape, []).append(buffers)

    def _make_room(self, wanted: int) -> None:
        """Drop unused buffers of other shapes until `wanted` more bytes fit."""
        for free in self._free.values():
            while free and self._bytes + wanted > self._limit:
                self._bytes -= free.pop().shape.bytes
        if self._bytes + wanted > self._limit:
            raise PoolExhausted
