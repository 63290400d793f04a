"""What the appliance knows of itself: counters, when each stage last moved, and what is wrong."""

import threading
import time
from collections import Counter
from collections.abc import Callable
from typing import Any


class Health:
    """Thread-safe; every method is cheap enough for the loop."""

    def __init__(self, monotonic: Callable[[], float] = time.monotonic) -> None:
        self._lock = threading.Lock()
        self._monotonic = monotonic
        self._counters: Counter[str] = Counter()
        self._progress: dict[str, float] = {}
        self._problems: dict[str, str] = {}
        self.changed = threading.Event()
        """Set when a part goes wrong or is well again; whoever tells of it clears it."""

    def count(self, name: str, amount: int = 1) -> None:
        """Add to a counter; names are spelled out, like `refused_length`."""
        with self._lock:
            self._counters[name] += amount

    def progress(self, stage: str) -> None:
        """The stage has just done something."""
        self._progress[stage] = self._monotonic()

    def problem(self, part: str, sentence: str | None) -> None:
        """Something is wrong with a part (None: no longer)."""
        with self._lock:
            was = part in self._problems
            if sentence is None:
                self._problems.pop(part, None)
            else:
                self._problems[part] = sentence
        if was != (sentence is not None):
            self.changed.set()

    def snapshot(self) -> dict[str, Any]:
        """Counters, seconds since each stage moved, and problems."""
        now = self._monotonic()
        with self._lock:
            return {
                "counters": dict(sorted(self._counters.items())),
                "seconds_since_progress": {stage: round(now - at, 1) for stage, at in self._progress.items()},
                "problems": dict(self._problems),
            }
