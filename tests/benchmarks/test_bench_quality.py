"""The figures of the quality network's table against numbers known beforehand."""

import numpy as np
import pytest

from benchmarks.quality import Found
from benchmarks.quality_network import (
    area_over_subjects,
    found_over_subjects,
    share_over_subjects,
    threshold,
    wilson,
)
from benchmarks.quality_rows import Judged, kind_row
from models.quality.kinds import KINDS, NOT_SHIPPED
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


def test_shares_spread_as_the_subjects_do() -> None:
    """All found in half of the subjects and none in the others: as uncertain as 20 samples, not as 400."""
    hits = np.repeat([True, False] * 10, 20)
    subjects = np.repeat([f"person {n}" for n in range(20)], 20)
    found, few, many = share_over_subjects(hits, subjects), wilson(10, 20), wilson(200, 400)
    assert (found["share"], found["n"], found["subjects"]) == (0.5, 400, 20)
    assert found["low"] == pytest.approx(few["low"], abs=0.05)
    assert found["high"] == pytest.approx(few["high"], abs=0.05)
    assert found["high"] - found["low"] > 2 * (many["high"] - many["low"])


def test_all_or_none_is_never_certain() -> None:
    subjects = np.repeat(["a", "b", "c"], 20)
    assert share_over_subjects(np.ones(60, bool), subjects) == {**wilson(60, 60), "subjects": 3}
    assert share_over_subjects(np.zeros(0, bool), np.zeros(0, "U1")) == {"n": 0}


def test_what_is_found_at_a_specificity_spreads_as_the_subjects_do() -> None:
    rng = np.random.default_rng(1)
    subjects = np.repeat([f"person {n}" for n in range(10)], 40)
    true = np.tile([True, False], 200)
    scores = rng.uniform(0, 1, 400)
    scores[true] = np.repeat(np.arange(10) % 2, 20) * 2.0 - 0.5  # found in every second person, whatever the limit
    found = found_over_subjects(scores, true, subjects, 0.95)
    assert (found["share"], found["n"], found["subjects"]) == (0.5, 200, 10)
    assert found["high"] - found["low"] > 2 * (wilson(100, 200)["high"] - wilson(100, 200)["low"])


def table(scores: np.ndarray, kind: np.ndarray, near: np.ndarray) -> Found:
    subjects = np.array(["a", "b"] * (len(kind) // 2))
    return Found(scores, kind, subjects, np.full(len(kind), 3.0, np.float32), near)


def test_a_row_counts_only_its_kind_and_the_sound() -> None:
    kind = np.array([CLEAN] * 100 + [0] * 10 + [1] * 50)
    scores = np.zeros((160, len(KINDS)), np.float32)
    scores[:100, 0] = np.linspace(0, 0.5, 100)
    scores[100:110, 0] = 0.999
    scores[110:, 0] = 1.0
    found = table(scores, kind, np.ones(160, bool)).row(KINDS[0], 0)
    assert found["samples"] == 10
    assert found["area"]["value"] == 1.0
    assert found["found_at_99%"]["share"] == 1.0
    assert found["found_at_limit"]["share"] == 1.0
    assert found["alarms_at_limit"] == {**wilson(0, 100), "subjects": 2}


def test_what_is_out_of_distribution_is_neither_found_nor_an_alarm() -> None:
    kind = np.array([CLEAN] * 100 + [0] * 10)
    scores = np.full((110, len(KINDS)), 0.999, np.float32)
    near = np.arange(110) % 10 > 1
    found = table(scores, kind, near).row(KINDS[0], 0)
    assert found["found_at_limit"]["share"] == 0.8
    assert found["alarms_at_limit"]["share"] == 0.8


def judged(kind: str, rows: tuple[str, ...], network: tuple[str, ...], subject: str = "a") -> Judged:
    return Judged(kind, subject, 2.0, frozenset(rows), frozenset(network))


def test_what_the_network_adds() -> None:
    kind = "motion"
    found = [
        judged(kind, (kind,), (kind,)),
        judged(kind, (), (kind,), "b"),
        judged(kind, ("spike",), ()),
        judged(kind, (), ()),
    ]
    row = kind_row(found, kind, (kind,))
    assert row["shipped"] is True
    shares = [row[name]["share"] for name in ("any_finding_of_rows", "rows", "network", "either")]
    assert shares == [0.5, 0.25, 0.5, 0.5]
    assert row["added"] == 0.25


@pytest.mark.parametrize("kind", NOT_SHIPPED)
def test_a_kind_without_a_head_has_no_figure_of_the_network(kind: str) -> None:
    row = kind_row([judged(kind, (kind,), ()), judged(kind, (), (), "b")], kind, ("motion",))
    assert row["rows"]["share"] == 0.5
    assert (row["shipped"], row["why"]) == (False, NOT_SHIPPED[kind])
    assert not {"network", "either", "added"} & row.keys()


def test_the_limit_is_that_of_the_appliance() -> None:
    assert all(0 < threshold(kind) < 1 for kind in KINDS)
