"""What is not reconstructed is named and counted; what contradicts itself ends the session; nothing grows."""

import threading

import numpy as np
import pytest

from engine import acquisition as mrd
from engine.acquisition import Readouts
from engine.errors import PeerError
from engine.reconstruct.pool import FramePool, FrameShape, PoolExhausted
from engine.reconstruct.series import Budget, Reconstructed, Reconstruction
from engine.types import CounterLimits, Unreconstructed
from tests.engine.reconstruct.reconstruct_cases import (
    StepClock,
    feed,
    make_readouts,
    make_scan,
    only,
    part,
    random_lines,
)

LINES = random_lines()


def start(scan=None, **budget):
    return Reconstruction(scan or make_scan(), StepClock(), Budget(**budget))


def frame_of(steps=range(16), flags=0, **fields):
    steps = list(steps)
    return make_readouts(LINES[steps], steps, flags, **fields)


@pytest.mark.parametrize(
    ("scan", "reason"),
    [
        (make_scan(acceleration=(2, 1)), "acceleration"),
        (make_scan(acceleration=(1, 3)), "acceleration"),
        (make_scan(partitions=8), "three_dimensional"),
        (make_scan(trajectory="radial"), "radial"),
        (make_scan(trajectory="goldenangle"), "radial"),
        (make_scan(trajectory="spiral"), "spiral"),
        (make_scan(trajectory="other"), "trajectory"),
        (make_scan(multiband=2), "multiband"),
    ],
)
def test_what_is_not_supported_gives_one_named_result_per_frame_and_no_image(scan, reason):
    last = np.array([0] * 7 + [mrd.LAST_IN_SLICE], np.uint64)
    batches = [frame_of(range(0, 16, 2), last, repetition=repetition) for repetition in range(3)]
    reconstruction = start(scan)
    done = feed(reconstruction, batches)
    assert [type(one) for one in done] == [Unreconstructed] * 3
    assert {one.reason for one in done} == {reason}
    assert [one.index.repetition for one in done] == [0, 1, 2]
    assert [one.number for one in done] == [0, 1, 2]
    assert all(one.detail and one.completeness.received == 8 for one in done)
    assert reconstruction.counters["unreconstructed_readouts"] == 24


def test_a_3d_frame_ends_when_all_its_partitions_are_there():
    scan = make_scan(partitions=4, limits={"kspace_encoding_step_2": CounterLimits(0, 3, 2)})
    batches = [frame_of(flags=mrd.LAST_IN_SLICE, kspace_encode_step_2=partition) for partition in range(4)]
    reconstruction = start(scan)
    done = [one for batch in batches for one in reconstruction.add(batch)]
    assert only(done).completeness.received == 64


@pytest.mark.parametrize(
    ("flag", "counter"),
    [
        (mrd.NAVIGATION, "navigator_readouts"),
        (mrd.PHASE_CORRECTION, "phase_correction_readouts"),
        (mrd.DUMMY, "dummy_readouts"),
        (mrd.HP_FEEDBACK, "feedback_readouts"),
        (mrd.RT_FEEDBACK, "feedback_readouts"),
        (mrd.PARALLEL_CALIBRATION, "calibration_readouts"),
        (mrd.SURFACE_COIL_CORRECTION, "surface_coil_correction_readouts"),
        (mrd.PHASE_STABILIZATION, "phase_stabilization_readouts"),
    ],
)
def test_excluded_readouts_are_counted_and_never_enter_the_image(flag, counter):
    clean = only(feed(start(), [frame_of()]))
    spoiled = make_readouts(1e3 * LINES[:3], [7, 8, 9], flag | mrd.LAST_IN_SLICE)
    reconstruction = start()
    done = only(feed(reconstruction, [frame_of(range(8)), spoiled, frame_of(range(8, 16))]))
    assert np.array_equal(done.frame.data, clean.frame.data)
    assert done.frame.completeness.complete
    assert reconstruction.counters[counter] == 3


def test_the_latest_navigators_are_kept_but_not_all_of_them():
    reconstruction = start()
    for number in range(200):
        list(reconstruction.add(make_readouts(LINES[:1], [0], mrd.NAVIGATION, scan_counter=number)))
    kept = reconstruction.excluded.latest
    assert [int(one.head["scan_counter"][0]) for one in kept] == list(range(136, 200))


