"""What a form loses, against known truth: dB in the object, verdicts, shares of an output's rms."""

import re

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from engine.forms import BF16, FP16, INT8_U8
from engine.package.manifest import Manifest, read_manifest
from engine.plans.parity import MOST_DB, agreement_of, estimated_db, loss, lost_db
from tests.engine.package_cases import MANIFEST
from tests.engine.quality_network import KINDS
from tests.engine.quality_network import MANIFEST as QUALITY

DENOISER: Manifest = read_manifest(MANIFEST.encode(), "denoiser")
REFEREE: Manifest = read_manifest(QUALITY.encode(), "referee")
SHAPE = (3, 1, 1, 40, 40)


def noise(seed: int, sd: float = 1.0) -> np.ndarray:
    return (sd * np.random.default_rng(seed).standard_normal(SHAPE)).astype(np.float32)


def disc() -> np.ndarray:
    """An object of 50 with air around."""
    y, x = np.ogrid[-1:1:40j, -1:1:40j]
    return np.broadcast_to(np.where(np.hypot(y, x) < 0.7, np.float32(50), np.float32(0)), SHAPE)


def answers(probability: list[list[float]], distance: list[float], scale: float = 1.0) -> dict[str, np.ndarray]:
    """Of the referee, a frame a row; everything but the probabilities times `scale`."""
    frames = len(probability)
    made = {
        "severity": np.full((frames, 1, 3), 5.0),
        "where": np.full((frames, 1, 3, 16, 16), 0.5),
        "embedding": np.full((frames, 1, 2), 3.0),
        "distance": np.array(distance).reshape(frames, 1, 1),
    }
    scaled = {name: (array * scale).astype(np.float32) for name, array in made.items()}
    return {"probability": np.array(probability, np.float32)[:, None], **scaled}


def test_twice_the_error_is_six_decibels() -> None:
    truth, error = disc(), noise(0)
    assert lost_db(truth + error, truth + 2 * error, truth) == pytest.approx(20 * np.log10(2), abs=1e-4)


def test_air_does_not_count() -> None:
    truth, error = disc(), noise(0)
    spoiled = np.where(truth > 0, truth + error, np.float32(40))
    assert lost_db(truth + error, spoiled, truth) == pytest.approx(0, abs=1e-6)


def test_a_better_answer_is_a_gain() -> None:
    truth = disc()
    assert lost_db(truth + noise(0), truth + noise(0) / 2, truth) < -6


def test_the_worst_frame_counts() -> None:
    """Each has its own noise: what fails at one level is not made good by the others."""
    truth, error = disc(), noise(0)
    factor = np.array([1, 2, 0.5], np.float32).reshape(3, 1, 1, 1, 1)
    assert lost_db(truth + error, truth + factor * error, truth) == pytest.approx(20 * np.log10(2), abs=1e-4)
    added = error * np.array([0, 0.5, 0.1], np.float32).reshape(3, 1, 1, 1, 1)
    alone = estimated_db(truth[1:2], (truth + added)[1:2], None)
    assert estimated_db(truth, truth + added, None) == pytest.approx(alone)


@given(st.integers(0, 1000), st.floats(0.05, 1.0), st.floats(0.3, 0.9))
def test_the_estimate_is_near_what_is_lost_against_the_truth(seed: int, size: float, left: float) -> None:
    """For the best estimate: its error is orthogonal to the noisy image."""
    truth, share = np.full(SHAPE, 50, np.float32), left**0.5
    noisy = truth + share * noise(seed) + (1 - left) ** 0.5 * noise(seed + 5000)
    reference = truth + share * noise(seed)
    candidate = reference + noise(seed + 1, size)
    each = [(reference[n : n + 1], candidate[n : n + 1], truth[n : n + 1], noisy[n : n + 1]) for n in range(len(truth))]
    lost = np.mean([lost_db(made, other, true) for made, other, true, _ in each])
    estimate = np.mean([estimated_db(made, other, frame) for made, other, _, frame in each])
    assert estimate == pytest.approx(lost, abs=0.1 + 0.2 * lost)


