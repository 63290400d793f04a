"""A fault of so many times the limit reads as such by the row that finds it, on the bundled real scan."""

from functools import cache

import numpy as np
import pytest

from engine.decide.limits import shipped_limits
from firmware.clock import SystemClock
from firmware.offline import judge_source
from firmware.sources.simulated import ScanFile, SimulatedScan, load_scan
from models.scans import BRAIN16
from models.simulate import FAULTS, make_fault

pytestmark = pytest.mark.slow  # whole series, judged by every row

SEEDS = range(3)
FIRST, FRAMES = 6, 8
TOLERANCE = {
    "spike": 0.05,
    "rf-interference": 0.05,
    "low-snr": 0.08,
    "ghost": 0.1,
    "motion": 0.1,
    "drop-out": 0.05,
}


@cache
def brain16() -> ScanFile:
    return load_scan(BRAIN16)


def read(kind: str, seed: int, times: float) -> float:
    """What the row of `kind` reads in the second frame with the fault."""
    fault = make_fault(kind, brain16().base, seed, FIRST, times_limit=times)
    report = judge_source(SimulatedScan(brain16(), FRAMES, seed, fault), SystemClock())
    limit = shipped_limits().rows[FAULTS[kind].row]
    (found,) = [m for m in report.measurements if m.row == FAULTS[kind].row]
    number = found.value if (limit.rescan or limit.warn).of_value else found.impact
    assert number is not None, found.why_missing
    return number


@pytest.mark.parametrize("times", [1.5, 3.0])
@pytest.mark.parametrize("kind", sorted(TOLERANCE))
def test_the_row_reads_the_strength_asked_for(kind: str, times: float) -> None:
    row = shipped_limits().rows[FAULTS[kind].row]
    limit = (row.rescan or row.warn).value
    expected = limit / times if kind == "low-snr" else limit * times
    found = np.mean([read(kind, seed, times) for seed in SEEDS])
    assert found == pytest.approx(expected, rel=TOLERANCE[kind])


@pytest.mark.parametrize("times", [1.0, 2.0])
def test_lost_elements_cost_at_least_what_was_asked_for(times: float) -> None:
    for seed in SEEDS:
        assert read("coil-loss", seed, times) > 0.98 * times * shipped_limits().rows["m04"].rescan.value
