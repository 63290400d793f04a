"""Patterns of motion in time, and what is left of them once the image is registered."""

from dataclasses import replace

import numpy as np
import pytest

from models.simulate import drop_out, make_fault
from models.simulate.base import Base, clean_magnitude, kspace, magnitude, object_mask
from models.simulate.impact import registered_impact
from models.simulate.maps import ring_maps
from models.simulate.rigid import object_of
from tests.models.simulate.bases import SIZE, blobs, brain, phantom

SEEDS = range(3)


def snapshots(kind: str, strength: float, seed: int, seconds: float, frames: int) -> np.ndarray:
    """`[frame, 3]` shift (mm, along y and x) and turn (degrees) of the object, frames of an instant each."""
    maps = ring_maps(6, SIZE, SIZE)
    lines = kspace(np.ascontiguousarray((maps * blobs()).transpose(1, 0, 2), np.complex64))
    base = replace(phantom(6), lines=lines, maps=maps, times=np.zeros(SIZE), frame_seconds=seconds)
    fault = make_fault(kind, base, seed, 0, strength=strength)
    poses = np.array([_pose(base, fault.signal(base.lines, n)) for n in range(frames)])
    poses -= _pose(base, base.lines)
    return poses * [*base.pixel_mm, 1.0]


def _pose(base: Base, lines: np.ndarray) -> np.ndarray:
    """Centre (pixels) and direction of the longest axis (degrees) of the object's brightness."""
    weight = np.abs(object_of(base, lines)) ** 2
    weight /= weight.sum()
    y, x = (axis - SIZE // 2 for axis in np.indices(weight.shape))
    centre = (weight * y).sum(), (weight * x).sum()
    yy, xx, yx = (
        (weight * a * b).sum() for a, b in ((y - centre[0],) * 2, (x - centre[1],) * 2, (y - centre[0], x - centre[1]))
    )
    return np.array([*centre, np.rad2deg(0.5 * np.arctan2(2 * yx, xx - yy))])


@pytest.mark.parametrize("seed", SEEDS)
def test_a_drift_goes_its_millimetres_a_minute(seed: int) -> None:
    poses = snapshots("drift", 12.0, seed, seconds=5.0, frames=5)
    assert np.hypot(poses[:, 0], poses[:, 1]) == pytest.approx(np.arange(5.0), abs=0.05)


@pytest.mark.parametrize("seed", SEEDS)
def test_a_tremor_swings_four_to_six_times_a_second(seed: int) -> None:
    poses = snapshots("tremor", 2.0, seed, seconds=0.02, frames=150)
    along = poses[:, :2] @ np.linalg.svd(poses[:, :2], full_matrices=False)[2][0]
    assert np.abs(along).max() == pytest.approx(2.0, rel=0.05)
    spectrum = np.abs(np.fft.rfft(along))
    assert 4.0 - 0.34 <= np.fft.rfftfreq(150, 0.02)[spectrum.argmax()] <= 6.0 + 0.34


@pytest.mark.parametrize("seed", SEEDS)
def test_breath_rises_and_falls_along_phase(seed: int) -> None:
    poses = snapshots("breathing", 6.0, seed, seconds=0.25, frames=80)
    assert np.abs(poses[:, 1]).max() < 0.05
    assert (poses[:, 0].min(), poses[:, 0].max()) == (pytest.approx(0, abs=0.05), pytest.approx(6.0, rel=0.03))
    spectrum = np.abs(np.fft.rfft(poses[:, 0] - poses[:, 0].mean()))
    assert 0.15 <= np.fft.rfftfreq(80, 0.25)[spectrum.argmax()] <= 0.35


def test_a_nod_turns_and_comes_back_within_each_frame() -> None:
    """Lines at the beginning and end of a frame are those of the object at rest."""
    base = replace(phantom(), times=np.linspace(0, 9.9, SIZE), frame_seconds=10.0)
    fault = make_fault("nod", base, 1, 0, strength=6.0)
    changed = fault.signal(base.lines, 0)
    moving = np.abs(changed - base.lines).max(axis=(1, 2)) > 1e-4 * np.abs(base.lines).max()
    lasted = np.ptp(base.times[moving])
    assert 0.5 <= lasted <= 3.0


@pytest.mark.parametrize("kind", ["tremor", "drift", "motion"])
def test_patterns_only_move_within_the_plane(kind: str) -> None:
    assert np.abs(snapshots(kind, 2.0, 0, seconds=1.0, frames=3)[:, 2]).max() < 0.5


def test_a_displacement_between_frames_is_no_artefact() -> None:
    base = brain()
    fault = make_fault("motion", base, 0, 0, strength=6.0)
    there = magnitude(base, fault.signal(base.lines, 1))
    mask, level = object_mask(base), np.median(clean_magnitude(base)[object_mask(base)])
    unregistered = 100 * np.sqrt(np.mean((there - clean_magnitude(base))[mask] ** 2)) / level
    assert registered_impact(base, fault, 1) < 0.4 * unregistered
    assert registered_impact(base, fault, 1) < registered_impact(base, fault, 0)


@pytest.mark.parametrize("loss", [10.0, 50.0])
def test_the_impact_of_a_drop_out_is_its_loss(loss: float) -> None:
    base = phantom()
    fault = drop_out.make(base, loss, 0, np.random.default_rng(0))
    inside = clean_magnitude(base)[object_mask(base)]
    expected = loss * np.sqrt(np.mean(inside**2)) / np.median(inside)
    assert registered_impact(base, fault, 0) == pytest.approx(expected, rel=0.02)
