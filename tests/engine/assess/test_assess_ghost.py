"""m09: the tangent of half the phase between alternate lines, and nothing else that lies in the air."""

import dataclasses

import numpy as np
import pytest

from engine.acquisition import NOISE_MEASUREMENT
from engine.assess.ghost import ghost_uncorrected, half_view_ghost
from engine.assess.memory import StratumMemory
from engine.assess.view import FrameView
from engine.decide.limits import shipped_limits
from engine.reconstruct.series import Reconstruction
from engine.types import Verdict
from models.simulate.anatomy import anatomy_base
from models.simulate.base import images, kspace
from models.simulate.series import simulate_series
from tests.engine.assess.series import BRAIN
from tests.engine.reconstruct.reconstruct_cases import StepClock, feed, make_readouts, make_scan, only
from tests.engine.reconstruct.test_reconstruct_epi_real import REAL, real_frame

GHOSTS = [1.15, 2.29, 3.44, 5.72, 10.0, 20.0]
"""Degrees between alternate lines: ghosts of 1, 2, 3, 5, 8.7 and 17.6 %."""


def ellipse(height=128, width=128, tall=0.6, wide=0.7):
    y, x = np.arange(height)[:, None] - height // 2, np.arange(width) - width // 2
    inside = (2 * y / (tall * height)) ** 2 + (2 * x / (wide * width)) ** 2 < 1
    return 1000 * inside * (1 + 0.3 * np.cos(x / 5) + 0.2 * np.cos(y / 3))


PHANTOM = anatomy_base(ellipse())


def alternating(lines, degrees, delay=0.0):
    """Alternate lines differ by this phase, and by `delay` samples along the readout."""
    sign = (-1.0) ** np.arange(len(lines))[:, None, None]
    hybrid = np.fft.fftshift(np.fft.ifft(np.fft.ifftshift(lines, axes=2), axis=2), axes=2)
    x = np.arange(lines.shape[2]) - lines.shape[2] // 2
    hybrid = hybrid * np.exp(0.5j * sign * (np.deg2rad(degrees) + 2 * np.pi * delay * x / len(x)))
    return np.fft.fftshift(np.fft.fft(np.fft.ifftshift(hybrid, axes=2), axis=2), axes=2).astype(np.complex64)


def view_of(base, seed=0, *, noise_scan=True, lines=None, sent=None):
    """The base's frame with fresh noise, through the reconstruction; `lines` in place of its own."""
    base = base if lines is None else dataclasses.replace(base, lines=lines)
    series = simulate_series(base, 1, seed)
    frame = next(series.frames)
    count, _, samples = frame.lines.shape
    kept = slice(sent)
    batches = [make_readouts(series.noise_readouts, [0] * len(series.noise_readouts), NOISE_MEASUREMENT)]
    batches.append(make_readouts(frame.lines[kept], frame.numbers[kept]))
    reconstruction = Reconstruction(make_scan(encoded=(samples, count)), StepClock())
    done = only(feed(reconstruction, batches if noise_scan else batches[1:]))
    return FrameView(done.kspace, done.frame)


def measured(*args, **more):
    return half_view_ghost(view_of(*args, **more), StratumMemory())


@pytest.mark.parametrize("degrees", GHOSTS)
def test_a_phantoms_ghost_reads_the_tangent_of_half_the_phase(degrees):
    truth = 100 * np.tan(np.deg2rad(degrees) / 2)
    for seed in range(10):
        found = measured(PHANTOM, seed, lines=alternating(PHANTOM.lines, degrees * (-1) ** seed))
        assert found.value == pytest.approx(truth, rel=0.1)
        assert not found.estimated


@pytest.mark.parametrize("degrees", GHOSTS)
def test_a_real_brains_ghost_reads_the_tangent_too(degrees):
    """The scan has a ghost of half a percent of its own, which one sign adds to and the other takes from."""
    truth = 100 * np.tan(np.deg2rad(degrees) / 2)
    for seed in range(5):
        both = [measured(BRAIN.base, seed, lines=alternating(BRAIN.base.lines, s * degrees)).value for s in (1, -1)]
        assert np.mean(both) == pytest.approx(truth, rel=0.1)
        assert both == pytest.approx([truth, truth], rel=0.1, abs=0.75)


@pytest.mark.parametrize("delay", [0.1, 0.3])
def test_a_delay_of_alternate_readouts_reads_what_it_leaves_in_the_image(delay):
    x = np.arange(128) - 64
    power = (np.abs(images(PHANTOM.lines)) ** 2).sum(axis=1)
    copied = np.roll(power, 64, axis=0) * (power < 1e-6 * power.max())
    truth = 100 * np.sqrt((copied.sum(axis=0) * np.tan(np.pi * delay * x / 128) ** 2).sum() / copied.sum())
    for seed in range(5):
        found = measured(PHANTOM, seed, lines=alternating(PHANTOM.lines, 0.0, delay))
        assert found.value == pytest.approx(truth, rel=0.1)


def test_it_grows_with_the_phase_up_to_copies_as_bright_as_the_object():
    for base in (PHANTOM, BRAIN.base):
        values = [measured(base, lines=alternating(base.lines, degrees)).value for degrees in (0, 2, 5, 10, 20, 40)]
        assert values == sorted(values)
        for degrees in (60, 80, 100):
            assert measured(base, lines=alternating(base.lines, degrees)).value > 30


CLEAN = {
    "brain": BRAIN.base,
    "phantom": PHANTOM,
    "small bright object": anatomy_base(ellipse(tall=0.3, wide=0.3), snr=100),
    "noisy": anatomy_base(ellipse(tall=0.75), coils=4, snr=8),
    "odd size": anatomy_base(ellipse(121, 130), coils=2),
    "one coil": anatomy_base(ellipse(), coils=1, snr=30),
}


