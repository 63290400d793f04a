"""Noise covariance, whitening, SNR units, and the estimate without a noise scan."""

import numpy as np
import pytest

from engine.acquisition import NOISE_MEASUREMENT
from engine.reconstruct.series import Reconstruction
from engine.reconstruct.whiten import covariance, whitening_matrix
from engine.types import CounterLimits, Scan
from tests.engine.reconstruct.reconstruct_cases import (
    StepClock,
    feed,
    joined,
    make_readouts,
    make_scan,
    only,
    part,
    random_lines,
)

COILS = 4


def mixing(seed=3, coils=COILS):
    rng = np.random.default_rng(seed)
    return rng.standard_normal((coils, coils)) + 1j * rng.standard_normal((coils, coils)) + 2 * np.eye(coils)


def noise(shape, seed, scale=1e-5, matrix=None):
    """Correlated noise `[readout, coil, sample]` of covariance 2 scale^2 A A^H."""
    rng = np.random.default_rng(seed)
    white = rng.standard_normal(shape) + 1j * rng.standard_normal(shape)
    matrix = mixing(coils=shape[1]) if matrix is None else matrix
    return (scale * (matrix @ white)).astype(np.complex64)


def noise_scan(readouts=256, samples=128, dwell=10.0, scale=1e-5, **fields):
    data = noise((readouts, COILS, samples), 7, scale)
    return make_readouts(data, np.zeros(readouts), NOISE_MEASUREMENT, sample_time_us=dwell, **fields)


def shortened(batch, count, samples):
    return make_readouts(batch.data[:count, :, :samples].copy(), np.zeros(count), NOISE_MEASUREMENT)


def variances(values):
    return float(values.real.var()), float(values.imag.var())


def covariance_of_parts(hybrid):
    samples = hybrid.transpose(1, 0, 2).reshape(hybrid.shape[1], -1)
    return samples @ samples.conj().T / samples.shape[1]


def test_the_whitened_noise_of_known_covariance_has_variance_one_per_part():
    data = noise((400, COILS, 128), 1)
    whitened = whitening_matrix(covariance(data)) @ data
    assert variances(whitened) == pytest.approx((1, 1), abs=0.02)
    assert np.allclose(covariance_of_parts(whitened), 2 * np.eye(COILS), atol=0.02)


