"""The golden frames of the shipped networks: made from public anatomy, each for a reason."""

import numpy as np
import pytest

from engine.decide.limits import shipped_limits
from engine.package import load_package, trusted_keys
from engine.package.golden import check_golden
from engine.quality import LEARNED
from models.answers import npz_bytes
from models.data.anatomy import Volume, read_anatomy
from models.golden import LEVELS, SOURCES, denoiser_golden, quality_golden
from models.shipped import DENOISER, KEYS, PACKAGES, QUALITY

pytestmark = [pytest.mark.data, pytest.mark.slow]


@pytest.fixture(scope="module")
def volumes() -> list[Volume]:
    from tests.conftest import DATA

    named = {volume.name: volume for volume in read_anatomy(DATA / "anatomy").of("test")}
    return [named[name] for name in SOURCES]


def test_the_denoisers_frames_are_noisy_and_their_truth_is_not(volumes: list[Volume]) -> None:
    package = load_package(PACKAGES / DENOISER, trusted_keys(KEYS))
    made = denoiser_golden(volumes, package)
    check_golden(made, (*package.manifest.inputs, *package.manifest.outputs), "made")
    assert len(npz_bytes(made)) <= 200_000
    for image, answer, truth in zip(made["image"], made["denoised"], made["denoised.truth"], strict=True):
        inside = truth > 0.3 * truth.max()
        before, after = (float(np.std((picture - truth)[inside])) for picture in (image, answer))
        assert 0.7 < before < 1.05, "SNR units: noise sd 1, less near the floor of eight elements"
        assert after < 1.01 * before, "at half a percent there is little to gain"
    assert len(made["image"]) == len(LEVELS) == 4


def test_the_denoisers_frames_reach_from_end_to_end_of_what_it_is_for(volumes: list[Volume]) -> None:
    made = denoiser_golden(volumes, load_package(PACKAGES / DENOISER, trusted_keys(KEYS)))
    # Eight elements have a floor of 3.9: what is above it, squared, is the signal.
    power = np.percentile(made["denoised.truth"], 99.5, axis=(1, 2, 3, 4)) ** 2
    levels = 1 / np.sqrt(power - 15)
    assert levels.min() == pytest.approx(0.005, rel=0.05)
    assert levels.max() == pytest.approx(0.3, rel=0.05)


def test_the_quality_networks_frames_lie_on_both_sides_of_every_limit(volumes: list[Volume]) -> None:
    package = load_package(PACKAGES / QUALITY, trusted_keys(KEYS))
    made = quality_golden(volumes, package)
    check_golden(made, (*package.manifest.inputs, *package.manifest.outputs), "made")
    assert len(npz_bytes(made)) <= 200_000
    probability, distance = made["probability"][:, 0], made["distance"][:, 0, 0]
    for k, kind in enumerate(package.manifest.outputs[0].labels):
        limit = shipped_limits().rows[LEARNED[kind]].detect.value
        assert limit is not None
        off = probability[:, k] - limit
        assert (off > 0.05).any()
        assert (off < -0.3).any()
        assert (np.abs(off) > 0.03).all(), "no verdict hangs on rounding"
        assert (np.abs(off) < 0.15).any(), "and some do not hang high"
    assert (distance > 1.05).any()
    assert (distance < 0.9).sum() >= 5
    assert len(made["image"]) == 9
