"""m24: a scale that the raw data do not explain is found, a change of the signal itself is not mistaken for one."""

import math
from dataclasses import replace

import numpy as np
import pytest

from engine.assess.memory import StratumMemory
from engine.assess.scale import scale_change
from engine.assess.view import FrameView
from engine.decide.limits import shipped_limits
from engine.types import Measurement, Verdict
from tests.engine.assess.series import BRAIN, unchanged
from tests.engine.assess.views import DISC, views

LIMITS = shipped_limits()


def series(scan, frames, seed, change=unchanged, image=lambda data, repetition: data) -> list[Measurement]:
    """`image(data, repetition)` changes the reconstructed image and leaves the raw data as they are."""
    memory, found = StratumMemory(), []
    for view in views(scan, frames, seed, change):
        frame = replace(view.frame, data=image(view.frame.data, view.frame.number))
        found.append(scale_change(FrameView(view.kspace, frame, view.scan), memory))
    return found


@pytest.mark.parametrize("scan", [BRAIN, DISC], ids=["brain", "phantom"])
@pytest.mark.parametrize("factor", [1.03, 1.5, 0.5])
def test_a_change_of_scale_reads_in_octaves(scan, factor: float) -> None:
    for seed in range(10):
        first, second = series(scan, 2, seed, image=lambda data, repetition: data * np.float32(factor**repetition))
        assert first.why_missing == "first_frame"
        assert second.value == pytest.approx(abs(math.log2(factor)), rel=0.1, abs=0.01)
        assert LIMITS.judge(second).severity is (Verdict.WARN if abs(factor - 1) > 0.1 else Verdict.OK)


@pytest.mark.parametrize("factor", [0.7, 1.5])
def test_a_change_of_the_signal_is_none_of_the_scale(factor: float) -> None:
    _, found = series(DISC, 2, 0, change=lambda lines, repetition: lines * factor**repetition)
    assert found.why_missing == "raw_power_changed"


def test_another_image_is_not_compared() -> None:
    _, found = series(DISC, 2, 0, image=lambda data, repetition: np.roll(data, 20 * repetition, axis=1))
    assert found.why_missing == "images_differ"


def test_another_size_is_not_compared() -> None:
    memory = StratumMemory()
    found = [scale_change(next(views(scan, 1, 0)), memory) for scan in (BRAIN, DISC)]
    assert found[1].why_missing == "size_changed"
