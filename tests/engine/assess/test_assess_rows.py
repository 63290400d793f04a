"""Each row on a real scan: silent when clean, right about a fault of known strength."""

import numpy as np
import pytest
from scipy.stats import f as f_distribution
from scipy.stats import gamma

from engine.assess import ROWS, interference, spike
from engine.decide.limits import shipped_limits
from engine.types import Verdict
from models.simulate.coil_loss import lose_elements
from models.simulate.series import side_air_covariance
from tests.engine.assess.series import BRAIN, measured

LIMITS = shipped_limits()
SIGMA = np.sqrt(np.real(np.diag(side_air_covariance(BRAIN.kspace))) / 2)
"""Noise per real and imaginary part and coil."""


def severities(measurements) -> dict[str, Verdict]:
    return {row: LIMITS.judge(m).severity for row, m in measurements.items() if row in LIMITS.rows}


NOT_YET = {"first_frame", "too_few_frames", "no_earlier_scan", "no_echo_time"}
"""What a series cannot tell in its first frames, or this scan not at all."""


@pytest.mark.parametrize("seed", range(10))
def test_clean_series_are_silent(seed: int) -> None:
    for number, found in enumerate(measured(seed, frames=3)):
        assert set(found) == set(ROWS)
        wrong = {row: s for row, s in severities(found).items() if s is not Verdict.OK}
        assert all(found[row].why_missing in NOT_YET for row in wrong), wrong
        mandatory = {row for row in wrong if row in LIMITS.mandatory}
        assert mandatory == ({"m13"} if number == 0 else set())


@pytest.mark.parametrize("elements", [(0,), (15,), (8,), (0, 1, 2, 3), (12, 13, 14, 15), (3, 11)])
def test_failed_elements_are_found_in_their_first_frame(elements: tuple[int, ...]) -> None:
    for number, found in enumerate(measured(3, frames=4, fault=lose_elements(elements, 2))):
        assert found["m04"].where.coils == (elements if number >= 2 else ())
        if number:
            assert found["m13"].value < 0.1, "a lost element must not look like motion"


@pytest.mark.parametrize("first", [0, 4, 8, 12])
def test_a_connector_costs_more_than_any_element(first: int) -> None:
    limit = LIMITS.rows["m04"].rescan.value
    *_, whole = measured(1, frames=2, fault=lose_elements(tuple(range(first, first + 4)), 1))
    assert whole["m04"].impact > 1.3 * limit
    for element in range(first, first + 4):
        *_, one = measured(1, frames=2, fault=lose_elements((element,), 1))
        assert one["m04"].impact < limit / 1.3


@pytest.mark.parametrize("loss_db", [3, 6, 12, 20])
def test_the_loss_of_an_element_reads_its_strength(loss_db: float) -> None:
    def weaken(lines, repetition):
        if repetition:
            lines[:, 5] *= 10 ** (-loss_db / 20)
        return lines

    *_, found = measured(2, frames=2, change=weaken)
    assert found["m04"].value == pytest.approx(loss_db, abs=0.2)


def test_an_element_silent_from_the_start_is_named() -> None:
    found = next(measured(4, frames=1, fault=lose_elements((6,), 0)))
    assert found["m04"].where.coils == (6,)


@pytest.mark.parametrize(("factor", "loss_db"), [(1.41, 3.0), (2.0, 6.0), (4.0, 12.0)])
def test_more_noise_lowers_snr_by_as_much(factor: float, loss_db: float) -> None:
    """Weaker signal under the same noise: what the real scan's own noise allows to be made."""

    def weaken(lines, repetition):
        return BRAIN.kspace.transpose(1, 0, 2) / factor + (lines - BRAIN.kspace.transpose(1, 0, 2))

    plain = next(measured(5, frames=1))["m05"].value
    weaker = next(measured(5, frames=1, change=weaken))["m05"].value
    assert 20 * np.log10(plain / weaker) == pytest.approx(loss_db, abs=0.3)


