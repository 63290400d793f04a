"""How runners are timed against each other: in turns, so that whatever else the machine does falls on all of them.

Back to back, a runner is called again at once, some times before the next one has its turn: how many frames it can
take. Paced, one call at a fixed beat, whoever's turn it is: how long a frame waits for its answer, caches and clocks as
they are in between. The two are different quantities and are never compared.
"""

import contextlib
import gc
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field

import numpy as np

Call = Callable[[], object]

_TURN, _SETTLE = 10, 1
"""Calls in a turn that count, at most, and those before them that refill the caches."""
_MOST, _FEWEST_TURNS = 1000, 5

_ENOUGH_FOR_P999 = 1000
"""With fewer the largest value would go by that name."""


@dataclass(frozen=True, slots=True)
class Effort:
    """How much is measured: as much as the time allows, and no less than what is worth reporting."""

    seconds: float
    """For all runners of one network together."""
    least: int
    """Calls of each, also where they take longer than that."""

    def calls(self, calls: Sequence[Call], beat_s: float = 0.0) -> int:
        """Calls of each that the time allows, at most a thousand; none takes less than a beat.

        By one turn, after one call of each that finds its memory.
        """
        for call in calls:
            call()
        taken = sum(max(beat_s, _timed(call)[0]) for call in calls)
        return max(self.least, min(_MOST, int(self.seconds / max(taken, 1e-9))))


@dataclass(slots=True)
class Times:
    """One runner's calls: seconds of wall and CPU time, one row per turn."""

    wall: list[list[float]] = field(default_factory=list)
    cpu: list[list[float]] = field(default_factory=list)

    def percentiles_ms(self) -> dict[str, float | int | None]:
        """Of the wall time; `p999_ms` only from a thousand calls on."""
        all_of_them = 1e3 * np.concatenate(self.wall)
        p50, p99, p999 = (round(float(value), 3) for value in np.percentile(all_of_them, (50, 99, 99.9)))
        return {
            "p50_ms": p50,
            "p99_ms": p99,
            "p999_ms": p999 if len(all_of_them) >= _ENOUGH_FOR_P999 else None,
            "max_ms": round(float(all_of_them.max()), 3),
            "n": len(all_of_them),
        }

    def cpu_ms(self) -> float:
        """Median CPU time of a call, all threads together."""
        return round(1e3 * float(np.median(np.concatenate(self.cpu))), 3)

    def frames_per_s(self, frames: int) -> float:
        """Of calls of `frames` each, made back to back."""
        wall = np.concatenate(self.wall)
        return round(frames * len(wall) / float(wall.sum()), 1)


def back_to_back(calls: Sequence[Call], each: int) -> list[Times]:
    """About `each` calls of each, in at least five turns, in an order that moves on by one each round."""
    times = [Times() for _ in calls]
    turn = max(1, min(_TURN, each // _FEWEST_TURNS))
    with _no_collection():
        for number in range(-(-each // turn)):
            for place in range(len(calls)):
                k = (place + number) % len(calls)
                for _ in range(_SETTLE):
                    calls[k]()
                walls, cpus = zip(*(_timed(calls[k]) for _ in range(turn)), strict=True)
                times[k].wall.append(list(walls))
                times[k].cpu.append(list(cpus))
    return times


def paced(calls: Sequence[Call], each: int, beat_s: float) -> list[Times]:
    """`each` calls of each, one at every beat; a beat that is missed is let go."""
    times = [Times([[]], [[]]) for _ in calls]
    due = time.monotonic()
    for _ in range(each):
        for call, seen in zip(calls, times, strict=True):
            due = max(due + beat_s, time.monotonic())
            time.sleep(max(0.0, due - time.monotonic()))
            wall, cpu = _timed(call)
            seen.wall[0].append(wall)
            seen.cpu[0].append(cpu)
    return times


def speed_ratio(baseline: Sequence[Sequence[float]], other: Sequence[Sequence[float]]) -> dict[str, float]:
    """How many times faster `other` is: median over the turns of the ratio of their medians, and its middle 80 %."""
    turns = [float(np.median(a) / np.median(b)) for a, b in zip(baseline, other, strict=True)]
    low, middle, high = (round(float(value), 3) for value in np.percentile(turns, (10, 50, 90)))
    return {"ratio": middle, "low": low, "high": high}


def _timed(call: Call) -> tuple[float, float]:
    """Seconds of wall and of CPU time."""
    cpu, wall = time.process_time(), time.perf_counter()
    call()
    return time.perf_counter() - wall, time.process_time() - cpu


@contextlib.contextmanager
def _no_collection() -> Iterator[None]:
    """The collector of garbage rests meanwhile."""
    gc.collect()
    gc.disable()
    try:
        yield
    finally:
        gc.enable()
