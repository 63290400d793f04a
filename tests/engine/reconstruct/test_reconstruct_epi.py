"""Echo-planar frames: ramps regridded, directions corrected, and what is said where either cannot be done."""

import dataclasses

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from engine.acquisition import NOISE_MEASUREMENT, PHASE_CORRECTION, REVERSE, Readouts
from engine.reconstruct.epi import area, regridding_matrix
from engine.reconstruct.odd_even import fit_phase
from engine.reconstruct.plan import AxisPlan
from engine.reconstruct.series import Reconstruction
from engine.types import Trapezoid
from tests.engine.reconstruct.reconstruct_cases import StepClock, feed, joined, make_readouts, make_scan, only

LINES, COILS, SAMPLES, PIXELS = 32, 3, 76, 64
TRAPEZOID = Trapezoid(ramp_up=150, flat_top=400, ramp_down=150, delay=31, samples=SAMPLES, dwell=8.4)
SCAN = make_scan(encoded=(SAMPLES, LINES), recon=(PIXELS, LINES), trajectory="epi", trapezoid=TRAPEZOID)
FORWARD = np.arange(LINES) % 2 == 0
COLUMNS = np.arange(PIXELS) - PIXELS // 2


def with_trapezoid(trapezoid, scan=SCAN):
    return dataclasses.replace(scan, encodings=(dataclasses.replace(scan.encodings[0], trapezoid=trapezoid),))


def positions(trapezoid=TRAPEZOID, steps=4000):
    """k of each sample in cycles per encoded field of view, by summing a finely stepped gradient."""
    total = trapezoid.ramp_up + trapezoid.flat_top + trapezoid.ramp_down
    time = (np.arange(steps) + 0.5) * total / steps
    rising, falling = time / max(trapezoid.ramp_up, 1e-9), (total - time) / max(trapezoid.ramp_down, 1e-9)
    gradient = np.minimum(1, np.minimum(rising, falling))
    k = np.cumsum(gradient) - 0.5 * gradient.sum()
    centres = trapezoid.delay + (np.arange(trapezoid.samples) + 0.5) * trapezoid.dwell
    edges = trapezoid.delay + np.array([0, trapezoid.samples]) * trapezoid.dwell
    first, last = np.interp(edges, time, k)
    return np.interp(centres, time, k) * trapezoid.samples / (last - first)


def coil_images(seed=0):
    """Smooth coil images `[line-space y, coil, x]` of an ellipse with structure."""
    rng = np.random.default_rng(seed)
    y = np.arange(LINES)[:, None] - LINES // 2
    inside = ((COLUMNS / 24) ** 2 + (y / 11) ** 2 < 1) * (1 + 0.4 * np.cos(COLUMNS / 3) * np.cos(y / 2))
    phases = np.exp(1j * (rng.uniform(-3, 3, (COILS, 1, 1)) + COLUMNS / 20 * rng.uniform(-1, 1, (COILS, 1, 1))))
    return np.asarray((phases * inside).transpose(1, 0, 2), np.complex64)


IMAGES = coil_images()
MAGNITUDE = np.sqrt((np.abs(IMAGES) ** 2).sum(axis=1))


def acquired(images, phase=(0.0, 0.0), trapezoid=TRAPEZOID):
    """Readouts `[line, coil, sample]` as they come, odd ones backwards; `phase` of those against the others."""
    lines = np.fft.fftshift(np.fft.fft(np.fft.ifftshift(images, axes=0), axis=0, norm="ortho"), axes=0)
    k = positions(trapezoid)
    wave = np.exp(-2j * np.pi * np.outer(COLUMNS, k) / SAMPLES)
    turn = np.exp(1j * (phase[0] + phase[1] * COLUMNS))
    samples = np.where(FORWARD[: len(lines), None, None], lines @ wave, ((lines * turn) @ wave)[..., ::-1])
    return samples.astype(np.complex64)


