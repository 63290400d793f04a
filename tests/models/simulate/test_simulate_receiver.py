"""Faults of noise, receiver and transfer, each against what its physics says."""

import numpy as np
import pytest

from models.simulate import make_fault
from models.simulate.anatomy import anatomy_base
from models.simulate.base import images, magnitude, noise_spread, signal_level, whitening
from models.simulate.fault import PRESCAN
from models.simulate.saturation import clipped
from models.simulate.series import NoiseGenerator, simulate_series
from tests.models.simulate.bases import SIZE, brain, phantom

SEEDS = range(5)


def white(base, lines):
    return np.einsum("dc,lcs->lds", whitening(base), lines)


@pytest.mark.parametrize("seed", SEEDS)
def test_a_spike_hits_a_few_neighbours_in_every_coil(seed: int) -> None:
    base, fault = phantom(), make_fault("spike", phantom(), seed, 2, strength=20.0)
    hit = np.argwhere(fault.received(base.lines, 2) != base.lines)
    lines, coils, samples = (sorted(set(axis.tolist())) for axis in hit.T)
    assert len(lines) == 1
    assert coils == list(range(8))
    assert 1 <= len(samples) <= 3
    assert samples == list(range(samples[0], samples[-1] + 1))
    assert max(abs(lines[0] - SIZE // 2), abs(samples[0] - SIZE // 2)) >= 16
    assert (tuple(lines), tuple(samples)) == (fault.truth.lines, fault.truth.samples)
    assert lines != sorted(set(np.argwhere(fault.received(base.lines, 3) != base.lines)[:, 0].tolist()))


@pytest.mark.parametrize("seed", SEEDS)
def test_stripes_of_a_spike_have_the_amplitude_asked_for(seed: int) -> None:
    base = brain()
    fault = make_fault("spike", base, seed, 0, times_limit=2.0)
    added = fault.received(base.lines, 0) - base.lines
    strongest = np.zeros_like(added)
    line, _, sample = np.unravel_index(int(np.abs(added).argmax()), added.shape)
    strongest[line, :, sample] = added[line, :, sample]
    stripe = np.sqrt((np.abs(white(base, images(strongest))) ** 2).sum(axis=1))
    assert 100 * stripe / signal_level(base) == pytest.approx(np.full(stripe.shape, 10.0), rel=0.01)


@pytest.mark.parametrize("seed", SEEDS)
def test_a_tone_draws_a_line_of_the_amplitude_asked_for(seed: int) -> None:
    base = brain()
    fault = make_fault("rf-interference", base, seed, 0, times_limit=1.5)
    added = images(fault.received(base.lines, 0) - base.lines)
    columns = np.sqrt((np.abs(white(base, added)) ** 2).sum(axis=1).mean(axis=0)) / signal_level(base)
    (column,) = fault.truth.columns
    assert 100 * columns[column] == pytest.approx(15.0, rel=0.02)
    assert abs(int(columns.argmax()) - column) <= 1


@pytest.mark.parametrize("target", [20.0, 5.0, 2.0])
def test_more_noise_lowers_the_ratio_to_the_one_asked_for(target: float) -> None:
    base, fault = brain(), make_fault("low-snr", brain(), 0, 5, strength=target)
    series = simulate_series(base, 1, 0, fault)
    readouts = white(base, series.noise_readouts)
    factor = float(readouts.real.std())
    assert factor == pytest.approx(float(readouts.imag.std()), rel=0.02)
    assert signal_level(base) / factor == pytest.approx(target, rel=0.02)
    (frame,) = series.frames
    assert white(base, frame.lines - base.lines[frame.numbers]).real.std() == pytest.approx(factor, rel=0.02)


def test_noise_comes_after_motion() -> None:
    """The noise of a frame is the same whether the object moved or not."""
    base, fault = phantom(), make_fault("motion", phantom(), 1, 0, strength=4.0)
    still, there = (list(simulate_series(base, 2, 7, f).frames) for f in (None, fault))
    for a, b in zip(still, there, strict=True):
        moved = fault.signal(base.lines, a.repetition)[a.numbers] - base.lines[a.numbers]
        assert np.abs(b.lines - a.lines - moved).max() < 1e-4 * np.abs(base.lines).max()


@pytest.mark.parametrize("seed", SEEDS)
@pytest.mark.parametrize("share", [2.0, 5.0, 15.0])
def test_missing_lines_hold_the_share_asked_for_and_are_not_sent(seed: int, share: float) -> None:
    base, fault = brain(), make_fault("missing-lines", brain(), seed, 1, strength=share)
    energy = (np.abs(base.lines) ** 2).sum(axis=(1, 2))
    missing = list(fault.truth.lines)
    assert 100 * energy[missing].sum() / energy.sum() == pytest.approx(share, rel=0.1)
    whole, short = simulate_series(base, 2, seed, fault).frames
    assert len(whole.numbers) == len(base.lines)
    assert sorted(set(range(len(base.lines))) - set(short.numbers.tolist())) == missing


def test_missing_slices_are_not_sent() -> None:
    base = phantom(8, slices=4)
    fault = make_fault("missing-slices", base, 3, 1, strength=2.0)
    frames = [(f.repetition, f.slice) for f in simulate_series(base, 2, 0, fault).frames]
    assert frames == [(0, n) for n in range(4)] + [(1, n) for n in range(4) if n not in fault.truth.slices]
    assert len(fault.truth.slices) == 2


@pytest.mark.parametrize("amplitude", [10.0, 100.0])
def test_an_offset_is_a_point_in_the_middle(amplitude: float) -> None:
    base, fault = phantom(), make_fault("dc-offset", phantom(), 0, 0, strength=amplitude)
    point = images(fault.received(base.lines, 0) - base.lines)
    power = np.sqrt((np.abs(white(base, point)) ** 2).sum(axis=1))
    assert 100 * power[SIZE // 2, SIZE // 2] / signal_level(base) == pytest.approx(amplitude, rel=0.01)
    power[SIZE // 2, SIZE // 2] = 0
    assert power.max() < 1e-3 * amplitude


@pytest.mark.parametrize("level", [50.0, 90.0])
def test_clipped_samples_stay_at_full_scale(level: float) -> None:
    base, fault = brain(), make_fault("saturation", brain(), 0, 0, strength=level)
    parts = fault.received(base.lines, 0).view(np.float32)
    full = np.abs(base.lines.view(np.float32)).max() * level / 100
    assert np.abs(parts).max() == pytest.approx(full, rel=1e-6)
    hit = np.abs(parts) >= full * (1 - 1e-6)
    assert sorted(set(np.argwhere(hit)[:, 1].tolist())) == list(fault.truth.elements)


def test_an_overdriven_receiver_recovers_after_two_samples() -> None:
    line = np.zeros((1, 1, 8), np.complex64)
    line[0, 0, 2] = 5 - 0.5j
    found = clipped(line, np.float32(1.0))[0, 0]
    assert found.real.tolist() == [0, 0, 1, 1, 1, 0, 0, 0]
    assert found.imag.tolist() == [0, 0, -0.5, 0, 0, 0, 0, 0]


def test_a_truncated_edge_overshoots_by_nine_percent_of_its_step() -> None:
    """Gibbs: the limit of the overshoot beside a step is 8.95 % of its height."""
    height = 128
    slab = np.zeros((height, height))
    slab[32:96, 32:96] = 1
    base = anatomy_base(slab, 1, snr=100)
    fault = make_fault("gibbs", base, 0, 0, strength=75.0)
    found = magnitude(base, fault.received(base.lines, 0))
    middle = found[:, height // 2]
    plateau = np.median(middle[56:72])
    assert 100 * (middle.max() / plateau - 1) == pytest.approx(8.95, abs=1.0)


def test_noise_has_the_covariance_of_the_base() -> None:
    base = phantom()
    noise = NoiseGenerator(base.covariance, np.random.default_rng(0)).draw(2000, SIZE)
    samples = noise.transpose(1, 0, 2).reshape(8, -1)
    found = samples @ samples.conj().T / samples.shape[1]
    assert np.abs(found - base.covariance).max() < 0.02 * base.covariance.real.max()
    assert noise_spread(base) == pytest.approx(np.sqrt(np.diag(found).real), rel=0.02)


@pytest.mark.parametrize("snr", [10.0, 80.0])
def test_anatomy_has_the_signal_to_noise_ratio_asked_for(snr: float) -> None:
    y, x = np.indices((SIZE, SIZE)) - SIZE // 2
    base = anatomy_base(np.hypot(y, x) < 20, 12, snr=snr)
    noise = NoiseGenerator(base.covariance, np.random.default_rng(1)).draw(SIZE, SIZE)
    power = (np.abs(white(base, images(base.lines + noise))) ** 2).sum(axis=1) - 24
    assert np.sqrt(np.median(power[np.hypot(y, x) < 15])) == pytest.approx(snr, rel=0.05)


def test_the_prescan_knows_only_faults_that_were_there_before() -> None:
    base = phantom()
    for kind in ("spike", "coil-loss", "motion"):
        assert make_fault(kind, base, 0, 0).noise(base.lines, PRESCAN) is base.lines
