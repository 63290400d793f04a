"""Every public 2D Cartesian set through `check`: the verdicts of the checked-in table, and no false motion."""

import re
from pathlib import Path

import pytest

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


def test_what_is_not_reconstructed_gives_no_image(data_dir: Path) -> None:
    report = check_file(data_dir / "mr_raw" / "epi4_pulseq" / "05_EPI.mrd.h5").report
    assert report is not None
    assert report.series.verdict is Verdict.CANNOT_JUDGE
    assert all(frame.image is None for frame in report.frames)
