"""Real scans: the bundled brain, and the public data sets that SCANSIDE_DATA points to (mr_raw/ in it)."""

import os
from pathlib import Path

import h5py
import numpy as np
import pytest

from engine.acquisition import ACQUISITION_HEADER, Readouts
from engine.reconstruct.series import Reconstruction
from engine.types import CounterLimits, Encoding, Scan, Space
from tests.engine.reconstruct.reconstruct_cases import StepClock, difference, feed, only

ROOT = Path(__file__).parents[3]
BRAIN = ROOT / "models/scans/brain16_cimax/brain16.mrd.h5"


def public(name):
    path = Path(os.environ.get("SCANSIDE_DATA", ROOT.parent / "shared/data")) / "mr_raw" / name
    if not path.exists():
        pytest.skip(f"public data set not here: {name} (set SCANSIDE_DATA)")
    return path


def read(path):
    with h5py.File(path) as file:
        rows = file["dataset/data"][:]
    head = np.ascontiguousarray(rows["head"]).astype(ACQUISITION_HEADER)
    coils = int(head["active_channels"][0])
    return Readouts(head, np.stack([row.view(np.complex64).reshape(coils, -1) for row in rows["data"]]))


def scan_of(readouts, recon_x=None, mm=256.0):
    """A square field of view, full sampling, the centre in the middle: so are all sets read here."""
    lines = int(readouts.head["idx"]["kspace_encode_step_1"].max()) + 1
    samples = readouts.data.shape[2]
    recon_x = recon_x or samples
    encoded = Space((samples, lines, 1), (mm * samples / recon_x, mm, 3.0))
    limits = {"kspace_encoding_step_1": CounterLimits(0, lines - 1, lines // 2)}
    return Scan("real", (Encoding(encoded, Space((recon_x, lines, 1), (mm, mm, 3.0)), limits),))


def reconstruct(readouts, batch=7, **scan):
    batches = [
        Readouts(readouts.head[n : n + batch], readouts.data[n : n + batch]) for n in range(0, len(readouts), batch)
    ]
    return feed(Reconstruction(scan_of(readouts, **scan), StepClock()), batches)


def coil_images(kspace):
    shifted = np.fft.ifftshift(kspace, axes=(-2, -1))
    return np.fft.fftshift(np.fft.ifft2(shifted, norm="ortho"), axes=(-2, -1))


def index_snr(kspace, image):
    """The data index's own estimate: median in the mask over the noise of the four corners, RMS over coils."""
    mask = image > 0.3 * np.percentile(image, 99)
    height, width = (round(size * 0.125) for size in image.shape)
    images = coil_images(kspace)
    corners = np.concatenate(
        [
            images[:, rows, columns].reshape(len(images), -1)
            for rows in (slice(0, height), slice(-height, None))
            for columns in (slice(0, width), slice(-width, None))
        ],
        axis=1,
    )
    per_coil = (corners.real.var(axis=1) + corners.imag.var(axis=1)) / 2
    return np.median(image[mask]) / np.sqrt(per_coil.mean())


def check(done):
    """The image is numpy's own within 1e-5; returns (raw k-space, image)."""
    assert done.frame.completeness.complete, done.frame.completeness
    raw = done.kspace.data[:, 0]
    truth = np.sqrt((np.abs(coil_images(raw.astype(np.complex128))) ** 2).sum(axis=0))
    assert difference(done.frame.data[0], truth) < 1e-5
    return raw, done.frame.data[0]


def test_the_bundled_brain():
    readouts = read(BRAIN)
    done = only(reconstruct(readouts))
    raw, image = check(done)
    assert np.array_equal(raw.transpose(1, 0, 2), readouts.data)
    assert index_snr(raw, image) == pytest.approx(102, rel=0.2)
    assert float(np.abs(raw).max()) == pytest.approx(4.27e-4, rel=0.01)
    # The index takes 5.3e-7 from the ends of the readout, where the receiver's filter has rolled off (next test);
    # for the air above and below the head it has 12.7e-7, which is the noise where the head lies.
    estimated = done.kspace.noise.covariance.diagonal().real
    assert np.sqrt(estimated / 2).mean() == pytest.approx(12.7e-7, rel=0.1)
    assert done.frame.noise_sd == pytest.approx(12.7e-7, rel=0.1)


@pytest.mark.data
def test_noise_is_estimated_as_large_as_repeated_scans_differ():
    """Two repeats of one still scan differ by noise alone: an independent truth, column by column."""
    done = reconstruct(read(public("gre4_repeats/gre4_repeats.mrd.h5")))
    third, fourth = (one.kspace.data[:, 0] for one in done[2:])
    columns = np.fft.fftshift(np.fft.ifft(np.fft.ifftshift(fourth - third, axes=-1), norm="ortho"), axes=-1)
    sd = np.sqrt((np.abs(columns) ** 2).mean(axis=(0, 1)) / 4)
    middle, ends = sd[64:192].mean(), np.r_[sd[:8], sd[-8:]].mean()
    assert done[0].frame.noise_sd == pytest.approx(middle, rel=0.1)
    assert ends / middle == pytest.approx(0.37, abs=0.02)  # why the ends of the readout are not used


@pytest.mark.parametrize(("kept", "nrmse", "scale"), [(slice(0, None, 2), 0.753, 2), (slice(48, None), 0.109, 1)])
def test_the_bundled_brain_with_lines_lost_is_as_wrong_as_the_index_says(kept, nrmse, scale):
    readouts = read(BRAIN)
    full = only(reconstruct(readouts)).frame.data[0]
    lossy = Readouts(readouts.head[kept], readouts.data[kept])
    scan = scan_of(readouts)
    done = only(feed(Reconstruction(scan, StepClock()), [lossy]))
    found = scale * done.frame.data[0]
    assert np.linalg.norm(found - full) / np.linalg.norm(full) == pytest.approx(nrmse, rel=0.2)
    lines = np.ones(128, bool)
    lines[kept] = False
    assert done.frame.completeness.missing == tuple(np.flatnonzero(lines))
    energy = (np.abs(readouts.data) ** 2).sum(axis=(1, 2))
    lost = energy[lines].sum() / energy.sum()
    assert done.frame.completeness.missing_central_energy == pytest.approx(lost, abs=0.15)


@pytest.mark.data
def test_four_repeats_of_a_still_phantom():
    done = reconstruct(read(public("gre4_repeats/gre4_repeats.mrd.h5")))
    assert [one.frame.index.repetition for one in done] == [0, 1, 2, 3]
    images = []
    for one in done:
        raw, image = check(one)
        images.append(image.astype(float))
        assert index_snr(raw, image) == pytest.approx(76.5, rel=0.2)
    mask = images[0] > 0.3 * np.percentile(images[0], 99)
    for n, first in enumerate(images):
        for other in images[n + 1 :]:
            # The index says 0.035 to 0.037 and not over which pixels: it is so inside the mask of its SNR formula,
            # over the whole image, where the background's magnitudes count too, it is 0.047 to 0.049.
            inside = np.linalg.norm((first - other)[mask]) / np.linalg.norm(first[mask])
            assert 0.034 < inside < 0.038
            assert 0.046 < np.linalg.norm(first - other) / np.linalg.norm(first) < 0.050
    signals = [image[mask].mean() for image in images]
    assert max(signals) / min(signals) < 1.0035


@pytest.mark.data
@pytest.mark.parametrize(
    ("name", "snr"),
    [("phantom_head16", 158), ("phantom_body2", 32)],
)
def test_the_same_phantom_with_two_coils(name, snr):
    raw, image = check(only(reconstruct(read(public(f"phantom16_cimax/{name}.mrd.h5")))))
    assert index_snr(raw, image) == pytest.approx(snr, rel=0.2)


@pytest.mark.data
def test_32_coils_around_an_object_that_leaves_no_air_to_estimate_noise_from():
    done = only(reconstruct(read(public("phantom32_skyra/phantom32_se.mrd.h5"))))
    raw, image = check(done)
    assert index_snr(raw, image) == pytest.approx(670, rel=0.2)
    assert done.frame.noise_sd is None


@pytest.mark.data
def test_two_contrasts_in_centre_out_order():
    done = reconstruct(read(public("brain2_centreout_cimax/brain_2img_body2.mrd.h5")))
    assert [one.frame.index.contrast for one in done] == [0, 1]
    peaks = []
    for one in done:
        raw, _ = check(one)
        assert one.kspace.order[64] == 0
        assert one.kspace.order[63] in (1, 2)
        peaks.append(float(np.abs(raw).max()))
    assert peaks == pytest.approx([3.34e-3, 7.2e-4], rel=0.01)


@pytest.mark.data
def test_a_reversed_middle_echo_overlays_the_others():
    done = reconstruct(read(public("multiecho_pulseq/03_GRE_3echoes_bipolar.mrd.h5")))
    images = [one.frame.data[0].astype(float) for one in done]
    assert [one.frame.index.contrast for one in done] == [0, 1, 2]
    for one in done:
        assert one.frame.completeness.complete
        raw = one.kspace.data[:, 0]
        line, sample = np.unravel_index(int(np.abs(raw[0]).argmax()), raw[0].shape)
        assert abs(int(sample) - one.kspace.center[1]) <= 4
        assert abs(int(line) - one.kspace.center[0]) <= 4
    upright = np.corrcoef(images[0].ravel(), images[1].ravel())[0, 1]
    mirrored = np.corrcoef(images[0].ravel(), images[1][:, ::-1].ravel())[0, 1]
    assert upright > 0.9 > mirrored


@pytest.mark.data
def test_twofold_readout_oversampling_of_a_product_sequence():
    readouts = read(public("twixtools_skyra/gre.mrd.h5"))
    done = only(reconstruct(readouts, recon_x=160, mm=200.0))
    truth = np.sqrt((np.abs(coil_images(readouts.data.transpose(1, 0, 2))) ** 2).sum(axis=0))[:, 80:240]
    assert done.frame.data.shape == (1, 160, 160)
    assert difference(done.frame.data[0], truth) < 1e-5
    assert done.kspace.readout_oversampling == pytest.approx(2)


@pytest.mark.data
@pytest.mark.parametrize(
    ("name", "snr"), [("06_GRE_xSpoil_yRephase_RFspoilADC", 70), ("07_GRE_xSpoil_yRephase_RFspoilADC_dummy", 71)]
)
def test_single_channel_phantom(name, snr):
    raw, image = check(only(reconstruct(read(public(f"gre_faults_pulseq/{name}.mrd.h5")))))
    assert index_snr(raw, image) == pytest.approx(snr, rel=0.2)
