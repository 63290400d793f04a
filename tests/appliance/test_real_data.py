"""Every public 2D Cartesian set through `check`: the verdicts of the checked-in table, and no false motion."""

import re
from pathlib import Path

import pytest

from engine.assess.selection import ExamMemory
from engine.types import Verdict
from firmware.cli.check import check_file

pytestmark = pytest.mark.data

TABLE = Path(__file__).parents[2] / "docs" / "real-data.md"
ROW = re.compile(r"^\| `(?P<path>[^`]+)` \| (?P<verdict>\w+) \| (?P<kinds>[\w, -]+) \|", re.M)


def rows() -> list[tuple[str, str, str]]:
    return [(m["path"], m["verdict"], m["kinds"]) for m in ROW.finditer(TABLE.read_text())]


@pytest.mark.parametrize(("path", "verdict", "kinds"), rows(), ids=[path for path, _, _ in rows()])
def test_the_table_holds(data_dir: Path, path: str, verdict: str, kinds: str) -> None:
    checked = check_file(data_dir / "mr_raw" / path)
    if verdict == "refused":
        assert checked.report is None
        return
    assert checked.report is not None, checked.refused
    series = checked.report.series
    found = sorted({finding.kind for finding in series.findings})
    assert (series.verdict.value, ", ".join(found) or "-") == (verdict, kinds), series.sentence


def test_still_repeats_raise_no_motion(data_dir: Path) -> None:
    report = check_file(data_dir / "mr_raw" / "gre4_repeats" / "gre4_repeats.mrd.h5").report
    assert report is not None
    assert len(report.frames) == 4
    assert not [f for f in report.series.findings if f.kind == "motion"]


def test_an_echo_planar_picture_without_its_gradient_is_shown_but_not_judged(data_dir: Path) -> None:
    report = check_file(data_dir / "mr_raw" / "epi4_pulseq" / "05_EPI.mrd.h5").report
    assert report is not None
    assert report.series.verdict is Verdict.CANNOT_JUDGE
    assert "ramp_not_regridded" in report.series.reasons
    assert [frame.image is not None for frame in report.frames] == [True]


def test_the_body_coil_after_the_head_coil_is_a_wrong_coil(data_dir: Path) -> None:
    exam, pair = ExamMemory(), data_dir / "mr_raw" / "phantom16_cimax"
    head, body = (check_file(pair / name, exam).report for name in ("phantom_head16.mrd.h5", "phantom_body2.mrd.h5"))
    assert head is not None
    assert body is not None
    assert head.series.verdict is Verdict.OK
    assert [finding.kind for finding in body.series.findings] == ["wrong-coil"]
