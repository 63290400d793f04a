"""The rows on frames that were not sampled plainly: averaged, partial, zero-filled, oversampled, tiny or asymmetric."""

import math
from dataclasses import replace

import numpy as np
import pytest

from engine.acquisition import NOISE_MEASUREMENT
from engine.assess.assessor import Assessor
from engine.assess.coil import coil_element
from engine.assess.consistency import line_consistency
from engine.assess.displacement import displacement
from engine.assess.memory import StratumMemory
from engine.assess.motion import motion_ghost
from engine.assess.spike import rf_spike
from engine.assess.uniformity import uniformity
from engine.assess.view import FrameView
from engine.assess.wrap import wrap
from engine.decide.decider import Decider
from engine.decide.limits import shipped_limits
from engine.reconstruct.series import Reconstructed, Reconstruction
from engine.types import CounterLimits, Verdict
from models.simulate.anatomy import anatomy_base
from models.simulate.series import NoiseGenerator
from tests.engine.reconstruct.reconstruct_cases import StepClock, make_readouts, make_scan

LIMITS = shipped_limits()
SIZE = 96


def disc(height: int, width: int, tall: float = 0.6) -> np.ndarray:
    y, x = np.arange(height)[:, None] - height // 2, np.arange(width) - width // 2
    inside = (2 * y / (tall * height)) ** 2 + (2 * x / (0.7 * width)) ** 2 < 1
    return 1000 * inside * (1 + 0.3 * np.cos(25 * x / width) + 0.2 * np.cos(40 * y / height))


