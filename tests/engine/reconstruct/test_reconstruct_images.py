"""Every variant of a 2D Cartesian frame against an independent numpy reconstruction, within 1e-5."""

import numpy as np
import pytest

from engine.acquisition import REVERSE
from engine.reconstruct.series import Reconstruction
from engine.types import CounterLimits
from tests.engine.reconstruct.reconstruct_cases import (
    StepClock,
    centred_ifft,
    difference,
    feed,
    joined,
    make_readouts,
    make_scan,
    only,
    part,
    random_lines,
    reference,
)

CENTRE_OUT = [8, 7, 9, 6, 10, 5, 11, 4, 12, 3, 13, 2, 14, 1, 15, 0]


def image_of(scan, *batches):
    done = only(feed(Reconstruction(scan, StepClock()), batches))
    assert done.frame.completeness.complete, done.frame.completeness
    return done.frame.data[0]


@pytest.mark.parametrize(
    "order",
    [range(16), range(15, -1, -1), [*range(0, 16, 2), *range(1, 16, 2)], CENTRE_OUT],
    ids=["sequential", "descending", "interleaved", "centre-out"],
)
def test_any_order_of_lines(order):
    lines = random_lines()
    truth = reference(lines, matrix_lines=16, sizes=(32, 16), recon=(32, 16))
    order = list(order)
    assert difference(image_of(make_scan(), make_readouts(lines[order], order)), truth) < 1e-5


@pytest.mark.parametrize(
    ("encoded", "recon"),
    [((64, 16), (32, 16)), ((40, 16), (32, 16)), ((45, 15), (30, 15)), ((33, 17), (11, 17)), ((192, 16), (32, 16))],
    ids=["2", "1.25", "1.5 odd lines", "3 odd", "6"],
)
def test_readout_oversampling_of_any_ratio(encoded, recon):
    lines = random_lines(encoded[1], 2, encoded[0])
    truth = reference(lines, matrix_lines=encoded[1], sizes=encoded, recon=recon)
    batch = make_readouts(lines, range(encoded[1]))
    assert difference(image_of(make_scan(encoded, recon), batch), truth) < 1e-5


def test_phase_oversampling_is_cropped():
    lines = random_lines(24)
    truth = reference(lines, matrix_lines=24, sizes=(32, 24), recon=(32, 16))
    scan = make_scan((32, 24), (32, 16))
    assert difference(image_of(scan, make_readouts(lines, range(24))), truth) < 1e-5


