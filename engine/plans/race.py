"""Runners timed against each other, one run each in turn, so that a busy machine slows all of them alike."""

import logging
from collections.abc import Mapping
from statistics import median
from typing import TypeVar

from engine.plans.gate import Batch, Latency, latency_of
from engine.seams import Clock, Runner

_WARM_UP, _LEAST, _MOST = 2, 5, 60
"""Turns."""
_HOPELESS = 1.5
"""A runner whose median is so many times the best is not timed further."""

log = logging.getLogger(__name__)

Key = TypeVar("Key")


def race(
    runners: Mapping[Key, Runner], batch: Batch, clock: Clock, seconds: float
) -> tuple[dict[Key, Latency], dict[Key, Exception]]:
    """Latency of each on `batch`, within about so many seconds in all, the hopeless ones with fewer runs; and the rest:
    what they raised, upon which they were dropped.
    """
    end = clock.monotonic() + seconds
    taken: dict[Key, list[float]] = {key: [] for key in runners}
    failed: dict[Key, Exception] = {}
    for turn in range(-_WARM_UP, _MOST):
        best = min((median(times) for times in taken.values() if times), default=0.0)
        for key in list(taken):
            if len(taken[key]) >= _LEAST and median(taken[key]) > _HOPELESS * best:
                continue
            start = clock.monotonic()
            try:
                runners[key].run(batch)
            except Exception as error:
                # The libraries' exceptions share no base class, and what one raises must not cost the others.
                log.exception("runner=%s dropped", runners[key].backend.runner)
                failed[key] = error
                del taken[key]
                continue
            if turn >= 0:
                taken[key].append(clock.monotonic() - start)
        if turn >= 0 and clock.monotonic() >= end:
            break
    return {key: latency_of(times) for key, times in taken.items()}, failed