@pytest.mark.parametrize(
    ("encoded", "recon", "mm", "limits", "samples", "averages"),
    [
        ((128, 128), (128, 128), None, (0, 127, 64), 128, 1),
        ((256, 128), (128, 128), None, (0, 127, 64), 256, 1),
        ((160, 128), (128, 128), None, (0, 127, 64), 160, 1),
        ((128, 128), (128, 128), None, (0, 79, 16), 128, 1),
        ((128, 96), (192, 128), (256.0, 256.0), (0, 95, 48), 128, 1),
        ((256, 128), (128, 128), None, (0, 127, 64), 170, 1),
        ((128, 64), (128, 64), None, (0, 63, 32), 128, 4),
    ],
    ids=["plain", "oversampled", "ratio 1.25", "partial Fourier", "zero-filled", "asymmetric echo", "averages"],
)
def test_pure_noise_becomes_an_image_of_variance_one(encoded, recon, mm, limits, samples, averages):
    counters = {
        "kspace_encoding_step_1": CounterLimits(*limits),
        "average": CounterLimits(0, averages - 1, 0),
    }
    reconstruction = Reconstruction(make_scan(encoded, recon, mm, limits=counters), StepClock())
    list(reconstruction.add(noise_scan(1024)))
    steps = np.tile(np.arange(limits[0], limits[1] + 1), averages)
    data = noise((len(steps), COILS, samples), 11)
    batch = make_readouts(data, steps, average=np.repeat(np.arange(averages), len(steps) // averages))
    done = only(feed(reconstruction, [batch]))
    assert done.frame.snr_units
    assert done.frame.noise_sd == pytest.approx(1, rel=1e-6)
    assert not done.kspace.noise.estimated
    power = done.frame.data.astype(float) ** 2  # of COILS complex values of unit variance per part
    assert power.mean() / (2 * COILS) == pytest.approx(1, abs=0.02 if averages == 1 else 0.03)
    lines = done.kspace.counts > 0
    assert variances(done.kspace.hybrid[lines] * np.sqrt(averages)) == pytest.approx((1, 1), abs=0.02)


@pytest.mark.parametrize(("noise_dwell", "bandwidth"), [(5.0, None), (20.0, None), (10.0, 0.793), (5.0, 0.793)])
def test_the_covariance_is_scaled_for_dwell_time_and_receiver_bandwidth(noise_dwell, bandwidth):
    seen = 10.0 / noise_dwell * (bandwidth or 1)  # noise power of the noise readouts over that of imaging ones
    scan = make_scan((128, 128))
    scan = Scan(scan.id, scan.encodings, relative_noise_bandwidth=bandwidth)
    reconstruction = Reconstruction(scan, StepClock())
    list(reconstruction.add(noise_scan(dwell=noise_dwell, scale=1e-5 * np.sqrt(seen))))
    done = only(feed(reconstruction, [make_readouts(noise((128, COILS, 128), 12), range(128))]))
    assert variances(done.kspace.hybrid) == pytest.approx((1, 1), abs=0.02)
    assert reconstruction.noise.samples == 256 * 128


def test_an_incomplete_frame_keeps_the_scale_and_states_its_lower_noise():
    reconstruction = Reconstruction(make_scan((128, 128)), StepClock())
    list(reconstruction.add(noise_scan()))
    half = np.arange(0, 128, 2)
    done = only(feed(reconstruction, [make_readouts(noise((64, COILS, 128), 13), half)]))
    assert done.frame.noise_sd == pytest.approx(np.sqrt(0.5))
    measured = np.sqrt((done.frame.data.astype(float) ** 2).mean() / (2 * COILS))
    assert measured == pytest.approx(np.sqrt(0.5), rel=0.02)


def test_a_dead_element_in_the_noise_scan_stays_dark_and_spoils_nothing():
    scanned = noise_scan()
    scanned.data[:, 2] = 0
    reconstruction = Reconstruction(make_scan((128, 128)), StepClock())
    list(reconstruction.add(scanned))
    imaging = noise((128, COILS, 128), 14)
    imaging[:, 2] = 0
    done = only(feed(reconstruction, [make_readouts(imaging, range(128))]))
    assert not done.kspace.hybrid[:, 2].any()
    others = done.kspace.hybrid[:, [0, 1, 3]]
    assert variances(others) == pytest.approx((1, 1), abs=0.03)


@pytest.mark.parametrize("kind", ["too few", "other coils", "not finite", "none"])
def test_without_usable_noise_readouts_nothing_is_whitened(kind):
    reconstruction = Reconstruction(make_scan((128, 128)), StepClock())
    batch = noise_scan()
    if kind == "too few":
        batch = shortened(batch, 1, samples=8)
    elif kind == "other coils":
        batch = make_readouts(noise((64, 3, 128), 2), np.zeros(64), NOISE_MEASUREMENT)
    elif kind == "not finite":
        batch.data[:, 0, 0] = np.nan
    if kind != "none":
        list(reconstruction.add(batch))
    lines = random_lines(128, COILS, 128)
    done = only(feed(reconstruction, [make_readouts(lines, range(128))]))
    assert done.kspace.whitening is None
    assert not done.frame.snr_units
    assert done.kspace.noise.estimated
    assert np.isfinite(done.frame.data).all()


def test_noise_readouts_after_imaging_began_change_no_scale():
    lines = random_lines(128, COILS, 128)
    reconstruction = Reconstruction(make_scan((128, 128)), StepClock())
    first = only(list(reconstruction.add(make_readouts(lines, range(128)))))
    list(reconstruction.add(noise_scan(16)))
    second = only(list(reconstruction.add(make_readouts(lines, range(128), repetition=1))))
    assert np.array_equal(first.frame.data, second.frame.data)
    assert reconstruction.counters["late_noise_readouts"] == 16


def test_the_estimate_comes_from_the_air_beside_the_object():
    size = 128
    y, x = np.mgrid[:size, :size] - size // 2
    disc = ((x / 50.0) ** 2 + (y / 60.0) ** 2 < 1) * 3e-4
    maps = np.exp(2j * np.pi * np.arange(COILS)[:, None, None] * x / 300) * disc
    kspace = np.fft.fftshift(np.fft.fft2(np.fft.ifftshift(maps, axes=(1, 2)), norm="ortho"), axes=(1, 2))
    data = kspace.transpose(1, 0, 2) + noise((size, COILS, size), 15)
    batch = make_readouts(data.astype(np.complex64), range(size))
    reconstruction = Reconstruction(make_scan((size, size)), StepClock())
    done = only(feed(reconstruction, [batch]))
    truth = 2e-10 * mixing() @ mixing().conj().T
    found = reconstruction.noise
    assert found.estimated
    assert found.samples >= 256
    assert np.linalg.norm(found.covariance - truth) / np.linalg.norm(truth) < 0.2
    assert done.frame.noise_sd == pytest.approx(np.sqrt(truth.diagonal().real.mean() / 2), rel=0.1)
    later = only(list(reconstruction.add(part(joined(batch), slice(0, 128)))))
    assert later.kspace.noise is found


@pytest.mark.parametrize("averages", [1, 4])
def test_the_estimate_is_of_acquired_samples_whatever_was_zero_filled_or_averaged(averages):
    limits = {"kspace_encoding_step_1": CounterLimits(0, 79, 16), "average": CounterLimits(0, averages - 1, 0)}
    steps = np.tile(np.arange(80), averages)
    data = noise((len(steps), COILS, 128), 16)
    batch = make_readouts(data, steps, average=np.repeat(np.arange(averages), 80))
    done = only(feed(Reconstruction(make_scan((192, 128), limits=limits), StepClock()), [batch]))
    truth = 2e-10 * mixing() @ mixing().conj().T
    assert np.trace(done.kspace.noise.covariance).real == pytest.approx(np.trace(truth).real, rel=0.2)
    measured = np.sqrt((done.frame.data.astype(float) ** 2).mean() / (2 * COILS))
    assert done.frame.noise_sd == pytest.approx(measured, rel=0.1)


def test_an_incomplete_first_frame_gives_no_estimate():
    lines = random_lines(128, COILS, 128)
    reconstruction = Reconstruction(make_scan((128, 128)), StepClock())
    done = only(feed(reconstruction, [make_readouts(lines[:100], range(100))]))
    assert done.frame.noise_sd is None
    assert done.kspace.noise is None
    assert reconstruction.noise is None
