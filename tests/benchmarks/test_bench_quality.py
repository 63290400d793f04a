"""The figures of the quality network's table against numbers known beforehand."""

import numpy as np
import pytest

from benchmarks.quality import Found
from benchmarks.quality_network import area_over_subjects, threshold, wilson
from models.quality.kinds import KINDS
from models.quality.sample import CLEAN


def test_wilson_as_published() -> None:
    found = wilson(45, 50)
    assert (found["low"], found["high"]) == (0.786, 0.957)
    assert wilson(0, 0) == {"n": 0}


def test_the_interval_comes_from_subjects() -> None:
    rng = np.random.default_rng(0)
    true = np.tile([True, False], 200)
    scores = rng.normal(0, 1, 400) + 1.5 * true
    subjects = np.repeat([f"person {n}" for n in range(20)], 20)
    found = area_over_subjects(scores, true, subjects)
    assert found["low"] < found["value"] < found["high"]
    assert found["value"] == pytest.approx(0.856, abs=0.04)
    alike = area_over_subjects(scores, true, np.repeat("one person", 400))
    assert alike["low"] == alike["value"] == alike["high"]


def test_a_row_counts_only_its_kind_and_the_sound() -> None:
    kind = np.array([CLEAN] * 100 + [0] * 10 + [1] * 50)
    scores = np.zeros((160, len(KINDS)), np.float32)
    scores[:100, 0] = np.linspace(0, 0.5, 100)
    scores[100:110, 0] = 0.999
    scores[110:, 0] = 1.0
    found = Found(scores, kind, np.array(["a", "b"] * 80), np.full(160, 3.0, np.float32)).row(KINDS[0], 0)
    assert found["samples"] == 10
    assert found["area"]["value"] == 1.0
    assert found["found_at_99%"]["share"] == 1.0
    assert found["alarms_at_limit"] == wilson(0, 100)


def test_the_limit_is_that_of_the_appliance() -> None:
    assert all(0 < threshold(kind) < 1 for kind in KINDS)