@pytest.mark.parametrize("also", [0, mrd.PARALLEL_CALIBRATION])
def test_calibration_that_is_also_imaging_enters_the_image(also):
    flags = mrd.PARALLEL_CALIBRATION_AND_IMAGING | also
    assert only(feed(start(), [frame_of(flags=flags)])).frame.completeness.complete


@pytest.mark.parametrize("bad", [np.nan, np.inf, 1j * -np.inf, 1e30, 3e20])
@pytest.mark.parametrize("scattered", [False, True])
def test_impossible_samples_are_counted_and_their_readout_left_out(bad, scattered):
    lines = LINES.copy()
    lines[5, 1, 3] = lines[5, 0, 0] = lines[9, 2, 31] = bad
    order = list(range(16))[:: -1 if scattered else 1]
    done = only(feed(start(), [make_readouts(lines[order], order)]))
    found = done.frame.completeness
    assert (found.non_finite, found.received, found.complete) == (3, 16, False)
    assert np.isfinite(done.frame.data).all()
    assert not done.kspace.data[:, 0, [5, 9]].any()
    assert np.array_equal(done.kspace.data[:, 0, 4], LINES[4])


def test_an_average_with_impossible_samples_leaves_the_others_alone():
    scan = make_scan(limits={"average": CounterLimits(0, 1, 0)})
    for broken in (0, 1):
        twice = np.stack([LINES, LINES])
        twice[broken, 3, 0, 0] = np.nan
        done = only(feed(start(scan), [make_readouts(twice[a], range(16), average=a) for a in range(2)]))
        assert np.allclose(done.kspace.data[:, 0, 3], LINES[3])
        assert not done.frame.completeness.complete


@pytest.mark.parametrize("value", [0, 1])
def test_all_zero_and_all_equal_samples_give_a_finite_image(value):
    done = only(feed(start(), [make_readouts(np.full_like(LINES, value), range(16))]))
    assert np.isfinite(done.frame.data).all()
    assert np.isfinite(done.kspace.hybrid).all()


def test_a_changing_number_of_channels_ends_the_session_with_a_reason():
    reconstruction = start()
    list(reconstruction.add(frame_of(range(8))))
    with pytest.raises(PeerError, match="channels changes from 3 to 2") as caught:
        list(reconstruction.add(make_readouts(LINES[8:9, :2], [8])))
    assert caught.value.reason == "channel_count"
    assert only(list(reconstruction.close("refused"))).frame.completeness.received == 8


def test_no_channels_and_an_unknown_encoding_end_the_session_with_a_reason():
    with pytest.raises(PeerError) as caught:
        list(start().add(make_readouts(LINES[:1, :0], [0])))
    assert caught.value.reason == "no_channels"
    with pytest.raises(PeerError) as caught:
        list(start().add(frame_of(encoding_space_ref=9)))
    assert caught.value.reason == "encoding_space"


def test_a_changing_number_of_samples_inside_a_frame_gives_no_image_of_it():
    reconstruction = start()
    done = list(reconstruction.add(frame_of(range(8))))
    done += list(reconstruction.add(make_readouts(LINES[8:, :, :20], range(8, 16))))
    done += list(reconstruction.add(frame_of(repetition=1)))
    assert [getattr(one, "reason", "image") for one in done] in (["sample_count", "image"], ["image", "sample_count"])


def test_samples_that_do_not_fit_the_matrix_give_no_image():
    done = only(feed(start(), [make_readouts(random_lines(16, 3, 33), range(16))]))
    assert (done.reason, "33 samples" in done.detail) == ("sample_count", True)


def test_readouts_that_discard_everything_give_no_image():
    done = only(feed(start(), [frame_of(discard_pre=20, discard_post=12)]))
    assert done.reason == "discarded"
    reconstruction = start()
    mixed = [frame_of(range(8)), frame_of(range(8, 16), discard_pre=65535)]
    assert only(feed(reconstruction, mixed)).frame.completeness.misplaced == 8


def test_a_frame_without_one_line_inside_the_matrix_gives_no_image():
    reconstruction = start()
    done = only(feed(reconstruction, [make_readouts(LINES, np.full(16, 65535))]))
    assert (done.reason, done.completeness.misplaced) == ("no_lines", 16)


@pytest.mark.parametrize("vector", [0.0, np.nan, np.inf])
def test_missing_directions_become_an_axial_slice(vector):
    directions = {name: np.full(3, vector) for name in ("read_dir", "phase_dir", "slice_dir", "position")}
    found = only(feed(start(), [frame_of(**directions)])).frame.geometry
    assert (found.read_dir, found.phase_dir, found.slice_dir) == ((1, 0, 0), (0, 1, 0), (0, 0, 1))
    assert found.position == (0, 0, 0)
    assert found.field_of_view == (256.0, 256.0, 5.0)
    assert found.assumed


