"""m19: a drift of known size reads in Hz, stays blind to motion and to lost elements, and needs an echo time."""

from dataclasses import replace

import numpy as np
import pytest

from engine.assess.frequency import frequency_drift
from engine.assess.memory import StratumMemory
from engine.decide.limits import shipped_limits
from engine.types import Measurement, Verdict
from firmware.sources.mrd_header import make_header, parse_header
from tests.engine.assess.series import BRAIN
from tests.engine.assess.views import DISC, views

LIMITS = shipped_limits()
ECHO_TIME = 12.4
"""ms"""


def drifted(hertz: float, dwell: float):
    """The phase that each sample gains at its own time after excitation."""

    def change(lines, repetition):
        times = ECHO_TIME * 1e-3 + (np.arange(lines.shape[2]) - lines.shape[2] // 2) * dwell
        return lines * np.exp(2j * np.pi * hertz * repetition * times)

    return change


def series(scan, frames, seed, change, echo_times=(ECHO_TIME,), planar=False) -> list[Measurement]:
    memory, found = StratumMemory(), []
    for view in views(scan, frames, seed, change, echo_times):
        if planar:
            view.scan = replace(view.scan, encodings=(replace(view.scan.encodings[0], trajectory="epi"),))
        found.append(frequency_drift(view, memory))
    return found


@pytest.mark.parametrize("hertz", [5.0, -38.0])
@pytest.mark.parametrize("scan", [BRAIN, DISC], ids=["brain", "phantom"])
def test_a_drift_reads_in_hertz(scan, hertz: float) -> None:
    dwell = float(scan.heads["sample_time_us"][0]) * 1e-6
    for seed in range(10):
        first, second = series(scan, 2, seed, drifted(hertz, dwell))
        assert first.why_missing == "first_frame"
        assert second.value == pytest.approx(abs(hertz), rel=0.1, abs=0.2)
        assert second.impact == pytest.approx(second.value * dwell * scan.base.lines.shape[2])


def test_beyond_the_echo_time_it_wraps() -> None:
    limit = 1 / (2 * ECHO_TIME * 1e-3)
    _, found = series(BRAIN, 2, 0, drifted(limit + 5, 0.0))
    assert found.value == pytest.approx(limit - 5, abs=0.2)


@pytest.mark.parametrize("pixels", [0.3, 0.8])
def test_in_echo_planar_imaging_half_a_pixel_along_the_lines_is_the_limit(pixels: float) -> None:
    dwell = float(BRAIN.heads["sample_time_us"][0]) * 1e-6
    hertz = pixels / (dwell * 128 * 128)
    _, found = series(BRAIN, 2, 0, drifted(hertz, dwell), planar=True)
    assert found.impact == pytest.approx(pixels, rel=0.1)
    assert LIMITS.judge(found).severity is (Verdict.OK if pixels < 0.5 else Verdict.WARN)


def test_motion_along_the_readout_and_lost_elements_are_no_drift() -> None:
    def disturb(lines, repetition):
        k = np.arange(lines.shape[2]) - lines.shape[2] // 2
        moved = lines * np.exp(2j * np.pi * 2.0 * repetition * k / lines.shape[2])
        moved[:, 4:8] *= 1 - repetition
        return moved

    _, found = series(DISC, 2, 0, disturb)
    assert found.value < 1.0


@pytest.mark.parametrize(
    ("echo_times", "why"), [((), "no_echo_time"), ((ECHO_TIME,), "first_frame")], ids=["without", "with"]
)
def test_what_is_missing_is_said(echo_times, why: str) -> None:
    (found,) = series(BRAIN, 1, 0, lambda lines, _: lines, echo_times)
    assert (found.value, found.why_missing) == (None, why)


def test_another_object_is_not_compared() -> None:
    def change(lines, repetition):
        rng = np.random.default_rng(5)
        return rng.standard_normal(lines.shape) + 1j * rng.standard_normal(lines.shape) if repetition else lines

    _, found = series(DISC, 2, 0, change)
    assert found.why_missing == "images_differ"


@pytest.mark.parametrize("times", [(), (4.92,), (2.5, 5.0, 7.5)])
def test_echo_times_travel_in_the_header(times) -> None:
    scan = replace(BRAIN.scan, echo_times=times)
    assert parse_header(make_header(scan, 2), "x").echo_times == times


@pytest.mark.parametrize("text", ["-1", "nan", "soon", ""])
def test_an_echo_time_that_is_none_counts_as_not_stated(text: str) -> None:
    xml = make_header(replace(BRAIN.scan, echo_times=(5.0, 10.0))).replace("<TE>10</TE>", f"<TE>{text}</TE>")
    assert parse_header(xml, "x").echo_times == ()
