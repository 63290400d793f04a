"""The four places where an implementation can be exchanged: source, runner, sink, clock."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray

from engine.acquisition import Readouts
from engine.types import Frame, Scan


class Clock(Protocol):
    """Time, handed in so that tests own it."""

    def monotonic(self) -> float:
        """Seconds that never jump; for durations."""
        ...

    def now(self) -> float:
        """Seconds since 1970-01-01 UTC; for records."""
        ...


class Source(Protocol):
    """One scan as it arrives, and the way back to whoever sent it."""

    def scan(self) -> Scan:
        """Wait for the header; raises PeerError or InputRefused."""
        ...

    def readouts(self) -> Iterator[Readouts]:
        """Batches in order of arrival, each valid until the next; raises PeerError, InputRefused.

        An empty batch says that nothing came for a while: a frame that only waits for proof of its end may be ended.
        """
        ...

    @property
    def ended_by(self) -> str:
        """Why `readouts` ended: close, eof, timeout."""
        ...

    def send_image(self, frame: Frame) -> None:
        """Give an image back; never blocks."""
        ...

    def send_text(self, text: str) -> None:
        """Give a line of text back; never blocks."""
        ...


@dataclass(frozen=True, slots=True)
class Backend:
    """What executes a network: a runner, a precision, the device asked of it, and the one that it really uses."""

    runner: str
    form: str
    requested: str
    actual: str
    real_gpu: bool = False


class Runner(Protocol):
    """Runs one packaged network."""

    @property
    def backend(self) -> Backend:
        """What executes it."""
        ...

    def run(self, batch: NDArray[np.float32]) -> tuple[NDArray[np.float32], ...]:
        """The answers to `batch`, one for each output in the manifest's order, shapes as stated there.

        They are valid until the next call; `batch` is not changed.

        Raises InputRefused (dtype, shape, not_finite or range) for what the manifest does not promise to take.
        """
        ...


class Sink(Protocol):
    """Reads journal entries and carries them somewhere."""

    def take(self, entries: Sequence[Any]) -> None:
        """Newly committed entries, in order; never blocks the journal."""
        ...

    def close(self) -> None:
        """Finish within five seconds."""
        ...