def test_without_frames_the_least_is_taken_to_be_left() -> None:
    off = np.full(SHAPE, 0.1, np.float32)
    assert estimated_db(disc(), disc() + off, None) == pytest.approx(10 * np.log10(1 + 0.01 / 0.05), rel=1e-3)
    assert estimated_db(disc(), disc() + off, disc()) == pytest.approx(10 * np.log10(1.01), rel=1e-3)


def test_the_limit_of_a_denoiser_is_in_decibels_against_the_truth() -> None:
    truth, error = disc(), noise(0)
    reference = {"denoised": truth + error}
    for factor, good in ((1.01, True), (1.03, False)):
        found = loss(DENOISER, FP16, reference, {"denoised": truth + factor * error}, {"denoised": truth})
        assert (found.problem == "") is good
        assert (found.unit, found.against, found.limit) == ("dB in the object", "the truth", MOST_DB)
    assert "0.257 dB in the object, 0.15 is allowed" in found.problem


def test_without_a_truth_it_says_that_it_is_an_estimate() -> None:
    reference = {"denoised": disc()}
    found = loss(DENOISER, FP16, reference, {"denoised": disc() + noise(0, 0.2)})
    assert "estimate" in found.against
    assert found.problem
    assert not loss(DENOISER, FP16, reference, {"denoised": disc() + noise(0, 0.07)}, hostile=True).problem
    assert loss(DENOISER, FP16, reference, {"denoised": disc() + noise(0, 0.07)}).problem


@pytest.mark.parametrize("bad", [np.nan, np.inf])
def test_one_value_that_is_not_finite_is_refused(bad: float) -> None:
    spoiled = disc().copy()
    spoiled[2, 0, 0, 0, 0] = bad
    assert "NaN" in loss(DENOISER, FP16, {"denoised": disc()}, {"denoised": spoiled}).problem


def test_another_shape_is_refused() -> None:
    assert "instead of" in loss(DENOISER, FP16, {"denoised": disc()}, {"denoised": disc()[..., :-1]}).problem


@pytest.mark.parametrize(
    ("spoilt", "said"),
    [
        (lambda truth: truth * np.nan, "the truth of denoised holds NaN"),
        (lambda truth: truth * np.array([1, 0, 1]).reshape(3, 1, 1, 1, 1), "shows no object in frame 1"),
        (lambda truth: truth[..., :-1], r"the truth of denoised is \[1, 1, 40, 39\] instead of \[1, 1, 40, 40\]"),
        (lambda truth: truth[:2], "2 truths for 3 frames"),
        (lambda truth: truth.astype(np.float64) + 1e200, "no number"),
    ],
)
def test_a_truth_that_nothing_can_be_held_against_is_a_problem(spoilt, said: str) -> None:
    made = {"denoised": disc() + noise(0)}
    with np.errstate(all="ignore"):
        found = loss(DENOISER, FP16, made, {"denoised": disc() + 9 * noise(0)}, {"denoised": spoilt(disc())})
    assert re.search(said, found.problem)
    assert found.value == np.inf


def test_an_answer_of_the_reference_that_is_not_finite_is_a_problem() -> None:
    spoilt = np.where(disc() > 0, np.float32(np.inf), disc())
    found = loss(DENOISER, FP16, {"denoised": spoilt}, {"denoised": disc()}, {"denoised": disc()})
    assert (found.value, found.problem) == (np.inf, "the reference's denoised holds NaN or infinite values")


CLEAR = [[0.95, 0.1, 0.0], [0.2, 0.1, 0.7]]


def test_the_same_answers_lose_nothing() -> None:
    found = loss(REFEREE, INT8_U8, answers(CLEAR, [0.5, 0.5]), answers(CLEAR, [0.5, 0.5]))
    assert (found.value, found.agreement, found.problem) == (0, 1.0, "")


