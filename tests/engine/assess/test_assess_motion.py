"""m10 and m11: motion within an image, against steps of known size at known lines; silence without."""

from dataclasses import replace

import numpy as np
import pytest

from engine.assess.consistency import calibrate, follow_lines, line_consistency
from engine.assess.memory import StratumMemory
from engine.decide.limits import shipped_limits
from engine.types import FrameIndex, Noise, OpenLines, Verdict
from models.simulate.fault import Fault
from tests.engine.assess.series import BRAIN, measured
from tests.engine.assess.views import views

LIMITS = shipped_limits()
LINES = len(BRAIN.base.lines)


def shifted(lines: np.ndarray, down: float, right: float) -> np.ndarray:
    """Moved by whole or broken pixels; the coil moves along, which a shift theorem cannot avoid."""
    n, m = lines.shape[0], lines.shape[2]
    ky, kx = (np.arange(n) - n // 2) / n, (np.arange(m) - m // 2) / m
    return lines * np.exp(-2j * np.pi * (down * ky[:, None, None] + right * kx))


def step_at(line: int, down: float, right: float, repetition: int = 1):
    """The object moves before `line` of `repetition` and stays there."""

    def change(lines: np.ndarray, number: int) -> np.ndarray:
        if number < repetition:
            return lines
        out = lines.copy()
        first = line if number == repetition else 0
        out[first:] = shifted(lines, down, right)[first:]
        return out

    return change


@pytest.mark.parametrize("seed", range(10))
def test_clean_frames_are_silent(seed: int) -> None:
    first, *later = measured(seed, frames=8)
    assert first["m10"].why_missing == first["m11"].why_missing == "first_frame"
    for found in later:
        assert LIMITS.judge(found["m10"]).severity is Verdict.OK
        assert LIMITS.judge(found["m11"]).severity is Verdict.OK


@pytest.mark.parametrize(("line", "down", "right"), [(32, 1, 0), (44, 1, 0), (44, 0, 1), (77, 3, 0), (90, 1, 1)])
def test_a_step_is_found_at_its_line(line: int, down: float, right: float) -> None:
    _, moved, after = measured(3, frames=3, change=step_at(line, down, right))
    assert LIMITS.judge(moved["m11"]).severity is Verdict.WARN
    assert abs(moved["m11"].where.lines[0] - line) <= 1
    assert LIMITS.judge(after["m11"]).severity is Verdict.OK, "a new position is no motion within the image"


def test_a_larger_step_shows_more() -> None:
    values = []
    for pixels in (0.5, 1, 2, 4):
        _, moved = measured(4, frames=2, change=step_at(48, 0, pixels))
        values.append((moved["m10"].value, moved["m11"].value))
    assert values == sorted(values)
    assert values[-1][0] > LIMITS.rows["m10"].rescan.value


@pytest.mark.parametrize("gain", [1.02, 1.5, 0.7])
def test_an_object_that_only_gets_brighter_or_darker_does_not_move(gain: float) -> None:
    """The brain has a tenth of its signal in the air; that grows along."""
    for seed in range(3):
        brighter = Fault((), signal=lambda lines, number: lines * gain**number)
        *_, found = measured(seed, frames=2, fault=brighter)
        assert LIMITS.judge(found["m10"]).severity is Verdict.OK
        assert LIMITS.judge(found["m11"]).severity is Verdict.OK


def ghosted(level: float, rows: int):
    """A copy of the object, so many rows further and of so much of its signal, from the second frame on."""

    def change(lines: np.ndarray, number: int) -> np.ndarray:
        return lines + level * shifted(lines, rows, 0) if number else lines

    return change


def white_power(lines: np.ndarray) -> np.ndarray:
    """`[y, x]` summed power of the coil images in noise units, by numpy alone."""
    white = np.linalg.inv(np.linalg.cholesky(BRAIN.base.covariance / 2)) @ lines
    image = np.fft.fftshift(np.fft.ifft2(np.fft.ifftshift(white, (0, 2)), axes=(0, 2), norm="ortho"), (0, 2))
    return (np.abs(image) ** 2).sum(axis=1)


@pytest.mark.parametrize("level", [0.03, 0.05, 0.1, 0.2])
@pytest.mark.parametrize("rows", [40, 64])
def test_the_ghost_level_reads_what_the_air_gained(level: float, rows: int) -> None:
    clean, other = white_power(BRAIN.base.lines), white_power(ghosted(level, rows)(BRAIN.base.lines, 1))
    inside = clean > 0.02 * np.percentile(clean, 99)
    rows_inside = [np.flatnonzero(column) for column in inside.T]
    air = np.zeros_like(inside)
    for x, column in enumerate(rows_inside):
        if len(column) > 8:
            air[3 : column[0] - 7, x] = air[column[-1] + 8 : LINES - 3, x] = True
    expected = 100 * np.sqrt((other - clean)[air].mean() / np.median(clean[inside]))
    values = []
    for seed in range(5):
        *_, found = measured(seed, frames=2, change=ghosted(level, rows))
        values.append(found["m10"].value)
    assert np.mean(values) == pytest.approx(expected, rel=0.15)


def test_three_elements_cannot_predict_each_other() -> None:
    base = BRAIN.base
    few = replace(base, lines=base.lines[:, :3], covariance=base.covariance[:3, :3], maps=base.maps[:3])
    scan = replace(BRAIN, scan=replace(BRAIN.scan, coils=3), base=few)
    *_, found = measured(0, frames=2, scan=scan)
    assert found["m11"].why_missing == "few_coils"
    assert found["m10"].value is not None


@pytest.mark.parametrize("since", [0, 1], ids=["from the first image on", "later"])
def test_lines_of_zeros_have_no_signal_to_compare(since: int) -> None:
    """All but the three central lines are zero: there is power in the centre, and half the lines leave nothing."""

    def emptied(lines: np.ndarray, repetition: int) -> np.ndarray:
        central = np.abs(np.arange(len(lines)) - LINES // 2) <= 1
        return lines if repetition < since else lines * central[:, None, None]

    memory = StratumMemory()
    with np.errstate(all="raise"):
        first, second = [line_consistency(view, memory) for view in views(frames=2, change=emptied)]
    assert first.why_missing == "first_frame"
    assert (second.value, second.why_missing) == (None, "no_signal")


def test_streaming_is_the_same_as_all_at_once() -> None:
    """Lines in any order and groups: the same q, to the last bit."""
    raw = BRAIN.base.lines
    kernel = calibrate(raw, np.ones(LINES, bool), (LINES // 2, raw.shape[2] // 2), 1, None)
    whole, pieces = StratumMemory(kernel=kernel), StratumMemory(kernel=kernel)
    index, counts = FrameIndex(repetition=1), np.zeros(LINES, np.int32)
    order = np.random.default_rng(1).permutation(LINES)
    for group in np.array_split(order, 11):
        counts[group] = 1
        streamed = follow_lines(OpenLines(index, raw, counts), pieces)
    at_once = follow_lines(OpenLines(index, raw, np.ones(LINES, np.int32)), whole)
    assert streamed is not None
    assert at_once is not None
    np.testing.assert_allclose(streamed.quality, at_once.quality, rtol=1e-5)
    assert np.isnan(at_once.quality[[0, -1]]).all()
    assert np.isfinite(at_once.quality[1:-1]).all()


def test_q_is_one_on_noise() -> None:
    """White noise through any kernel leaves as much as its weights say."""
    rng = np.random.default_rng(2)
    raw = BRAIN.base.lines
    noise = (rng.standard_normal((*raw.shape, 2)) @ (1, 1j)).astype(np.complex64)
    kernel = calibrate(
        noise,
        np.ones(LINES, bool),
        (LINES // 2, raw.shape[2] // 2),
        1,
        Noise(2 * np.eye(raw.shape[1]) + 0j, 10_000, False),
    )
    memory = StratumMemory(kernel=kernel)
    fresh = (rng.standard_normal((*raw.shape, 2)) @ (1, 1j)).astype(np.complex64)
    progress = follow_lines(OpenLines(FrameIndex(), fresh, np.ones(LINES, np.int32)), memory)
    assert progress is not None
    assert np.nanmean(progress.quality) == pytest.approx(1, abs=0.03)
