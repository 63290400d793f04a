"""Rigid motion against objects of known formula: the object moves, the coils stay, each line at its own time."""

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from models.simulate.base import kspace, magnitude, object_mask
from models.simulate.maps import estimated_maps, ring_maps
from models.simulate.rigid import move_lines, moved
from tests.models.simulate.bases import SIZE, blobs, brain, phantom


def seen(image: np.ndarray, maps: np.ndarray) -> np.ndarray:
    return kspace(np.ascontiguousarray((maps * image).transpose(1, 0, 2), np.complex64))


def moving_base():
    maps = ring_maps(6, SIZE, SIZE)
    return replace(phantom(6), lines=seen(blobs(), maps), maps=maps)


@settings(max_examples=25, deadline=None)
@given(st.floats(-6, 6), st.floats(-6, 6), st.floats(-20, 20))
def test_a_moved_image_is_the_formula_at_the_new_place(down: float, right: float, degrees: float) -> None:
    assert np.abs(moved(blobs(), down, right, degrees) - blobs(down, right, degrees)).max() < 2e-3


@pytest.mark.parametrize("pose", [(3.0, 0.0, 0.0), (0.0, -2.5, 0.0), (1.25, 0.75, 4.0)])
def test_the_object_moves_and_the_coils_stay(pose: tuple[float, float, float]) -> None:
    base = moving_base()
    expected = seen(blobs(*pose), base.maps)
    found = move_lines(base, base.lines, np.tile(pose, (SIZE, 1)))
    assert np.abs(found - expected).max() < 5e-3 * np.abs(expected).max()


def test_each_line_sees_the_pose_of_its_own_time() -> None:
    base = moving_base()
    poses = np.zeros((SIZE, 3))
    poses[40:, 0] = 2.0
    found = move_lines(base, base.lines, poses)
    assert np.array_equal(found[:40], base.lines[:40])
    expected = seen(blobs(2.0), base.maps)[40:]
    assert np.abs(found[40:] - expected).max() < 1e-3 * np.abs(base.lines).max()


@pytest.mark.parametrize("pixels", [1.0, 3.0])
def test_a_real_head_moves_as_far_as_it_is_told(pixels: float) -> None:
    """Found by phase correlation, coil by coil with the phase and of the magnitude alone."""
    base = brain()
    there = move_lines(base, base.lines, np.tile([pixels, 0, 0], (len(base.lines), 1)))
    for one, other in (
        (base.lines, there),
        (_spectrum(magnitude(base, base.lines)), _spectrum(magnitude(base, there))),
    ):
        cross = (other * one.conj()).sum(axis=1)[40:88, 40:88]
        surface = np.abs(np.fft.ifft2(cross / np.abs(cross), s=(1024, 1024)))
        row, column = np.unravel_index(int(surface.argmax()), surface.shape)
        assert row == pytest.approx(pixels * 8, abs=1.5)
        assert min(column, 1024 - column) <= 1


def test_maps_are_found_up_to_the_phase_that_all_coils_share() -> None:
    base = phantom(8)
    found = estimated_maps(base.lines)
    likeness = np.abs((found * base.maps.conj()).sum(axis=0))[object_mask(base)]
    assert np.percentile(likeness, 5) > 0.99


def _spectrum(image: np.ndarray) -> np.ndarray:
    return kspace(np.ascontiguousarray(image[:, None], np.complex64))


def test_what_the_maps_do_not_explain_of_a_real_scan_stays() -> None:
    base = brain()
    still = move_lines(base, base.lines, np.zeros((len(base.lines), 3)))
    assert np.array_equal(still, base.lines)
    there = move_lines(base, base.lines, np.tile([4.0, 0, 0], (len(base.lines), 1)))
    change = np.linalg.norm(there - base.lines) / np.linalg.norm(base.lines)
    assert 0.1 < change < 1.5