def frame_batches(data, **fields):
    flags = np.where(FORWARD, 0, REVERSE)
    return [make_readouts(data[n : n + 1], [n], int(flags[n]), **fields) for n in range(len(data))]


def navigators(phase=(0.0, 0.0), turn=0.0, order=(True, False, True), **fields):
    """Readouts without phase encoding; `order`: which are reversed; the signal turns by `turn` from each to the next,
    and halves."""
    projection = IMAGES.sum(axis=0) / np.sqrt(LINES)
    wave = np.exp(-2j * np.pi * np.outer(COLUMNS, positions()) / SAMPLES)
    shift = np.exp(1j * (phase[0] + phase[1] * COLUMNS))
    batches = []
    for number, reverse in enumerate(order):
        samples = (projection * (shift if reverse else 1) * np.exp(1j * turn * number) / 2**number) @ wave
        samples = (samples[:, ::-1] if reverse else samples)[None].astype(np.complex64)
        flags = PHASE_CORRECTION | (REVERSE if reverse else 0)
        batches.append(make_readouts(samples, [LINES // 2], flags, **fields))
    return batches


def frames(batches, scan=SCAN):
    reconstruction = Reconstruction(scan, StepClock())
    return feed(reconstruction, batches), reconstruction


def error(image, truth=MAGNITUDE):
    """Relative, after one scale."""
    image = image[0].astype(float)
    image *= (image * truth).sum() / (image**2).sum()
    return np.linalg.norm(image - truth) / np.linalg.norm(truth)


def test_samples_on_the_ramps_are_put_where_the_gradient_says():
    done, _ = frames([*navigators(), *frame_batches(acquired(IMAGES))])
    assert only(done).frame.completeness.complete
    assert only(done).frame.reservations == ()
    assert error(only(done).frame.data) < 0.05
    warped, reconstruction = frames([*navigators(), *frame_batches(acquired(IMAGES))], with_trapezoid(None))
    assert error(only(warped).frame.data) > 0.3
    assert only(warped).frame.reservations == ("ramp_not_regridded",)
    assert reconstruction.counters["ramp_not_regridded"] == 1


def test_the_area_under_the_gradient_is_its_sum():
    edges = np.array([0.0, 75, 150, 300, 550, 625, 700])
    assert area(TRAPEZOID, edges) == pytest.approx([0, 18.75, 75, 225, 475, 531.25, 550])


def test_on_a_flat_top_regridding_is_the_plain_transform():
    flat = Trapezoid(100, 20.0 * SAMPLES, 100, 100, SAMPLES, 20.0)
    data = acquired(IMAGES, trapezoid=flat)
    known, _ = frames(frame_batches(data), with_trapezoid(flat))
    plain, _ = frames(frame_batches(data), with_trapezoid(None))
    assert np.allclose(only(known).frame.data, only(plain).frame.data, atol=1e-4 * float(only(plain).frame.data.max()))


def test_the_flipped_readout_of_a_window_beside_the_middle_has_the_mirrored_positions():
    late = dataclasses.replace(TRAPEZOID, delay=50.0)
    axis = AxisPlan(SAMPLES, PIXELS, SAMPLES / PIXELS)
    forward, backward = (
        regridding_matrix(late, axis, SAMPLES, 1.0, slice(0, SAMPLES), reverse=reverse) for reverse in (False, True)
    )
    assert np.allclose(backward, forward[::-1].conj(), atol=1e-5)


@pytest.mark.parametrize("phase", [(0.0, -0.06), (1.2, 0.03), (-2.5, 0.09), (0.1, 0.0)])
def test_what_both_directions_differ_by_is_corrected(phase):
    stream = [*navigators(phase, turn=0.4), *frame_batches(acquired(IMAGES, phase))]
    done, _ = frames(stream)
    uncorrected, _ = frames(stream[3:])
    assert error(only(done).frame.data) < 0.05
    assert error(only(uncorrected).frame.data) > error(only(done).frame.data)
    assert only(uncorrected).frame.reservations == ("phase_not_corrected",)
    added = only(done).kspace.correction
    assert added[0] == pytest.approx(np.array(phase) / 2, abs=0.003)
    assert added[1] == pytest.approx(-np.array(phase) / 2, abs=0.003)


@given(st.floats(-3.0, 3.0), st.floats(-0.4, 0.4), st.integers(0, 1000))
def test_the_fitted_phase_is_the_true_one(constant, slope, seed):
    rng = np.random.default_rng(seed)
    weight = np.exp(-((COLUMNS / 20) ** 2)) * (1 + 0.5 * rng.random(PIXELS))
    noise = 0.02 * (rng.standard_normal(PIXELS) + 1j * rng.standard_normal(PIXELS))
    found = fit_phase(weight * np.exp(1j * (constant + slope * COLUMNS)) + noise)
    assert found is not None
    assert np.angle(np.exp(1j * (found.constant - constant))) == pytest.approx(0, abs=0.02)
    assert found.slope == pytest.approx(slope, abs=0.002)


def test_the_fit_is_as_good_as_the_noise_allows():
    """A product of two signals has noise like the root of its size; scatter within a tenth of the Cramer-Rao bound."""
    rng = np.random.default_rng(8)
    size, spread = np.exp(-((COLUMNS / 20) ** 2)), 0.05
    noise = spread * np.sqrt(size) * (rng.standard_normal((2000, 64)) + 1j * rng.standard_normal((2000, 64)))
    slopes = [fit_phase(size * np.exp(0.02j * COLUMNS) + one).slope for one in noise]
    information = (size * COLUMNS**2).sum() - (size * COLUMNS).sum() ** 2 / size.sum()
    assert np.std(slopes) < 1.1 * spread / np.sqrt(information)


@pytest.mark.parametrize("cross", [np.zeros(64), np.full(64, np.nan), np.exp(2j * np.pi * np.arange(64) ** 2 / 7)])
def test_no_phase_is_fitted_to_what_has_none(cross):
    assert fit_phase(cross.astype(np.complex128)) is None


@pytest.mark.parametrize(
    "trapezoid",
    [
        dataclasses.replace(TRAPEZOID, samples=SAMPLES + 4),
        dataclasses.replace(TRAPEZOID, dwell=9.4),
        dataclasses.replace(TRAPEZOID, flat_top=float("nan")),
        dataclasses.replace(TRAPEZOID, delay=-5.0),
    ],
)
def test_a_trapezoid_that_cannot_be_these_readouts_is_not_used(trapezoid):
    done, _ = frames([*navigators(), *frame_batches(acquired(IMAGES))], with_trapezoid(trapezoid))
    assert only(done).frame.reservations == ("ramp_not_regridded",)


def test_readouts_all_in_one_direction_need_no_navigators():
    data = acquired(IMAGES)
    data[~FORWARD] = data[~FORWARD][..., ::-1]
    done, _ = frames([make_readouts(data, range(LINES))])
    assert only(done).frame.reservations == ()
    assert error(only(done).frame.data) < 0.05


def test_segments_and_repetitions_use_the_navigators_before_them():
    phases = [(0.5, 0.02), (-0.7, -0.05)]
    stream = []
    for repetition, phase in enumerate(phases):
        shots = frame_batches(acquired(IMAGES, phase), repetition=repetition)
        stream += navigators(phase, repetition=repetition)
        stream += [shots[n] for shot in range(4) for n in range(shot, LINES, 4)]
    done, _ = frames(stream)
    for one, phase in zip(done, phases, strict=True):
        assert error(one.frame.data) < 0.05
        assert one.kspace.correction[0] == pytest.approx(np.array(phase) / 2, abs=0.003)


def test_each_slice_has_its_own_navigators_and_may_borrow_the_latest():
    phases = [(0.5, 0.02), (-0.7, -0.05)]
    stream = [batch for n, phase in enumerate(phases) for batch in navigators(phase, slice=n)]
    stream += [batch for n, phase in enumerate(phases) for batch in frame_batches(acquired(IMAGES, phase), slice=n)]
    stream += frame_batches(acquired(IMAGES, phases[1]), slice=7)
    done, _ = frames(stream)
    assert [one.frame.index.slice for one in done] == [0, 1, 7]
    for one, phase in zip(done, [*phases, phases[1]], strict=True):
        assert error(one.frame.data) < 0.05
        assert one.kspace.correction[0] == pytest.approx(np.array(phase) / 2, abs=0.003)


def bad_navigators():
    good = navigators((0.5, 0.02))
    rng = np.random.default_rng(3)
    shape = good[0].data.shape
    noise = [
        Readouts(b.head, (rng.standard_normal(shape) + 1j * rng.standard_normal(shape)).astype("c8")) for b in good
    ]
    return {
        "not finite": [Readouts(b.head, np.full_like(b.data, np.nan)) for b in good],
        "impossible": [Readouts(b.head, np.full_like(b.data, 1e30)) for b in good],
        "without signal": [Readouts(b.head, np.zeros_like(b.data)) for b in good],
        "noise": noise,
        "one direction": navigators(order=(True, True, True)),
        "all discarded": navigators(discard_pre=40, discard_post=40),
        "of another encoding": navigators(encoding_space_ref=9),
        "no sample": [make_readouts(b.data[..., :0], [0], int(b.head["flags"][0])) for b in good],
    }


@pytest.mark.parametrize("case", bad_navigators())
def test_navigators_that_say_nothing_correct_nothing(case):
    done, _ = frames([*bad_navigators()[case], *frame_batches(acquired(IMAGES))])
    assert only(done).frame.reservations == ("phase_not_corrected",)
    assert error(only(done).frame.data) < 0.05


def test_one_bad_navigator_among_good_ones_is_passed_over():
    good = navigators((0.5, 0.02), turn=0.4, order=(True, False, True, False))
    bad = make_readouts(np.full_like(good[0].data, np.nan), [0], PHASE_CORRECTION)
    done, _ = frames([*good[:2], bad, *good[2:], *frame_batches(acquired(IMAGES, (0.5, 0.02)))])
    assert only(done).kspace.correction[0] == pytest.approx([0.25, 0.01], abs=0.003)


def test_a_single_navigator_later_on_leaves_the_correction_as_it_was():
    first = [*navigators((0.5, 0.02)), *frame_batches(acquired(IMAGES, (0.5, 0.02)))]
    again = [*navigators(order=(True,), repetition=1), *frame_batches(acquired(IMAGES, (0.5, 0.02)), repetition=1)]
    done, _ = frames([*first, *again])
    assert [error(one.frame.data) < 0.05 for one in done] == [True, True]


def test_whitened_noise_keeps_its_unit():
    rng = np.random.default_rng(5)
    shape = 400, COILS, SAMPLES
    noise = ((rng.standard_normal(shape) + 1j * rng.standard_normal(shape)) * [[[3.0]] * COILS]).astype(np.complex64)
    before = make_readouts(noise[:200], [0] * 200, NOISE_MEASUREMENT)
    lines = noise[200 : 200 + LINES]
    done, _ = frames([before, *frame_batches(lines)])
    assert only(done).frame.noise_sd == pytest.approx(1)
    assert float((only(done).frame.data ** 2).mean()) == pytest.approx(2 * COILS, rel=0.05)


def test_an_accelerated_train_is_still_refused():
    scan = dataclasses.replace(SCAN, encodings=(dataclasses.replace(SCAN.encodings[0], acceleration=(2, 1)),))
    done, _ = frames([joined(*frame_batches(acquired(IMAGES)))], scan)
    assert only(done).reason == "acceleration"
