"""How long the worker may take, from how long it took; and how long to wait before it is started again."""

import threading
from collections import OrderedDict, deque
from dataclasses import dataclass

import numpy as np

Shape = tuple[int, ...]

_KEPT = 256
_MOST_SHAPES = 16


@dataclass(frozen=True, slots=True)
class Patience:
    """Seconds that the loop gives the worker."""

    start: float = 60.0
    """To load and try out the package."""
    first: float = 5.0
    """For one image, until `measured` images of its size have been."""
    least: float = 1.0
    """For one image, however fast the others were: a busy machine is not a hang."""
    times: float = 10.0
    """For one image: so many times the measured p99."""
    measured: int = 20
    wait: float = 0.25
    """That a verdict waits for its image; then the frame goes on without it."""


class Pace:
    """Durations of one worker's images by size: a hang of a small image is not excused by large ones. Thread-safe."""

    def __init__(self, patience: Patience) -> None:
        self._patience = patience
        self._lock = threading.Lock()
        self._seconds: OrderedDict[Shape, deque[float]] = OrderedDict()

    def record(self, shape: Shape, seconds: float) -> None:
        """One image of this size took so long."""
        with self._lock:
            self._seconds.setdefault(shape, deque(maxlen=_KEPT)).append(seconds)
            if len(self._seconds) > _MOST_SHAPES:
                self._seconds.popitem(last=False)

    def limit(self, shape: Shape) -> float:
        """Seconds after which an image of this size is a hang."""
        with self._lock:
            known = list(self._seconds.get(shape, ()))
        if len(known) < self._patience.measured:
            return self._patience.first
        return max(self._patience.least, self._patience.times * float(np.percentile(known, 99)))

    def summary(self) -> dict[str, float]:
        """p50 and p99 in ms over the recent images of all sizes, and how many those are."""
        with self._lock:
            recent = [seconds for known in self._seconds.values() for seconds in known]
        if not recent:
            return {"n": 0}
        p50, p99 = np.percentile(recent, (50, 99)) * 1e3
        return {"p50": round(float(p50), 3), "p99": round(float(p99), 3), "n": len(recent)}


@dataclass(frozen=True, slots=True)
class Backoff:
    """Seconds between two lives of the worker: doubled each time, from `first` to `most`."""

    first: float = 1.0
    most: float = 60.0
    steady: float = 60.0
    """A life of so many seconds is forgiven what came before."""

    def next(self, delay: float, lived: float) -> float:
        """The delay after the life that followed `delay` (0: the first) and served for `lived` seconds."""
        return self.first if delay == 0 or lived >= self.steady else min(2 * delay, self.most)
