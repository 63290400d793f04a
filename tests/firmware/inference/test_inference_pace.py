"""How long is too long, and how long to wait before the next try."""

import numpy as np
import pytest

from firmware.inference.pace import Backoff, Pace, Patience

PATIENCE = Patience(first=5.0, least=0.2, times=10.0, measured=20)
SMALL, LARGE = (1, 64, 64), (1, 512, 512)


def test_until_enough_is_measured_the_limit_is_generous() -> None:
    pace = Pace(PATIENCE)
    for _ in range(19):
        pace.record(SMALL, 0.001)
    assert pace.limit(SMALL) == 5.0
    pace.record(SMALL, 0.001)
    assert pace.limit(SMALL) == 0.2, "fast frames leave the least limit"
    assert pace.limit(LARGE) == 5.0, "each size has its own"


def test_the_limit_follows_the_measured_p99() -> None:
    pace, rng = Pace(PATIENCE), np.random.default_rng(0)
    seconds = rng.uniform(0.1, 0.3, 200)
    for value in seconds:
        pace.record(LARGE, float(value))
    assert pace.limit(LARGE) == pytest.approx(10 * np.percentile(seconds, 99))


def test_old_frames_are_forgotten() -> None:
    pace = Pace(PATIENCE)
    for _ in range(300):
        pace.record(SMALL, 1.0)
    for _ in range(300):
        pace.record(SMALL, 0.1)
    assert pace.limit(SMALL) == pytest.approx(1.0)
    assert pace.summary() == {"p50": 100.0, "p99": 100.0, "n": 256}


def test_endless_sizes_take_no_endless_memory() -> None:
    pace = Pace(PATIENCE)
    for size in range(1000):
        pace.record((1, 8, size), 0.1)
    assert pace.summary()["n"] == 16
    assert Pace(PATIENCE).summary() == {"n": 0}


def test_tries_become_rarer_up_to_a_minute() -> None:
    backoff, delays = Backoff(), [0.0]
    for _ in range(8):
        delays.append(backoff.next(delays[-1], lived=0.5))
    assert delays[1:] == [1, 2, 4, 8, 16, 32, 60, 60]
    assert backoff.next(60, lived=61) == 1, "a long life is forgiven what came before"