def frames(
    image=None, frames=1, *, seed=0, coils=8, snr=40.0, lines=None, samples=None, averages=1, noise_scan=True,
    change=lambda data, frame: data, **scan,
):  # fmt: skip
    """Views of frames of `image`, of which the `lines` and `samples` of these ranges are acquired."""
    base = anatomy_base(disc(SIZE, SIZE) if image is None else image, coils=coils, snr=snr)
    height, _, width = base.lines.shape
    first, last = lines or (0, height)
    kept = slice(*(samples or (0, width)))
    noise = NoiseGenerator(base.covariance, np.random.default_rng(seed))
    limits = {
        "kspace_encoding_step_1": CounterLimits(first, last - 1, height // 2),
        "average": CounterLimits(0, averages - 1),
    }
    header = make_scan(encoded=(width, height), limits=limits, **scan)
    reconstruction = Reconstruction(header, StepClock())
    if noise_scan:
        list(reconstruction.add(make_readouts(noise.draw(256, width)[..., kept], [0] * 256, NOISE_MEASUREMENT)))
    for frame in range(frames):
        for average in range(averages):
            data = change(base.lines + noise.draw(height, width), frame)[first:last, :, kept]
            batch = make_readouts(
                np.ascontiguousarray(data, np.complex64), range(first, last), repetition=frame, average=average,
                center_sample=width // 2 - kept.start,
            )  # fmt: skip
            for done in reconstruction.add(batch):
                assert isinstance(done, Reconstructed)
                done = reconstruction.with_noise(done)
                yield FrameView(done.kspace, done.frame, header)
                reconstruction.release(done.kspace)


SAMPLED = {
    "averaged": {"averages": 2},
    "three quarters of the lines": {"lines": (SIZE // 4, SIZE)},
    "zero-filled": {"recon": (2 * SIZE, 2 * SIZE), "encoded_mm": (256.0, 256.0)},
    "asymmetric echo": {"samples": (24, SIZE)},
}


@pytest.mark.parametrize("how", SAMPLED.values(), ids=SAMPLED)
def test_estimated_noise_has_the_unit_of_measured_noise(how) -> None:
    known, estimated = next(frames(**how)), next(frames(**how, noise_scan=False))
    assert known.power[known.air].mean() == pytest.approx(2 * known.coils, rel=0.05)
    assert estimated.power[estimated.air].mean() == pytest.approx(2 * known.coils, rel=0.2)
    assert estimated.signal == pytest.approx(known.signal, rel=0.1)


@pytest.mark.parametrize("how", SAMPLED.values(), ids=SAMPLED)
def test_a_stripe_is_as_large_as_the_spike_alone_makes_it(how) -> None:
    def spike(data, frame):
        del frame
        hit = np.zeros_like(data)
        hit[70, :, 70] = 40 * np.sqrt(anatomy_base(disc(SIZE, SIZE), coils=8).covariance.diagonal().real)
        return hit if alone else data + hit

    alone = True
    stripe = float(np.median(next(frames(**how, change=spike)).frame.data))
    alone = False
    view = next(frames(**how, change=spike))
    found = rf_spike(view, StratumMemory())
    assert found.where.lines == (70,)
    assert found.impact == pytest.approx(100 * stripe / view.signal, rel=0.1)


@pytest.mark.parametrize("lines", [(16, SIZE), (36, SIZE)], ids=["5/6", "5/8"])
def test_unacquired_lines_do_not_blunt_the_consistency(lines) -> None:
    memory = StratumMemory()
    *_, found = [line_consistency(view, memory) for view in frames(frames=2, lines=lines, snr=150)]
    assert found.detect_limit < 1.8


def test_a_strongly_asymmetric_echo_is_compared_too() -> None:
    def moved(data, frame):
        return data * np.exp(-2j * np.pi * frame * (np.arange(SIZE) - SIZE // 2) / SIZE)

    memory = StratumMemory()
    *_, found = [displacement(view, memory) for view in frames(frames=2, samples=(40, SIZE), change=moved)]
    assert found.value == pytest.approx(256 / SIZE, rel=0.1)


def test_an_echo_at_the_edge_has_no_kernel_and_says_so() -> None:
    (view,) = frames(samples=(SIZE // 2 - 1, SIZE))
    assert line_consistency(view, StratumMemory()).why_missing == "echo_at_the_edge"


def test_where_no_sample_can_be_looked_at_for_spikes_the_frame_is_not_ok() -> None:
    (view,) = frames(disc(16, 16))
    measurements = Assessor(view.scan).measure(Reconstructed(view.kspace, view.frame))
    assert next(m for m in measurements if m.row == "m06").why_missing == "too_few_samples"
    assert Decider(view.scan).frame(view.frame, measurements).verdict is Verdict.CANNOT_JUDGE


def test_anatomy_at_both_ends_of_an_oversampled_view_is_no_wrap() -> None:
    (view,) = frames(disc(2 * SIZE, SIZE), recon=(SIZE, SIZE), encoded_mm=(256.0, 512.0))
    assert view.foreground[0].any()
    assert view.foreground[-1].any(), "the object reaches both ends of the image, not of what was encoded"
    assert wrap(view, StratumMemory()).why_missing == "phase_oversampled"


@pytest.mark.parametrize("how", [{}, SAMPLED["zero-filled"]], ids=["plain", "zero-filled"])
def test_weak_clean_frames_have_no_motion(how) -> None:
    deviations = []
    for seed in range(8):
        memory = StratumMemory()
        for view in frames(frames=12, seed=seed, snr=14, **how):
            found = motion_ghost(view, memory)
            assert LIMITS.judge(found).severity in (Verdict.OK, Verdict.CANNOT_JUDGE), (seed, view.frame.number, found)
            if found.value:
                deviations.append(4.5 * (found.value / found.detect_limit) ** 2)
    assert np.sqrt(np.mean(np.square(deviations))) == pytest.approx(1, abs=0.3)


@pytest.mark.parametrize("snr", [11, 40])
@pytest.mark.parametrize("coils", [1, 8, 32])
def test_the_object_is_the_same_for_any_number_of_elements(coils: int, snr: float) -> None:
    truth = disc(SIZE, SIZE) > 0
    (view,) = frames(1000 * truth, coils=coils, snr=snr)
    assert view.foreground is not None
    assert view.foreground.mean() == pytest.approx(truth.mean(), rel=0.1)
    assert view.signal == pytest.approx(snr, rel=0.1)


def test_a_dim_part_that_comes_and_goes_is_no_shading() -> None:
    image = disc(SIZE, SIZE)
    image[:, : SIZE // 2] *= 0.6
    first, second = frames(image, frames=2, snr=60)
    first.thinned_object = first.thinned_object.copy()
    first.thinned_object[:, : SIZE // 4] = False
    memory = StratumMemory()
    uniformity(first, memory)
    assert uniformity(second, memory).impact < 3  # 7 % where each is smoothed within its own object


def test_silence_has_no_noise_level() -> None:
    (view,) = frames()
    quiet = replace(view.kspace.noise, covariance=np.zeros((8, 8), np.complex128))
    measured = Assessor(view.scan).measure(Reconstructed(replace(view.kspace, noise=quiet), view.frame))
    assert next(m for m in measured if m.row == "m03").why_missing == "no_noise"


def test_an_object_that_was_not_placed_does_not_count_as_still() -> None:
    memory = StratumMemory()
    (view,) = frames()
    view.kspace = replace(view.kspace, completeness=replace(view.kspace.completeness, missing=(3,)))
    assert displacement(view, memory).why_missing == "incomplete"
    assert math.isinf(memory.moved_pixels)
    assert coil_element(view, memory).why_missing == "first_frame_incomplete"
