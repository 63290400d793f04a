"""The shipped denoiser's pictures are shown: it takes away noise and nothing else."""

import numpy as np
import pytest

from benchmarks.denoiser_methods import OURS, Image, packaged
from engine.denoise import in_noise_units
from engine.residual import why_not_noise
from firmware.clock import SystemClock
from firmware.offline import judge_source
from firmware.sources.mrd_file import MrdFile
from firmware.sources.simulated import SimulatedScan, load_scan
from models.data.noise import expected_magnitude, noisy_magnitude
from models.scans import BRAIN16

Y, X = np.mgrid[-1:1:200j, -1:1:181j]
HEAD = np.where(Y**2 + 1.2 * X**2 < 0.8, 0.7 + 0.3 * np.sin(7 * X) * np.cos(5 * Y), 0.0) * (np.hypot(Y, X + 0.4) > 0.15)


def denoised(image: Image) -> Image:
    return packaged(OURS)(image)


@pytest.mark.parametrize("coils", [1, 8, 32])
@pytest.mark.parametrize("signal", [4.0, 10.0, 30.0, 100.0])
def test_a_drawn_head_is_shown_and_closer_to_its_truth(signal: float, coils: int) -> None:
    clean = (signal * HEAD).astype(np.float32)
    noisy, truth = noisy_magnitude(clean, coils, np.random.default_rng(1)), expected_magnitude(clean, coils)
    answer = denoised(noisy)
    assert why_not_noise(noisy[None], answer[None]) == ""
    assert np.std(answer - truth) < 0.45 * np.std(noisy - truth)


@pytest.mark.parametrize("noisier", [False, True])
def test_the_bundled_brain_is_shown(noisier: bool) -> None:
    source = SimulatedScan(load_scan(BRAIN16), 2, 1) if noisier else MrdFile(BRAIN16)
    for frame in judge_source(source, SystemClock()).frames:
        assert frame.image is not None
        image = in_noise_units(frame.image)
        assert image is not None
        assert why_not_noise(image, denoised(image[0])[None]) == ""