@pytest.mark.parametrize("case", CLEAN)
def test_clean_frames_are_silent(case):
    limits = shipped_limits()
    for seed in range(50):
        found = measured(CLEAN[case], seed)
        assert found.value < 2
        assert limits.judge(found).severity is Verdict.OK


def test_a_number_of_lines_that_is_odd_makes_no_difference():
    base = CLEAN["odd size"]
    found = measured(base, lines=alternating(base.lines, 5.72))
    assert found.value == pytest.approx(5.0, rel=0.1)


@pytest.mark.parametrize("noise_scan", [True, False])
def test_it_needs_no_noise_scan(noise_scan):
    found = measured(PHANTOM, lines=alternating(PHANTOM.lines, 5.72), noise_scan=noise_scan)
    assert found.value == pytest.approx(5.0, rel=0.1)


@pytest.mark.parametrize("coils", [1, 16])
def test_another_object_where_the_ghost_would_be_is_none(coils):
    picture = ellipse()
    picture[100:126, 40:90] += 250 * (1 + np.random.default_rng(2).random((26, 50)))
    base = anatomy_base(picture, coils=coils)
    rng = np.random.default_rng(3)
    phases = np.exp(1j * np.cumsum(rng.normal(0, 0.7, (26, 1, 50)), axis=0))
    picture = images(base.lines)
    picture[100:126, :, 40:90] *= phases
    assert measured(base, lines=kspace(picture)).value < 2


def test_a_pulsating_vessel_is_none():
    """Intensity that changes from line to line at random throws copies all along the phase direction."""
    vessel = images(PHANTOM.lines)
    vessel[:60], vessel[64:], vessel[:, :, :60], vessel[:, :, 64:] = 0, 0, 0, 0
    beat = np.random.default_rng(4).normal(0, 2, (128, 1, 1))
    found = measured(PHANTOM, lines=PHANTOM.lines + (beat * kspace(vessel)).astype(np.complex64))
    assert found.impact > 5
    assert found.value < 2


@pytest.mark.parametrize(
    ("base", "more", "why"),
    [
        (anatomy_base(ellipse(tall=1.5, wide=1.5)), {}, "object_fills_view"),
        (anatomy_base(ellipse(tall=0.99, wide=0.9)), {}, ""),
        (PHANTOM, {"sent": 100}, "incomplete"),
        (anatomy_base(ellipse(), snr=2.0), {}, "low_snr"),
    ],
)
def test_where_it_cannot_know_it_says_why(base, more, why):
    found = measured(base, **more)
    assert found.why_missing == why
    assert found.value is None or found.value < 2


def test_the_box_holds_the_brighter_part_of_the_ghost():
    picture = np.zeros((128, 128))
    picture[20:60, 30:90] = ellipse(40, 60, 2, 2)
    base = anatomy_base(picture)
    left, top, right, bottom = measured(base, lines=alternating(base.lines, 5.72)).where.box
    assert (left, right) == pytest.approx((30, 90), abs=2)
    assert (top, bottom) == pytest.approx((84, 124), abs=2)


def test_without_navigators_an_echo_planar_ghost_is_marked_as_possibly_ours():
    view = view_of(PHANTOM, lines=alternating(PHANTOM.lines, 20.0))
    frame = dataclasses.replace(view.frame, reservations=("phase_not_corrected",))
    found = half_view_ghost(FrameView(view.kspace, frame), StratumMemory())
    assert found.estimated
    assert shipped_limits().judge(found).severity is Verdict.WARN
    assert shipped_limits().judge(half_view_ghost(view, StratumMemory())).severity is Verdict.RESCAN


def test_what_no_navigator_corrected_has_no_figure_before_correction():
    assert ghost_uncorrected(view_of(PHANTOM), StratumMemory()).why_missing == "no_phase_correction"


@pytest.mark.data
@pytest.mark.parametrize("name", REAL)
def test_real_trains(data_dir, name):
    """The impact is the index's figure, before and after correction. The ghost itself is smaller where the index's
    figure holds noise, dim parts of the object or a second object: after correction all are below the rescan limit."""
    _, uncorrected, corrected = REAL[name]
    plain, done = (real_frame(data_dir, name, known=True, corrected=c) for c in (False, True))
    views = FrameView(plain.kspace, plain.frame), FrameView(done.kspace, done.frame)
    before, after = (half_view_ghost(view, StratumMemory()) for view in views)
    undone = ghost_uncorrected(views[1], StratumMemory())
    assert before.impact / 100 == pytest.approx(uncorrected, rel=0.05)
    assert undone.impact / 100 == pytest.approx(uncorrected, rel=0.06)
    assert after.impact / 100 == pytest.approx(corrected, rel=0.25)
    assert undone.value == pytest.approx(before.value, rel=0.3)
    assert after.value < 5
    assert (before.value > 10) == (uncorrected > 0.1)


@pytest.mark.data
@pytest.mark.parametrize(
    "name", ["usc_stroke/stroke_t2", "singles/cspine_0p5t", "prostate_t2/px0000_pdref"], ids=["head", "neck", "pelvis"]
)
def test_one_element_sees_no_ghost_in_clean_anatomy(data_dir, name):
    """Dim tissue where the copy falls is like it by chance, which a single element does not average out."""
    volume = np.load(data_dir / "anatomy" / f"{name}.npz")["img"]
    image = np.pad(volume[:, :, volume.shape[2] // 2].astype(float), 20)
    found = measured(anatomy_base(image, coils=1, snr=100))
    assert shipped_limits().judge(found).severity is Verdict.OK
