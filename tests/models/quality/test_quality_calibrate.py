"""Figures of merit against counting pairs, and probabilities against the truth they were drawn from."""

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from models.quality.calibrate import area, fit_logistic, threshold_at

SCORES = st.lists(st.integers(0, 5), min_size=1, max_size=12)


@given(SCORES, SCORES)
def test_the_area_is_the_share_of_pairs_in_the_right_order(faulty: list[int], sound: list[int]) -> None:
    pairs = [1.0 if f > s else 0.5 if f == s else 0.0 for f in faulty for s in sound]
    scores, true = np.array([*faulty, *sound], float), np.repeat([True, False], [len(faulty), len(sound)])
    assert np.isclose(area(scores, true), np.mean(pairs))


def test_one_side_alone_says_nothing() -> None:
    assert area(np.arange(3.0), np.ones(3, bool)) == 0.5


def test_a_logistic_truth_is_found_again() -> None:
    rng = np.random.default_rng(1)
    scores = rng.normal(0, 3, 20000)
    true = rng.random(20000) < 1 / (1 + np.exp(-(0.7 * scores - 1.2)))
    slope, offset = fit_logistic(scores, true)
    assert abs(slope - 0.7) < 0.04
    assert abs(offset + 1.2) < 0.06


def test_perfect_scores_become_no_certainty() -> None:
    scores, true = np.array([-1.0] * 50 + [1.0] * 50), np.repeat([False, True], 50)
    slope, offset = fit_logistic(scores, true)
    assert 0.9 < 1 / (1 + np.exp(-(slope + offset))) < 0.999


@given(st.lists(st.floats(0, 1), min_size=1, max_size=300), st.sampled_from([0.9, 0.95, 0.99]))
def test_no_more_sound_samples_exceed_the_threshold_than_allowed(sound: list[float], specificity: float) -> None:
    limit = threshold_at(np.array(sound), specificity)
    assert np.mean(np.array(sound) > limit) <= 1 - specificity + 1e-9
