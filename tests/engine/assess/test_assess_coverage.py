"""m20: an object cut off by the readout's field of view reads the share of the borders that it covers."""

from dataclasses import replace

import numpy as np
import pytest

from engine.assess.coverage import coverage
from engine.assess.memory import StratumMemory
from engine.decide.limits import shipped_limits
from engine.types import Measurement, Verdict
from models.simulate.base import images, kspace
from tests.engine.assess.series import BRAIN
from tests.engine.assess.views import DISC, HEIGHT, WIDTH, ellipse, phantom, views

LIMITS = shipped_limits()


def measure(scan, seed=0) -> Measurement:
    return coverage(next(views(scan, 1, seed)), StratumMemory())


def cut(left: int, right: int):
    """The phantom in a smaller field of view: that many columns less on either side."""
    return phantom(ellipse()[:, left : WIDTH - right])


def chord(column: int) -> int:
    """Rows of column `column` that the phantom covers."""
    return int((ellipse()[:, column] > 20).sum())


@pytest.mark.parametrize(("left", "right"), [(0, 0), (40, 0), (40, 60), (60, 70)])
def test_the_share_is_that_of_the_chords(left: int, right: int) -> None:
    scan = cut(left, right)
    expected = 100 * ((chord(left + 1) if left else 0) + (chord(WIDTH - right - 2) if right else 0)) / (2 * HEIGHT)
    for seed in range(10):
        assert measure(scan, seed).value == pytest.approx(expected, rel=0.1, abs=1)


def test_it_says_on_which_side() -> None:
    assert measure(cut(50, 0)).where.box[0] == 0
    assert measure(cut(0, 60)).where.box[2] == WIDTH - 60
    assert measure(DISC).where.box is None


def test_a_head_cut_on_both_sides_is_found() -> None:
    base = BRAIN.base
    inner = kspace(np.ascontiguousarray(images(base.lines)[:, :, 42:86]))
    scan = replace(BRAIN, base=replace(base, lines=inner), scan=_narrow(44))
    found = measure(scan)
    assert found.value > 40
    assert LIMITS.judge(found).severity is Verdict.WARN


def _narrow(columns: int):
    encoding = BRAIN.scan.encodings[0]
    space = replace(encoding.encoded, matrix=(columns, 128, 1), field_of_view=(2.0 * columns, 256.0, 3.0))
    return replace(BRAIN.scan, encodings=(replace(encoding, encoded=space, recon=space),))


def test_noise_alone_has_no_coverage() -> None:
    silent = phantom(0.01 * ellipse())
    assert measure(silent).why_missing in ("low_snr", "no_object")