def test_snr_without_a_noise_scan_is_marked_estimated_and_never_flattered() -> None:
    known = next(measured(6, frames=1))["m05"]
    estimated = next(measured(6, frames=1, noise_scan=False))["m05"]
    assert not known.estimated
    assert estimated.estimated
    assert 0.3 * known.value < estimated.value < 1.2 * known.value


def spiked(amplitude: float, line: int = 20, sample: int = 100):
    """A spike of so many noise sd in every coil."""

    def change(lines, repetition):
        lines[line, :, sample] += amplitude * SIGMA * np.exp(1j * np.arange(len(SIGMA)))
        return lines

    return change


@pytest.mark.parametrize("amplitude", [12.0, 16.0, 40.0])
def test_a_spike_is_found_where_it_is(amplitude: float) -> None:
    for seed in range(5):
        found = next(measured(seed, frames=1, change=spiked(amplitude)))["m06"]
        assert found.value > found.detect_limit
        assert (found.where.lines, found.where.samples) == ((20,), (100,))


def test_the_spike_limit_is_the_f_quantile() -> None:
    expected = f_distribution.ppf(1 - spike.FALSE_ALARMS / 65536, 32, 32)
    assert spike.detection_limit(16, 65536) == pytest.approx(expected, rel=1e-6)
    assert spike.detection_limit(16, 65536) == pytest.approx(8.46, abs=0.1)


def test_the_interference_limit_is_the_gamma_quantile() -> None:
    expected = gamma.ppf(1 - interference.FALSE_ALARMS / 256, 16 * 64) / (16 * 64)
    assert interference.detection_limit(16, 64, 256) == pytest.approx(expected, rel=1e-6)


@pytest.mark.parametrize("column", [6, 118])
def test_a_tone_is_found_in_its_column(column: int) -> None:
    def tone(lines, repetition):
        rng = np.random.default_rng(repetition)
        samples = np.arange(lines.shape[2]) - lines.shape[2] // 2
        wave = np.exp(-2j * np.pi * (column - lines.shape[2] // 2) * samples / lines.shape[2])
        phases = np.exp(2j * np.pi * rng.random(len(lines)))
        return lines + 0.5 * phases[:, None, None] * SIGMA[:, None] * wave

    found = next(measured(7, frames=1, change=tone))["m07"]
    assert found.value > found.detect_limit
    assert found.where.columns == (column,)


@pytest.mark.parametrize("level", [0.9, 0.7, 0.5])
def test_clipping_is_found_and_central(level: float) -> None:
    def clip(lines, repetition):
        top = level * np.abs(lines[:, 3].view(np.float32)).max()
        lines[:, 3] = np.clip(lines[:, 3].real, -top, top) + 1j * np.clip(lines[:, 3].imag, -top, top)
        flat = lines[62:67, 3, 62:67]  # real receivers stay at full scale while overdriven
        flat[...] = top + 1j * flat.imag
        return lines

    found = next(measured(8, frames=1, change=clip))["m02"]
    assert found.value > 0
    assert found.impact > 0
    assert found.where.coils == (3,)


@pytest.mark.parametrize(("dy", "dx"), [(0.0, 0.0), (0.3, 0.0), (0.0, 0.5), (1.0, -2.0), (4.0, 3.0)])
def test_displacement_reads_sub_pixel_shifts(dy: float, dx: float) -> None:
    def move(lines, repetition):
        if not repetition:
            return lines
        n, m = lines.shape[0], lines.shape[2]
        ky, kx = (np.arange(n) - n // 2) / n, (np.arange(m) - m // 2) / m
        return lines * np.exp(-2j * np.pi * (dy * ky[:, None, None] + dx * kx))

    _, found = measured(9, frames=2, change=move)
    assert found["m13"].value == pytest.approx(2.0 * np.hypot(dy, dx), abs=0.06)  # pixels of 2 mm


def test_a_row_that_fails_costs_only_itself(monkeypatch: pytest.MonkeyPatch) -> None:
    def explode(view, memory):
        raise ZeroDivisionError

    monkeypatch.setitem(ROWS, "m06", ("rf_spike", "1", explode))
    found = next(measured(0, frames=1))
    assert found["m06"].why_missing.startswith("failed")
    assert found["m05"].value is not None
