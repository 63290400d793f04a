"""m15, m16, m25 and m26: drop-out, wrap-around, coil selection, signal that was not encoded."""

from dataclasses import replace

import numpy as np
import pytest

from engine.assess.memory import SeriesMemory
from engine.assess.selection import ExamMemory
from engine.decide.limits import shipped_limits
from engine.types import FrameIndex, Verdict
from models.simulate import make_fault
from models.simulate.fault import Fault
from tests.engine.assess.series import BRAIN, measured

LIMITS = shipped_limits()


def weaker(factor: float, first: int):
    """Less of everything from a frame on; the noise drops along, but it is a hundredth of the signal."""
    return lambda lines, number: lines * np.float32(factor if number >= first else 1)


@pytest.mark.parametrize("left", [0.9, 0.7, 0.3])
def test_a_drop_reads_its_strength(left: float) -> None:
    found = list(measured(1, frames=8, change=weaker(left, 6)))
    assert [m["m15"].why_missing for m in found[:5]] == ["too_few_frames"] * 5
    assert found[5]["m15"].value < 1
    for later in found[6:]:
        assert later["m15"].impact == pytest.approx(100 * (1 - left), abs=1.5)
        assert later["m15"].value > LIMITS.rows["m15"].detect.value


def test_a_drop_that_lasts_does_not_become_usual() -> None:
    *_, found = measured(2, frames=40, change=weaker(0.8, 6))
    assert found["m15"].impact == pytest.approx(20, abs=1)


def test_a_rise_is_no_drop() -> None:
    *_, found = measured(2, frames=8, change=weaker(1.5, 6))
    assert found["m15"].value == 0


def test_a_drop_is_no_lost_element() -> None:
    *_, found = measured(2, frames=8, change=weaker(0.2, 6))
    assert found["m04"].value < 1


def object_in(rows: list[int]) -> float:
    """Share (%) of the object's columns that hold object in any of these rows of the clean image, by numpy alone."""
    image = np.fft.fftshift(np.fft.ifft2(np.fft.ifftshift(BRAIN.base.lines, (0, 2)), axes=(0, 2)), (0, 2))
    magnitude = np.sqrt((np.abs(image) ** 2).sum(axis=1))
    inside = magnitude > 0.3 * np.percentile(magnitude, 99)
    there = magnitude[rows] > 0.2 * np.median(magnitude[inside])
    return 100 * float(there.any(axis=0)[inside.any(axis=0)].mean())


@pytest.mark.parametrize("percent", [16.0, 20.0, 25.0, 35.0])
def test_a_folded_object_is_found_by_how_wide_it_folds(percent: float) -> None:
    """The width lies between that of the object beyond the border and that some pixels within it."""
    fault = make_fault("wrap", BRAIN.base, 0, 0, strength=percent)
    found = next(measured(0, frames=1, fault=fault))
    height = len(BRAIN.base.lines)
    reduced = round(height * (1 - fault.truth.strength / 100))
    top, bottom = height // 2 - reduced // 2, height // 2 - reduced // 2 + reduced
    beyond, within = [top - 2, bottom + 1], [*range(top, top + 5), *range(bottom - 5, bottom)]
    assert object_in(beyond) - 5 < found["m16"].value < object_in(within) + 5
    assert LIMITS.judge(found["m16"]).severity is Verdict.RESCAN


def test_an_object_that_fits_does_not_fold() -> None:
    fault = make_fault("wrap", BRAIN.base, 0, 0, strength=8.0)
    assert next(measured(0, frames=1, fault=fault))["m16"].value == 0


def smeared(lines: np.ndarray) -> np.ndarray:
    phases = np.exp(2j * np.pi * np.random.default_rng(0).random(len(lines)))
    return lines * phases[:, None, None]


def test_a_smear_over_all_lines_reaches_both_ends() -> None:
    found = next(measured(0, frames=1, change=lambda lines, _: smeared(lines)))
    assert LIMITS.judge(found["m16"]).severity is Verdict.RESCAN


def test_what_did_not_fold_at_first_is_another_fault() -> None:
    *_, found = measured(0, frames=2, change=lambda lines, number: smeared(lines) if number else lines)
    assert found["m16"].value == 0


@pytest.mark.parametrize("level", [1.0, 3.0])
def test_signal_without_phase_encoding_is_a_line(level: float) -> None:
    """The same signal in every line: that of the object's central one, spread over all of them."""

    def unspoiled(lines: np.ndarray, number: int) -> np.ndarray:
        return lines + np.float32(level / np.sqrt(len(lines))) * lines[len(lines) // 2]

    found = next(measured(0, frames=1, change=unspoiled))["m26"]
    assert found.value > LIMITS.rows["m26"].detect.value
    x0, y0, x1, y1 = found.where.box
    assert y0 <= len(BRAIN.base.lines) // 2 < y1
    assert x1 - x0 > 16


def test_anatomy_is_no_line() -> None:
    assert abs(next(measured(0, frames=1))["m26"].value) < 15


def test_fewer_elements_and_less_signal_than_before_are_a_wrong_coil() -> None:
    exam = ExamMemory()
    exam.note(BRAIN.scan, 64, 1000.0)
    found = next(measured(frames=1, exam=exam))
    assert found["m25"].value == pytest.approx(20 * np.log10(1000 / found["m05"].value))
    assert LIMITS.judge(found["m25"]).severity is Verdict.WARN


def test_as_many_elements_or_another_prescription_are_none() -> None:
    exam, other = ExamMemory(), ExamMemory()
    exam.note(BRAIN.scan, 16, 1000.0)
    assert next(measured(frames=1, exam=exam))["m25"].value == 0
    other.note(replace(BRAIN.scan, scanner="another"), 64, 1000.0)
    assert next(measured(frames=1, exam=other))["m25"].why_missing == "no_earlier_scan"


def test_a_scan_is_remembered_for_the_next_ones_only() -> None:
    exam = ExamMemory()
    assert [m["m25"].why_missing for m in measured(frames=2, exam=exam)] == ["no_earlier_scan"] * 2
    best = exam.best(BRAIN.scan)
    assert best is not None
    assert best.coils == 16


def test_missing_lines_cost_what_they_hold_in_the_first_frame() -> None:
    """The lines through the centre, of which there is no mirror image."""
    base = BRAIN.base
    gone = np.arange(len(base.lines) // 2 - 3, len(base.lines) // 2 + 4)
    white = np.linalg.inv(np.linalg.cholesky(base.covariance)) @ base.lines
    energy = (np.abs(white) ** 2).sum(axis=(1, 2))

    def sent(repetition: int) -> np.ndarray | None:
        return np.isin(np.arange(len(base.lines)), gone, invert=True) if repetition else None

    _, found = measured(0, frames=3, fault=Fault((), sent=sent))  # the third frame proves the end of the second
    assert found["m01"].impact == pytest.approx(100 * energy[gone].sum() / energy.sum(), rel=0.05)
    assert found["m01"].where.lines == tuple(gone)


def test_more_strata_than_are_remembered_say_so() -> None:
    memory = SeriesMemory()
    for number in range(600):
        memory.of(FrameIndex(set=number)).lost = (number,)
    assert memory.of(FrameIndex(set=3)).lost == (3,)
    assert not memory.of(FrameIndex(set=599)).kept
    assert len(memory.strata) < 600
