"""Faults of the object, its coils and the prescription, each against what its physics says."""

from dataclasses import replace

import numpy as np
import pytest

from models.simulate import ghost_delay, make_fault
from models.simulate.base import Base, clean_magnitude, images, kspace, magnitude, object_mask
from models.simulate.chemical_shift import expected_shift, fat_share
from models.simulate.coil_loss import lose_elements
from models.simulate.wrap import fold
from tests.models.simulate.bases import SIZE, brain, phantom

SEEDS = range(3)


def changed(base: Base, kind: str, strength: float, seed: int = 0, repetition: int = 0) -> np.ndarray:
    return make_fault(kind, base, seed, 0, strength=strength).signal(base.lines, repetition)


@pytest.mark.parametrize("degrees", [1.15, 5.72, 30.0])
def test_a_ghost_is_the_tangent_of_half_the_phase(degrees: float) -> None:
    whole, ghosted = images(phantom().lines), images(changed(phantom(), "ghost", degrees))
    half = np.deg2rad(degrees) / 2
    expected = np.cos(half) * whole + 1j * np.sin(half) * np.roll(whole, SIZE // 2, axis=0)
    assert np.abs(ghosted - expected).max() < 1e-5 * np.abs(whole).max()


@pytest.mark.parametrize("column", [8, 20, 32, 50])
def test_the_ghost_of_a_delay_grows_with_the_distance_from_the_middle(column: int) -> None:
    point = np.zeros((SIZE, 8, SIZE), np.complex64)
    point[SIZE // 2, :, column] = 1
    fault = ghost_delay.make(phantom(), 0.4, 0, np.random.default_rng(0))
    ghosted = images(fault.signal(kspace(point), 0))
    expected = abs(np.tan(np.pi * 0.4 * (column - SIZE // 2) / SIZE))
    ratio = np.abs(ghosted[0, 0, column]) / np.abs(ghosted[SIZE // 2, 0, column])
    assert ratio == pytest.approx(expected, abs=1e-3)


@pytest.mark.parametrize("reduced", [62, 50, 38])
def test_a_smaller_view_is_the_fourier_transform_at_wider_spacing(reduced: int) -> None:
    base = phantom()
    coil_images = images(base.lines).astype(np.complex128)
    k = (np.arange(reduced) - reduced // 2) * SIZE / reduced
    y = np.arange(SIZE) - SIZE // 2
    transform = np.exp(-2j * np.pi * np.outer(k, y) / SIZE) / np.sqrt(SIZE)
    hybrid = np.einsum("ky,ycx->kcx", transform, coil_images)
    across = np.exp(-2j * np.pi * np.outer(y, y) / SIZE) / np.sqrt(SIZE)
    expected = hybrid @ across.T
    assert np.abs(fold(base.lines, reduced) - expected).max() < 1e-4 * np.abs(expected).max()


def test_wrap_prescribes_fewer_lines_of_the_same_pixels() -> None:
    from firmware.sources.simulated import SimulatedScan, scan_of

    fault = make_fault("wrap", phantom(), 0, 5, strength=25.0)
    scan = SimulatedScan(scan_of(phantom()), 1, 0, fault).scan()
    (encoding,) = scan.encodings
    assert encoding.encoded.matrix == encoding.recon.matrix == (64, 48, 1)
    assert encoding.encoded.field_of_view[1] == pytest.approx(96.0)
    limits = encoding.limits["kspace_encoding_step_1"]
    assert (limits.minimum, limits.maximum, limits.center) == (0, 47, 24)


@pytest.mark.parametrize("loss", [10.0, 30.0, 70.0])
def test_a_drop_out_scales_the_signal(loss: float) -> None:
    assert np.allclose(changed(phantom(), "drop-out", loss), (1 - loss / 100) * phantom().lines)


@pytest.mark.parametrize("seed", SEEDS)
@pytest.mark.parametrize("spread", [20.0, 100.0])
def test_a_bias_field_spreads_brightness_by_its_strength(seed: int, spread: float) -> None:
    base = phantom()
    ratio = magnitude(base, changed(base, "bias-field", spread, seed)) / clean_magnitude(base)
    change = np.log(ratio[object_mask(base)])
    assert np.median(change) == pytest.approx(0, abs=0.02)
    assert 100 * np.expm1(np.percentile(np.abs(change), 95)) == pytest.approx(spread, rel=0.05)


@pytest.mark.parametrize("pixels", [1.0, 3.0])
def test_only_fat_shifts_and_by_as_many_pixels(pixels: float) -> None:
    base = phantom()
    difference = images(changed(base, "chemical-shift", pixels)) - images(base.lines)
    fat = images(base.lines) * fat_share(base)[:, None, :]
    if pixels == round(pixels):
        expected = np.roll(fat, round(pixels), axis=2) - fat
        assert np.abs(difference - expected).max() < 1e-4 * np.abs(fat).max()
    core = np.hypot(*(np.indices((SIZE, SIZE)) - SIZE // 2)) < 8
    assert np.abs(difference.transpose(0, 2, 1)[core]).max() < 1e-3 * np.abs(fat).max()


def test_the_expected_shift_is_434_hertz_at_3_tesla() -> None:
    base = replace(phantom(), field_strength=3.0)
    assert expected_shift(base) / (base.dwell_seconds * SIZE) == pytest.approx(434, abs=1)
    assert expected_shift(replace(base, field_strength=None)) is None


@pytest.mark.parametrize("repetition", [0, 2, 4, 9])
def test_a_drifting_frequency_turns_the_echo(repetition: int) -> None:
    base, hertz = phantom(), 20.0
    turned = changed(base, "frequency-drift", hertz, repetition=repetition)
    middle = SIZE // 2
    found = np.angle(np.vdot(base.lines[middle, :, middle], turned[middle, :, middle]))
    offset = hertz * min((repetition + base.times[middle] / base.frame_seconds) / 4, 1)
    assert found == pytest.approx(2 * np.pi * offset * base.echo_seconds, abs=1e-3)


@pytest.mark.parametrize("seed", SEEDS)
def test_a_beating_vessel_ghosts_where_its_rate_says(seed: int) -> None:
    """Along phase the ghosts of f cycles a second lie f x frame time pixels beside the vessel."""
    base = replace(phantom(), times=np.arange(SIZE) * 0.05, frame_seconds=SIZE * 0.05)
    difference = np.abs(images(changed(base, "pulsation", 300.0, seed) - base.lines)).sum(axis=1)
    rows = difference.sum(axis=1)
    one = int(rows.argmax())
    away = np.abs(np.arange(SIZE) - one)
    away = np.minimum(away, SIZE - away)
    other = int(np.where(away > 3, rows, 0).argmax())
    slowest, fastest = (2 * rate * base.frame_seconds for rate in (0.9, 1.5))
    assert slowest - 1 <= away[other] <= fastest + 1
    assert rows[other] == pytest.approx(rows[one], rel=0.3)


def test_a_body_coil_sees_evenly_and_weakly() -> None:
    base = brain()
    weak = magnitude(replace(base, covariance=np.eye(16, dtype=complex)), changed(base, "wrong-coil", 14.0))
    whole = magnitude(replace(base, covariance=np.eye(16, dtype=complex)), base.lines)
    mask = object_mask(base)
    assert 20 * np.log10(np.median(whole[mask]) / np.median(weak[mask])) == pytest.approx(14, abs=2)


def test_dead_elements_carry_no_signal_and_a_tenth_of_their_noise() -> None:
    base, fault = phantom(), lose_elements((2, 5), 1)
    dead = fault.signal(base.lines, 1)
    assert not dead[:, [2, 5]].any()
    alive = [0, 1, 3, 4, 6, 7]
    assert np.array_equal(dead[:, alive], base.lines[:, alive])
    noise = fault.noise(base.lines, 1)
    assert np.allclose(noise[:, [2, 5]], 0.1 * base.lines[:, [2, 5]])


@pytest.mark.parametrize("loss_db", [3.0, 12.0])
def test_a_weak_element_loses_as_many_decibels(loss_db: float) -> None:
    base = phantom()
    energy = [(np.abs(lines) ** 2).sum(axis=(0, 2)) for lines in (base.lines, changed(base, "weak-element", loss_db))]
    loss = 10 * np.log10(energy[0] / energy[1])
    assert loss.max() == pytest.approx(loss_db, abs=0.01)
    assert (np.abs(loss) > 0.01).sum() == 1


def test_an_intermittent_element_fails_on_its_share_of_the_lines() -> None:
    base, fault = phantom(), make_fault("intermittent-element", phantom(), 0, 0, strength=40.0)
    (element,) = fault.truth.elements
    silent = [~fault.signal(base.lines, n)[:, element].any(axis=1) for n in range(100)]
    assert np.mean(silent) == pytest.approx(0.4, abs=0.03)
    assert not np.array_equal(silent[0], silent[1])


@pytest.mark.parametrize("cut", [25.0, 50.0])
def test_a_cut_readout_keeps_the_middle_columns(cut: float) -> None:
    base, kept = phantom(), round(SIZE * (1 - cut / 100))
    first = SIZE // 2 - kept // 2
    found = images(changed(base, "cut-off", cut)) / np.sqrt(kept / SIZE)
    assert np.allclose(found, images(base.lines)[..., first : first + kept], atol=1e-5)
