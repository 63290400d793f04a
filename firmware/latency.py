"""How long each stage takes from the last readout of a frame, over the most recent frames."""

import threading
from collections import deque
from collections.abc import Mapping

import numpy as np

_KEPT = 4096


class Latencies:
    """Bounded record of milliseconds per stage; thread-safe."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._stages: dict[str, deque[float]] = {}

    def record(self, milliseconds: Mapping[str, float]) -> None:
        with self._lock:
            for stage, value in milliseconds.items():
                self._stages.setdefault(stage, deque(maxlen=_KEPT)).append(value)

    def summary(self) -> dict[str, dict[str, float]]:
        """Per stage: p50 and p99 in ms, and how many frames they come from."""
        with self._lock:
            copies = {stage: np.array(values) for stage, values in self._stages.items()}
        return {
            stage: {
                "p50": round(float(np.percentile(values, 50)), 3),
                "p99": round(float(np.percentile(values, 99)), 3),
                "n": len(values),
            }
            for stage, values in copies.items()
        }
