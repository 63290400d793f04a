"""The rows of single figures on clean frames of four objects: nothing but ok, and a reason where there is no number."""

import pytest

from engine.assess import ROWS
from engine.assess.memory import StratumMemory
from engine.decide.limits import shipped_limits
from engine.types import Verdict
from firmware.sources.simulated import load_scan
from tests.engine.assess.series import BRAIN
from tests.engine.assess.views import DISC, views

LIMITS = shipped_limits()
LOOKED_AT = ("m08", "m18", "m19", "m20", "m23", "m24")


def check(scan, frames: int) -> None:
    memory = StratumMemory()
    for view in views(scan, frames, seed=1, echo_times=(10.0,)):
        for row in LOOKED_AT:
            found = ROWS[row][2](view, memory)
            first = view.frame.number == 0
            assert found.value is not None or (first and found.why_missing == "first_frame"), (row, found.why_missing)
            assert found.value is None or LIMITS.judge(found).severity is Verdict.OK, (row, found)


@pytest.mark.parametrize("scan", [BRAIN, DISC], ids=["brain", "phantom"])
def test_clean_frames_are_silent(scan) -> None:
    check(scan, 110)


@pytest.mark.data
@pytest.mark.parametrize("name", ["phantom16_cimax/phantom_head16.mrd.h5", "gre4_repeats/gre4_repeats.mrd.h5"])
def test_clean_frames_of_real_phantoms_are_silent(data_dir, name: str) -> None:
    check(load_scan(data_dir / "mr_raw" / name), 50)
