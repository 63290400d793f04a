"""m23: an echo that moves in the readout reads by how many samples; where it lies at first is no fault."""

import numpy as np
import pytest

from engine.assess.echo import echo_center, echo_position
from engine.assess.memory import StratumMemory
from engine.decide.limits import shipped_limits
from engine.types import Measurement, Verdict
from tests.engine.assess.series import BRAIN
from tests.engine.assess.views import DISC, views

LIMITS = shipped_limits()


def series(scan, frames, seed, change) -> list[Measurement]:
    memory = StratumMemory()
    return [echo_position(view, memory) for view in views(scan, frames, seed, change)]


def rolled(samples: int, first: int):
    return lambda lines, repetition: np.roll(lines, samples if repetition >= first else 0, axis=2)


@pytest.mark.parametrize("scan", [BRAIN, DISC], ids=["brain", "phantom"])
@pytest.mark.parametrize("samples", [1, -3, 8])
def test_a_moved_echo_reads_its_samples(scan, samples: int) -> None:
    for seed in range(10):
        _, found = series(scan, 2, seed, rolled(samples, first=1))
        assert found.value == pytest.approx(abs(samples), abs=0.1)
        assert LIMITS.judge(found).severity is (Verdict.WARN if abs(samples) > 2 else Verdict.OK)


def test_an_echo_that_is_off_from_the_start_is_measured_and_not_judged() -> None:
    first, second = series(DISC, 2, 0, rolled(12, first=0))
    assert first.value == pytest.approx(12, abs=0.6)
    assert second.value == pytest.approx(0, abs=0.1)
    assert LIMITS.judge(first).severity is LIMITS.judge(second).severity is Verdict.OK


def test_long_readouts_may_move_one_per_cent() -> None:
    (found,) = series(BRAIN, 1, 0, lambda lines, _: lines)
    assert found.detect_limit == pytest.approx(2.0 + found.value)


@pytest.mark.parametrize("offset", [-0.4, 0.0, 0.3])
def test_the_echo_lies_between_samples(offset: float) -> None:
    samples = np.arange(64)
    assert echo_center(np.exp(-((samples - 30 - offset) ** 2) / 4)) == pytest.approx(30 + offset, abs=0.02)


def test_two_peaks_of_one_echo_do_not_make_it_jump() -> None:
    samples = np.arange(128)
    peaks = [np.exp(-((samples - at) ** 2) / 4) for at in (61, 66)]
    assert abs(echo_center(peaks[0] + 0.99 * peaks[1]) - echo_center(0.99 * peaks[0] + peaks[1])) < 0.1


def test_silence_has_no_echo() -> None:
    assert echo_center(np.zeros(16)) is None


def test_unsampled_k_space_is_said() -> None:
    view = next(views(DISC, 1, 0))
    view.kspace.counts[:48] = 0
    assert echo_position(view, StratumMemory()).impact == pytest.approx(25.0)