@pytest.mark.parametrize(("error", "good"), [(0.045, True), (0.055, False)])
def test_a_probability_may_be_off_by_five_hundredths(error: float, good: bool) -> None:
    off = [[row[0] - error, *row[1:]] for row in CLEAR]
    found = loss(REFEREE, INT8_U8, answers(CLEAR, [0.5, 0.5]), answers(off, [0.5, 0.5]))
    assert (found.problem == "") is good
    assert (found.output, found.agreement) == ("probability", 1.0)


def test_a_clear_verdict_that_flips_is_refused_on_hostile_frames_too() -> None:
    flipped = [[0.95, 0.1, 0.0], [0.2, 0.1, 0.5]]
    found = loss(REFEREE, INT8_U8, answers(CLEAR, [0.5, 0.5]), answers(flipped, [0.5, 0.5]), hostile=True)
    assert found.agreement == pytest.approx(5 / 6)
    assert "verdicts" in found.problem


def test_a_verdict_on_its_limit_is_a_toss_up() -> None:
    limit = 0.86  # of motion, in engine/decide/limits.toml
    one, other = answers([[limit + 0.005, 0.1, 0.0]], [0.5]), answers([[limit - 0.005, 0.1, 0.0]], [0.5])
    assert agreement_of(REFEREE, one, other) == 1.0


def test_an_alarm_where_the_reference_says_out_of_distribution_is_another_verdict() -> None:
    assert agreement_of(REFEREE, answers([[0.95, 0.1, 0.0]], [1.2]), answers([[0.95, 0.1, 0.0]], [0.9])) == 0.0
    assert agreement_of(REFEREE, answers([[0.95, 0.1, 0.0]], [1.02]), answers([[0.95, 0.1, 0.0]], [0.99])) == 1.0


def test_nothing_is_lost_on_what_nobody_is_told() -> None:
    one, other = answers([[0.95, 0.1, 0.0]], [1.2]), answers([[0.5, 0.5, 0.5]], [1.2])
    other["where"] += 1
    found = loss(REFEREE, INT8_U8, one, other)
    assert (found.value, found.problem, found.agreement) == (0.0, "", 1.0)
    other["distance"] *= 1.1
    assert "distance loses 0.1" in loss(REFEREE, INT8_U8, one, other).problem


def test_kinds_without_a_row_are_held_against_a_half() -> None:
    words = QUALITY.replace('labels = ["motion", "ghost", "gibbs"]', 'labels = ["cat", "dog", "gibbs"]')
    other = read_manifest(words.encode(), "animals")
    assert agreement_of(other, answers([[0.6, 0.1, 0.0]], [0.5]), answers([[0.4, 0.1, 0.0]], [0.5])) == pytest.approx(
        2 / 3
    )
    assert KINDS[0] == "motion"


@pytest.mark.parametrize(("form", "good"), [(INT8_U8, True), (BF16, True), (FP16, False)])
def test_other_outputs_are_held_against_their_rms(form: str, good: bool) -> None:
    found = loss(REFEREE, form, answers(CLEAR, [0.5, 0.5]), answers(CLEAR, [0.5, 0.5], scale=1.02))
    assert found.value == pytest.approx(0.02, rel=1e-3)
    assert (found.problem == "") is good
    worse = answers(CLEAR, [0.5, 0.5], scale=2)
    assert loss(REFEREE, form, answers(CLEAR, [0.5, 0.5]), worse).problem
    assert not loss(REFEREE, form, answers(CLEAR, [0.5, 0.5]), worse, hostile=True).problem, "finite is enough there"


def test_an_output_of_zeros_is_not_divided_by() -> None:
    reference = answers(CLEAR, [0.0, 0.0], scale=0.0)
    assert not loss(REFEREE, FP16, reference, answers(CLEAR, [0.0, 0.0], scale=0.0)).problem
