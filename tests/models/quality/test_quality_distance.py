"""The distance: its false alarms are what was asked for, and strangers in the training hardly move it."""

import numpy as np

from models.quality.distance import FALSE_ALARM, SMALLEST, Distance, fit_distance

FEATURES = 20
CENTRES = 3 * np.random.default_rng(7).standard_normal((3, FEATURES))


def drawn(count: int, seed: int, centre: int | None = None) -> tuple[np.ndarray, np.ndarray]:
    """Positive features about three centres, whose logarithms are normal; and which centre."""
    rng = np.random.default_rng(seed)
    mixing = np.random.default_rng(0).standard_normal((FEATURES, FEATURES)) / 3
    kind = rng.integers(3, size=count) if centre is None else np.full(count, centre)
    return np.exp(CENTRES[kind] + rng.standard_normal((count, FEATURES)) @ mixing), kind - 1


def fitted(extra: np.ndarray | None = None) -> Distance:
    features, kind = drawn(3000, 1)
    if extra is not None:
        features, kind = np.vstack([features, extra]), np.concatenate([kind, np.zeros(len(extra), np.int64)])
    return fit_distance(features, kind, drawn(3000, 2)[0])


def strangers(count: int) -> np.ndarray:
    """Far from every centre in one and the same place, as a set of duplicates."""
    rng = np.random.default_rng(4)
    return np.exp(8 * rng.standard_normal(FEATURES) / 3 + 0.05 * rng.standard_normal((count, FEATURES)))


def test_as_many_of_the_same_kind_are_far_as_was_asked_for() -> None:
    distance = fitted()
    assert abs((distance.of(drawn(20000, 3)[0]) > 1).mean() - FALSE_ALARM) < 0.006
    for centre in range(3):
        assert (distance.of(drawn(3000, 5, centre)[0]) > 1).mean() < 0.03


def test_what_lies_elsewhere_is_far() -> None:
    assert (fitted().of(strangers(100)) > 1).all()
    assert (fitted().of(np.zeros((1, FEATURES))) > 1).all()


def test_some_strangers_in_the_training_move_no_centre() -> None:
    plain, mixed = fitted(), fitted(strangers(100))
    centres = [one.centres @ np.linalg.inv(one.whitening) for one in (plain, mixed)]
    np.testing.assert_allclose(centres[0], centres[1], atol=0.3)


def test_the_nearest_centre_counts() -> None:
    distance = fitted()
    embedding = np.log(drawn(5, 6)[0] + SMALLEST) @ distance.whitening
    lengths = [min(np.linalg.norm(one - centre) for centre in distance.centres) for one in embedding]
    np.testing.assert_allclose(distance.of(drawn(5, 6)[0]), np.array(lengths) / distance.limit, rtol=1e-6)
