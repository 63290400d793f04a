"""m18: the uniformity of a known field beside the phantom test's own definition; a change of shading reads true."""

import numpy as np
import pytest
from scipy.ndimage import binary_erosion

from engine.assess.memory import StratumMemory
from engine.assess.uniformity import smooth_field, uniformity
from engine.decide.limits import shipped_limits
from engine.types import Measurement, Verdict
from models.simulate.base import images, kspace
from tests.engine.assess.series import BRAIN
from tests.engine.assess.views import DISC, HEIGHT, WIDTH, ellipse, phantom, views

LIMITS = shipped_limits()


def series(scan, frames, seed, change) -> list[Measurement]:
    memory = StratumMemory()
    return [uniformity(view, memory) for view in views(scan, frames, seed, change)]


def unchanged(lines, repetition):
    return lines


def shaded(field: np.ndarray, first: int = 1):
    """The object shines `field [y, x]` times as bright from that repetition on."""

    def change(lines, repetition):
        if repetition < first:
            return lines
        noise_free = images(lines)
        return kspace((noise_free * field[:, None]).astype(np.complex64))

    return change


def acr_uniformity(magnitude: np.ndarray, inside: np.ndarray, width: float) -> float:
    """Independent: the phantom test's definition, a round region moved over the object without its rim."""
    y, x = np.mgrid[: magnitude.shape[0], : magnitude.shape[1]]
    means = []
    for row, column in np.argwhere(inside):
        region = np.hypot(y - row, x - column) < width
        if inside[region].all():
            means.append(magnitude[region].mean())
    high, low = max(means), min(means)
    return 100 * (1 - (high - low) / (high + low))


@pytest.mark.parametrize("slope", [0.0, 0.2, 0.5])
def test_the_uniformity_is_that_of_the_phantom_test(slope: float) -> None:
    y, x = np.mgrid[-1 : 1 : HEIGHT * 1j, -1 : 1 : WIDTH * 1j]
    scan = phantom(ellipse() * (1 + slope * (y + 0.5 * x**2)))
    for seed in range(3):
        view = next(views(scan, 1, seed))
        expected = acr_uniformity(view.thinned, binary_erosion(view.thinned_object, iterations=2), 2.6)
        assert uniformity(view, StratumMemory()).value == pytest.approx(expected, abs=2.0)


@pytest.mark.parametrize("strength", [0.05, 0.4])
def test_a_field_that_comes_up_reads_its_strength(strength: float) -> None:
    x = np.linspace(-1, 1, WIDTH)
    field = np.exp(strength * np.broadcast_to(x / 0.7, (HEIGHT, WIDTH)))
    inside = ellipse(share=0.35 - 5 / WIDTH) > 20  # without its rim
    change = strength * np.broadcast_to(x / 0.7, (HEIGHT, WIDTH))[inside]
    truth = 100 * np.expm1(np.percentile(np.abs(change - np.median(change)), 95))
    for seed in range(10):
        first, second = series(DISC, 2, seed, shaded(field))
        assert first.impact == 0
        assert second.impact == pytest.approx(truth, rel=0.1)


@pytest.mark.parametrize(("strength", "verdict"), [(0.05, Verdict.OK), (0.3, Verdict.WARN), (0.8, Verdict.WARN)])
def test_the_shading_of_a_head_is_judged_by_its_change(strength: float, verdict: Verdict) -> None:
    x = np.linspace(-1, 1, 128)
    *_, found = series(BRAIN, 3, 0, shaded(np.exp(strength * np.broadcast_to(x / 0.7, (128, 128))), first=2))
    assert LIMITS.judge(found).severity is verdict


def test_a_finding_ends_when_the_shading_is_back() -> None:
    *_, found = series(BRAIN, 3, 0, unchanged)
    assert LIMITS.judge(found).clear


def test_a_change_of_scale_is_none_of_the_shading() -> None:
    _, found = series(DISC, 2, 0, lambda lines, repetition: lines * (1 + repetition))
    assert found.impact < 2


def test_a_lost_connector_changes_the_shading() -> None:
    def lose(lines, repetition):
        if repetition:
            lines[:, :4] *= 0.01
        return lines

    _, found = series(BRAIN, 2, 0, lose)
    assert LIMITS.judge(found).severity is not Verdict.OK


def test_a_constant_has_a_flat_field() -> None:
    inside = np.zeros((64, 48), bool)
    inside[10:50, 8:40] = True
    field = smooth_field(np.full((64, 48), 3.0, np.float32), inside)
    assert field[np.isfinite(field)] == pytest.approx(np.log(3.0), abs=1e-4)
    assert not np.isfinite(field[~inside]).any()


def test_a_small_object_has_no_figure() -> None:
    view = next(views(phantom(ellipse(share=0.07)), 1, 0))
    assert uniformity(view, StratumMemory()).why_missing in ("object_too_small", "no_object")