@pytest.mark.parametrize("recon", [(64, 48), (50, 31)])
def test_a_finer_reconstructed_matrix_zero_fills_k_space(recon):
    lines = random_lines()
    scan = make_scan((32, 16), recon, encoded_mm=(256.0, 256.0))
    truth = reference(lines, matrix_lines=16, sizes=recon, recon=recon, first_sample=recon[0] // 2 - 16)
    assert difference(image_of(scan, make_readouts(lines, range(16))), truth) < 1e-5


def test_phase_resolution_with_phase_oversampling():
    lines = random_lines(20)  # 1.25 x field of view, half the resolution: 32 pixels need a transform of 40
    scan = make_scan((32, 20), (32, 32), encoded_mm=(256.0, 320.0))
    truth = reference(lines, matrix_lines=20, sizes=(32, 40), recon=(32, 32))
    assert difference(image_of(scan, make_readouts(lines, range(20))), truth) < 1e-5


def test_oversampling_that_the_fields_of_view_do_not_mention_is_read_from_the_matrices():
    lines = random_lines(16, 2, 64)
    scan = make_scan((64, 16), (32, 16), encoded_mm=(256.0, 256.0))
    truth = reference(lines, matrix_lines=16, sizes=(64, 16), recon=(32, 16))
    assert difference(image_of(scan, make_readouts(lines, range(16))), truth) < 1e-5


@pytest.mark.parametrize(("samples", "center"), [(48, 16), (48, 32), (40, 9)])
def test_asymmetric_echo_lies_where_its_centre_says(samples, center):
    lines = random_lines(16, 2, samples)
    scan = make_scan((64, 16), (32, 16))
    truth = reference(lines, matrix_lines=16, sizes=(64, 16), recon=(32, 16), first_sample=32 - center)
    done = only(feed(Reconstruction(scan, StepClock()), [make_readouts(lines, range(16), center_sample=center)]))
    assert difference(done.frame.data[0], truth) < 1e-5
    assert done.kspace.center == (8, center)


def test_the_hybrid_is_the_centred_transform_with_its_phase():
    lines = random_lines(16, 2, 48)
    scan = make_scan((64, 16), (32, 16))
    done = only(feed(Reconstruction(scan, StepClock()), [make_readouts(lines, range(16), center_sample=16)]))
    full = np.zeros((16, 2, 64), complex)
    full[..., 16:] = lines
    assert difference(done.kspace.hybrid, centred_ifft(full, 2, 64)[..., 16:48]) < 1e-5


def test_discarded_samples_stay_out():
    lines = random_lines()
    kept = lines.copy()
    kept[..., :5] = kept[..., 30:] = 0
    batch = make_readouts(lines, range(16), discard_pre=5, discard_post=2)
    truth = reference(kept, matrix_lines=16, sizes=(32, 16), recon=(32, 16))
    assert difference(image_of(make_scan(), batch), truth) < 1e-5


def test_oversampling_removed_by_the_scanner_with_a_centre_from_before():
    lines = random_lines(16, 2, 32)
    scan = make_scan((64, 16), (32, 16))
    batch = make_readouts(lines, range(16), center_sample=32)
    truth = reference(lines, matrix_lines=16, sizes=(32, 16), recon=(32, 16))
    done = only(feed(Reconstruction(scan, StepClock()), [batch]))
    assert difference(done.frame.data[0], truth) < 1e-5
    assert done.kspace.center == (8, 16)
    assert done.kspace.readout_oversampling == 1


def test_reversed_readouts_are_flipped_together_with_their_centre_and_discards():
    lines = random_lines(16, 2, 33)
    kept = lines.copy()
    kept[..., :3] = 0  # the first three in k order
    forward = make_readouts(lines[0::2], range(0, 16, 2), center_sample=16, discard_pre=3)
    backward = make_readouts(lines[1::2, :, ::-1], range(1, 16, 2), flags=REVERSE, center_sample=16, discard_post=3)
    both = joined(forward, backward)
    alternating = part(both, [n // 2 + 8 * (n % 2) for n in range(16)])
    truth = reference(kept, matrix_lines=16, sizes=(33, 16), recon=(33, 16))
    done = only(feed(Reconstruction(make_scan((33, 16)), StepClock()), [alternating]))
    assert difference(done.frame.data[0], truth) < 1e-5
    assert np.array_equal(done.kspace.data[:, 0].transpose(1, 0, 2), kept)


def test_an_even_reversed_readout_has_its_centre_one_sample_beside():
    lines = random_lines(16, 2, 32)
    backward = lines[1::2, :, ::-1]  # flipped about (n - 1) / 2: k = 0 comes to sample 31 - 16
    batch = joined(
        make_readouts(lines[0::2], range(0, 16, 2)),
        make_readouts(backward, range(1, 16, 2), flags=REVERSE, center_sample=15),
    )
    truth = reference(lines, matrix_lines=16, sizes=(32, 16), recon=(32, 16))
    assert difference(image_of(make_scan(), batch), truth) < 1e-5


@pytest.mark.parametrize(
    ("minimum", "maximum", "center"), [(0, 9, 2), (6, 15, 8), (0, 9, 4)], ids=["late", "early", "both ends"]
)
def test_partial_fourier_is_placed_by_the_limits_and_zero_filled(minimum, maximum, center):
    scan = make_scan(limits={"kspace_encoding_step_1": CounterLimits(minimum, maximum, center)})
    lines = random_lines(maximum - minimum + 1)
    batch = make_readouts(lines, range(minimum, maximum + 1))
    truth = reference(lines, first_line=minimum + 8 - center, matrix_lines=16, sizes=(32, 16), recon=(32, 16))
    done = only(feed(Reconstruction(scan, StepClock()), [batch]))
    assert difference(done.frame.data[0], truth) < 1e-5
    # A magnitude does not see where in k-space the lines lie: the raw data must tell.
    first = minimum + 8 - center
    assert np.flatnonzero(done.kspace.counts).tolist() == list(range(first, first + len(lines)))
    assert np.array_equal(done.kspace.data[:, 0, first], lines[0])
    assert int(done.frame.header["idx"]["kspace_encode_step_1"]) == center


@pytest.mark.parametrize("inner", [True, False], ids=["average innermost", "average outermost"])
def test_averages_are_divided_by_their_count(inner):
    scan = make_scan(limits={"average": CounterLimits(0, 2, 0)})
    lines = random_lines(48).reshape(3, 16, 3, 32)
    order = [(a, line) for line in range(16) for a in range(3)] if inner else list(np.ndindex(3, 16))
    averages, steps = np.array(order).T
    batch = make_readouts(lines[averages, steps], steps, average=averages)
    reconstruction = Reconstruction(scan, StepClock())
    done = only(feed(reconstruction, [part(batch, [n]) for n in range(48)]))
    truth = reference(lines.mean(axis=0), matrix_lines=16, sizes=(32, 16), recon=(32, 16))
    assert difference(done.frame.data[0], truth) < 1e-5
    assert difference(done.kspace.data[:, 0].transpose(1, 0, 2), lines.mean(axis=0)) < 1e-5
    assert (done.kspace.counts == 3).all()
    assert done.frame.completeness.complete


def test_segments_are_folded_in():
    lines = random_lines()
    order = [*range(0, 16, 4), *range(1, 16, 4), *range(2, 16, 4), *range(3, 16, 4)]
    batch = make_readouts(lines[order], order, segment=np.arange(16) // 4)
    truth = reference(lines, matrix_lines=16, sizes=(32, 16), recon=(32, 16))
    assert difference(image_of(make_scan(), batch), truth) < 1e-5


def test_a_line_that_comes_in_two_segments_enters_as_their_mean():
    lines = random_lines(17)
    stream = [make_readouts(lines[:9], range(9)), make_readouts(lines[16:], [4], segment=1)]
    stream.append(make_readouts(lines[9:16], range(9, 16)))
    reconstruction = Reconstruction(make_scan(), StepClock())
    done = only(feed(reconstruction, stream))
    assert np.allclose(done.kspace.data[:, 0, 4], (lines[4] + lines[16]) / 2)
    assert done.kspace.counts[4] == 2
    assert done.frame.completeness.duplicates == 0


def test_raw_data_and_bookkeeping_are_as_acquired():
    lines = random_lines()
    done = only(feed(Reconstruction(make_scan(), StepClock()), [make_readouts(lines[CENTRE_OUT], CENTRE_OUT)]))
    raw = done.kspace
    assert raw.data.shape == (3, 1, 16, 32)
    assert np.array_equal(raw.data[:, 0].transpose(1, 0, 2), lines)
    assert np.array_equal(raw.order[CENTRE_OUT], np.arange(16))
    assert np.array_equal(raw.time_stamps[CENTRE_OUT], 1000 + np.arange(16))
    assert raw.center == (8, 16)
    assert int(done.frame.header["idx"]["kspace_encode_step_1"]) == 8
    assert done.frame.header.shape == ()


def test_the_image_outlives_its_buffers_and_the_scale_stays():
    reconstruction = Reconstruction(make_scan(), StepClock())
    lines = random_lines()
    first = only(list(reconstruction.add(make_readouts(lines, range(16)))))
    kept = first.frame.data.copy()
    reconstruction.release(first.kspace)
    second = only(list(reconstruction.add(make_readouts(2 * lines, range(16), repetition=1))))
    assert np.array_equal(first.frame.data, kept)
    assert np.shares_memory(second.kspace.hybrid, first.kspace.hybrid)  # reused
    assert np.allclose(second.frame.data, 2 * kept, rtol=1e-5)
