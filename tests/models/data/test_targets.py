"""Clean training pictures."""

import numpy as np
import pytest

from models.data.anatomy import Volume
from models.data.targets import bank, levelled, mr_pictures, shapes, shrunk, with_spots


def volume(body: str, value: float, interpolated: bool = False) -> Volume:
    pixels = np.full((2, 200, 180), value, np.float32)
    return Volume(f"{body}.npz", "train", body, body, body, interpolated, pixels)


def test_shrinking_averages_what_it_covers() -> None:
    fine = np.random.default_rng(0).normal(5, 1, (80, 120)).astype(np.float32)
    wanted = fine.reshape(40, 2, 60, 2).mean(axis=(1, 3))
    np.testing.assert_allclose(shrunk(fine, 2), wanted, rtol=1e-5)


def test_interpolated_volumes_are_shrunk_by_more_than_two() -> None:
    random = np.random.default_rng(0)
    sharp = mr_pictures([volume("head", 1.0)], random)
    smeared = mr_pictures([volume("head", 1.0, interpolated=True)], random)
    assert all(90 < picture.shape[0] <= 167 for picture in sharp)
    assert all(72 <= picture.shape[0] <= 100 for picture in smeared)


def test_body_parts_count_alike_whatever_their_number() -> None:
    volumes = [volume("limb", 1.0) for _ in range(9)] + [volume("head", 1.0)]
    made = bank(volumes, [], np.random.default_rng(0))
    assert made.weights == pytest.approx((0.25 / 0.7, 0.25 / 0.7, 0.2 / 0.7))
    assert [len(group) for group in made.groups] == [2, 18, 150]


def test_volumes_too_small_for_a_patch_are_named_and_take_no_share() -> None:
    small = Volume("patch.npz", "train", "s", "s", "heart", False, np.ones((4, 200, 71), np.float32))
    made = bank([small, volume("head", 1.0)], [], np.random.default_rng(0))
    assert made.unused == ("patch.npz",)
    assert made.weights == pytest.approx((0.5 / 0.7, 0.2 / 0.7))
    assert min(min(picture.shape) for group in made.groups for picture in group) >= 72


def test_patches_are_cut_turned_and_repeatable() -> None:
    made = bank([volume("head", 1.0)], [], np.random.default_rng(0))
    one, two = (made.patch(64, np.random.default_rng(5)) for _ in range(2))
    np.testing.assert_array_equal(one, two)
    assert one.shape == (64, 64)


def test_spots_are_small_and_faint_and_never_negative() -> None:
    random = np.random.default_rng(2)
    even = np.full((64, 64), 0.1, np.float32)
    for _ in range(50):
        spotted = with_spots(even, random)
        changed = np.abs(spotted - even) > 1e-6
        assert 0 < changed.sum() <= 3 * np.pi * 6**2
        assert spotted.min() >= 0
        assert spotted.max() <= 0.1 + 3 * 0.25
    assert (even == np.float32(0.1)).all()


def test_shapes_have_edges_and_a_level_of_one() -> None:
    made = shapes(np.random.default_rng(1))
    assert np.percentile(made, 99.5) == pytest.approx(1.0)
    assert np.abs(np.diff(made, axis=0)).max() > 0.2
    assert levelled(np.zeros((8, 8), np.float32)).max() == 0