def test_geometry_is_that_of_the_centre_line_with_unit_axes():
    batch = frame_of(read_dir=(0, 2, 0), phase_dir=(0, 0, 1))
    batch.head["position"][8] = 1, 2, 3
    found = only(feed(start(), [batch])).frame.geometry
    assert found.position == (1, 2, 3)
    assert (found.read_dir, found.slice_dir) == ((0, 1, 0), (1, 0, 0))
    assert not found.assumed


def test_two_directions_that_are_one_state_nothing():
    found = only(feed(start(), [frame_of(read_dir=(0, 1, 0), phase_dir=(0, 1, 0))])).frame.geometry
    assert (found.read_dir, found.assumed) == ((1, 0, 0), True)


@pytest.mark.parametrize("gone", ["read_dir", "phase_dir"])
def test_a_direction_within_the_image_that_had_to_be_worked_out_is_assumed(gone):
    stated = {"read_dir": (1, 0, 0), "phase_dir": (0, 1, 0), "slice_dir": (0, 0, 1)}
    found = only(feed(start(), [frame_of(**stated | {gone: (0, 0, 0)})])).frame.geometry
    assert (found.read_dir, found.phase_dir) == ((1, 0, 0), (0, 1, 0))
    assert found.assumed


def test_a_frame_beyond_the_memory_limit_is_named_not_allocated():
    done = only(feed(start(max_frame_bytes=1000), [frame_of()]))
    assert done.reason == "frame_size"


def test_a_judge_that_gives_nothing_back_costs_images_never_memory():
    shape = FrameShape(16, 3, 32, 32)
    reconstruction = start(max_pool_bytes=2 * shape.bytes)
    done = [one for repetition in range(3) for one in reconstruction.add(frame_of(repetition=repetition))]
    done += list(reconstruction.add(frame_of(range(1), repetition=3)))
    assert [getattr(one, "reason", "image") for one in done] == ["image", "image", "memory"]
    reconstruction.release(done[0].kspace)
    reconstruction.release(done[0].kspace)  # twice does nothing
    later = list(reconstruction.add(frame_of(repetition=4)))
    assert [getattr(one, "reason", "image") for one in later] == ["memory", "image"]


def test_the_pool_reuses_and_drops_other_shapes_first_from_any_thread():
    small, large = FrameShape(4, 1, 8, 8), FrameShape(8, 2, 8, 8)
    pool = FramePool(large.bytes + small.bytes - 1)
    held = pool.acquire(small)
    with pytest.raises(PoolExhausted):
        pool.acquire(large)
    thread = threading.Thread(target=pool.release, args=(held,))
    thread.start()
    thread.join()
    assert pool.acquire(small) is held
    pool.release(held)
    assert pool.acquire(large).shape == large


def test_stale_lines_of_the_frame_before_do_not_shine_through():
    reconstruction = start()
    first = only(list(reconstruction.add(frame_of())))
    reconstruction.release(first.kspace)
    list(reconstruction.add(frame_of(range(9), repetition=1)))
    second = only(list(reconstruction.close("eof")))
    assert second.kspace.hybrid is first.kspace.hybrid
    assert not second.kspace.data[:, :, 9:].any()
    assert not second.kspace.hybrid[9:].any()


def test_nothing_grows_while_a_sender_changes_everything_all_the_time():
    rng = np.random.default_rng(5)
    reconstruction = start(max_open_frames=8, max_pool_bytes=1 << 20)
    for _ in range(600):
        fields = {name: int(rng.integers(0, 65536)) for name in ("slice", "repetition", "segment", "center_sample")}
        batch = make_readouts(LINES[:2], rng.integers(0, 16, 2), sample_time_us=float(rng.random()), **fields)
        for done in reconstruction.add(batch):
            if isinstance(done, Reconstructed):
                reconstruction.release(done.kspace)
    held = vars(reconstruction)
    assert len(held["_open"]) <= 8
    assert not held["_lent"]
    assert len(held["_setups"]) <= 16


def test_an_empty_batch_is_nothing():
    empty = part(frame_of(), slice(0, 0))
    assert isinstance(empty, Readouts)
    assert not list(start().add(empty))
