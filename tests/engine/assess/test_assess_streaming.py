"""What is computed while lines arrive gives the same measurements as the whole frame at its end."""

import numpy as np
import pytest

from engine.acquisition import Readouts
from engine.assess.assessor import Assessor
from engine.reconstruct.series import Reconstructed, Reconstruction
from engine.types import Measurement
from firmware.sources.simulated import SimulatedScan
from tests.engine.assess.series import BRAIN, StillClock


def judged(group: int, *, follow: bool, counted: bool = True, order: int = 0) -> list[tuple[Measurement, ...]]:
    """Three frames sent `group` readouts at a time; `counted` False: the sender does not count repetitions."""
    source = SimulatedScan(BRAIN, 3, seed=5)
    scan = source.scan()
    reconstruction, assessor = Reconstruction(scan, StillClock()), Assessor(scan)
    noise, *batches = source.readouts()
    list(reconstruction.add(noise))
    out = []
    for number, batch in enumerate(batches):
        shuffled = np.arange(len(batch))
        if order:
            np.random.default_rng(order + number).shuffle(shuffled)
        head = batch.head.copy()
        head["idx"]["repetition"] *= counted
        head["flags"][shuffled[-1]], head["flags"][shuffled[:-1]] = batch.head["flags"][-1], 0
        for first in range(0, len(batch), group):
            part = shuffled[first : first + group]
            for done in reconstruction.add(Readouts(head[part], batch.data[part])):
                assert isinstance(done, Reconstructed)
                out.append(assessor.measure(reconstruction.with_noise(done)))
                reconstruction.release(done.kspace)
            if follow and (lines := reconstruction.open_lines) is not None:
                assessor.follow(lines)
    return out


def numbers(measurements: tuple[Measurement, ...]) -> list[float]:
    return [m.value for m in measurements if m.value is not None]


@pytest.mark.parametrize("group", [1, 8, 50])
@pytest.mark.parametrize("order", [0, 1])
def test_following_changes_no_measurement(group: int, order: int) -> None:
    followed, whole = judged(group, follow=True, order=order), judged(group, follow=False, order=order)
    assert len(followed) == len(whole) == 3
    for one, other in zip(followed, whole, strict=True):
        assert [(m.row, m.why_missing, m.where) for m in one] == [(m.row, m.why_missing, m.where) for m in other]
        assert numbers(one) == pytest.approx(numbers(other), rel=1e-4, abs=1e-6)


def test_frames_of_one_index_do_not_mix() -> None:
    followed, whole = judged(8, follow=True, counted=False), judged(8, follow=False, counted=False)
    assert len(followed) == len(whole) == 3
    for one, other in zip(followed, whole, strict=True):
        assert numbers(one) == pytest.approx(numbers(other), rel=1e-4, abs=1e-6)


def test_a_row_that_fails_while_lines_arrive_costs_only_itself(monkeypatch: pytest.MonkeyPatch) -> None:
    def explode(lines, memory):
        raise ZeroDivisionError

    monkeypatch.setattr("engine.assess.assessor.follow_lines", explode)
    assert len(judged(8, follow=True)) == 3
