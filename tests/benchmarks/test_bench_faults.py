"""Each fault is named first and in time, on real scans; a clean series is ok. The short form of `make demo-faults`."""

from functools import cache
from pathlib import Path

import numpy as np
import pytest

from benchmarks.faults import KINDS, NONE, TIMES_LIMIT, Case, Result, judge, rows, scan_paths
from firmware.sources.simulated import ScanFile, load_scan, scan_of
from models.simulate.anatomy import anatomy_base
from models.simulate.order import centre_out, echo_trains, line_times

SEEDS = range(3)
SCANS = [pytest.param("brain16"), pytest.param("phantom16", marks=pytest.mark.data)]


@pytest.fixture(autouse=True)
def _public_data(monkeypatch: pytest.MonkeyPatch, data_dir: Path) -> None:
    monkeypatch.setenv("SCANSIDE_DATA", str(data_dir))


@cache
def scan(name: str) -> ScanFile:
    return load_scan(scan_paths()[name])


@pytest.mark.parametrize("name", SCANS)
@pytest.mark.parametrize("times", TIMES_LIMIT)
@pytest.mark.parametrize("kind", KINDS)
def test_a_fault_is_named_first_and_within_two_frames(name: str, kind: str, times: float) -> None:
    results = [judge(scan(name), Case(name, kind, times, seed)) for seed in SEEDS]
    assert [result for result in results if not result.in_time] == []


@pytest.mark.parametrize("name", SCANS)
def test_a_clean_series_is_ok(name: str) -> None:
    for seed in SEEDS:
        result = judge(scan(name), Case(name, NONE, None, seed))
        assert (result.verdict, result.findings) == ("ok", ())


def anatomy(data: Path, name: str) -> ScanFile:
    """A head acquired from the centre out, a knee in echo trains: neither lines nor coils are those of a real scan."""
    if name == "head":
        image = np.pad(np.load(data / "anatomy" / "ge_gre" / "ge_gre.npz")["img"][:, :, 5].astype(float), 8)
        order = centre_out(len(image))
        return scan_of(anatomy_base(image, 8, 60.0, (1.9, 1.9), order=order, times=line_times(order, 0.02)))
    image = np.pad(np.load(data / "anatomy" / "singles" / "knee_sag.npz")["img"][::2, ::2, 0].astype(float), 16)
    order = echo_trains(len(image), 8)
    return scan_of(anatomy_base(image, 16, 40.0, order=order, times=line_times(order, 2.0, 8, 0.01)))


@pytest.mark.data
@pytest.mark.parametrize("name", ["head", "knee"])
@pytest.mark.parametrize("kind", [NONE, *KINDS])
def test_other_anatomy_in_other_orders(data_dir: Path, name: str, kind: str) -> None:
    result = judge(anatomy(data_dir, name), Case(name, kind, None if kind == NONE else 1.0, 0))
    assert result.in_time, result


def test_a_wrong_name_a_late_one_and_none_are_counted() -> None:
    case = Case("brain16", "spike", 1.0, 0)
    found = [(), (("motion", 10),), (("spike", 13),), (("spike", 12), ("motion", 10))]
    (row,) = rows([Result(case, "rescan", findings, 10) for findings in found])
    assert (row["seeds"], row["named_first"], row["in_time"], row["latest"]) == (4, 2, 1, 3)
    assert len(row["wrong"]) == 3
