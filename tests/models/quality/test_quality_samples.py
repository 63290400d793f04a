"""Training samples: the truth they carry, the noise they are given, and a pool that goes on where it stopped."""

from pathlib import Path

import numpy as np
import pytest

from models.quality.frames import SNR, draw_pairs, least_snr, noise_with_gaps
from models.quality.kinds import KINDS, PRIORS
from models.quality.pool import PER_FILE, group_of, read_pool, write_pool
from models.quality.sample import CLEAN, LEAST_PEAK, Sample, cells, make_sample, sample_of
from models.quality.scene import make_scene
from tests.models.quality.anatomy import volumes

SHAPE = (64, 72)


def sample(fault: str, seed: int = 1) -> Sample:
    prior = next(prior for prior in PRIORS if prior.fault == fault)
    for attempt in range(20):
        rng = np.random.default_rng((seed, attempt))
        found = sample_of(make_scene(volumes(), SHAPE, prior, rng))
        if found is not None:
            return found
    raise AssertionError(f"{fault} could never be seen")


@pytest.mark.parametrize("fault", [prior.fault for prior in PRIORS if prior.fault != "missing-lines"])
def test_each_fault_is_seen_and_named(fault: str) -> None:
    found = sample(fault)
    assert found.image.shape == found.before.shape == SHAPE
    assert KINDS[found.kind] == next(prior.finding for prior in PRIORS if prior.fault == fault)
    assert found.where.max() >= LEAST_PEAK
    assert np.isfinite(found.image).all()


def test_a_sound_sample_has_no_truth() -> None:
    found = sample_of(make_scene(volumes(), SHAPE, None, np.random.default_rng(2)))
    assert found is not None
    assert (found.kind, found.impact, found.where.max()) == (CLEAN, 0.0, 0.0)


def test_the_object_is_as_bright_as_its_unit_says() -> None:
    found = sample_of(make_scene(volumes(), SHAPE, None, np.random.default_rng(2)))
    assert found is not None
    bright = found.image[found.image > 0.3 * np.percentile(found.image, 99)]
    assert 0.8 < np.median(bright) < 1.25


def test_truncation_leaves_gaps_in_k_space_and_interference_none() -> None:
    gibbs, tone = sample("gibbs"), sample("rf-interference")
    assert not gibbs.rows.all()
    assert not gibbs.columns.all()
    assert tone.rows.all()
    assert tone.columns.all()


def test_an_interfering_tone_changes_its_column() -> None:
    changed = sample("rf-interference").where
    column = changed.mean(axis=0).argmax()
    assert (changed[:, column] > 0.3 * changed[:, column].max()).mean() > 0.8


def test_cells_are_root_mean_squares() -> None:
    change = np.zeros((33, 47))
    change[:2, :2] = 3.0
    found = cells(change)
    assert found.shape == (16, 16)
    assert np.isclose(found[0, 0], 3.0)
    assert np.count_nonzero(found) == 1
    assert np.allclose(cells(np.full((50, 16), 2.0)), 2.0)


def test_pairs_without_a_frame_before_show_the_same_twice() -> None:
    group = group_of([sample("spike"), sample("ghost")])
    pairs = draw_pairs(group, np.array([1, 0]), np.random.default_rng(0), alone=True)
    assert pairs.shape == (2, 2, *SHAPE)
    assert np.array_equal(pairs[:, 0], pairs[:, 1])


def test_a_faint_fault_is_shown_with_little_noise() -> None:
    assert least_snr(70.0) == SNR[0]
    assert least_snr(1.0) == pytest.approx(70.0)
    assert least_snr(0.01) == SNR[1]


def test_noise_is_missing_where_k_space_is() -> None:
    rows, columns = np.ones(64, bool), np.ones(48, bool)
    rows[40:] = columns[:8] = False
    rng = np.random.default_rng(0)
    full = np.ones_like(rows), np.ones_like(columns)
    white = noise_with_gaps(np.zeros((64, 48), np.float32), *full, 4, rng)
    less = noise_with_gaps(np.zeros((64, 48), np.float32), rows, columns, 4, rng)
    assert np.mean(white**2) == pytest.approx(8, rel=0.05)
    assert np.mean(less**2) == pytest.approx(8 * rows.mean() * columns.mean(), rel=0.05)


def test_the_same_seed_gives_the_same_sample() -> None:
    one, other = (make_sample(volumes(), SHAPE, np.random.default_rng(5)) for _ in range(2))
    assert np.array_equal(one.image, other.image)
    assert one.fault == other.fault


def test_an_interrupted_pool_comes_out_the_same(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("models.quality.pool.ProcessPoolExecutor", _InThisProcess)
    monkeypatch.setattr("models.quality.pool.SHAPES", (SHAPE, (40, 48)))
    monkeypatch.setattr("models.quality.pool.PER_FILE", 3)
    told: list[tuple[int, int]] = []
    write_pool(volumes(), tmp_path, 6, 1, 1, lambda done, of: told.append((done, of)))
    whole = read_pool(tmp_path, "train")
    (tmp_path / "train-0001.npz").unlink()
    write_pool(volumes(), tmp_path, 6, 1, 1, lambda done, of: told.append((done, of)))
    again = read_pool(tmp_path, "train")
    assert told == [(0, 2), (1, 2), (2, 2), (1, 2), (2, 2)]
    assert [len(group) for group in again] == [3, 3]
    for one, other in zip(whole, again, strict=True):
        assert np.array_equal(one.image, other.image)
    assert PER_FILE > 3


class _InThisProcess:
    """Stands in for a pool of processes."""

    def __init__(self, processes: int, context: object, start, arguments) -> None:
        start(*arguments)

    def __enter__(self) -> "_InThisProcess":
        return self

    def __exit__(self, *error: object) -> None:
        pass

    def map(self, work, jobs):
        return map(work, jobs)
