"""What a denoising network may take away: noise passes, erased structure does not."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from numpy.typing import NDArray
from scipy.ndimage import gaussian_filter, zoom

from engine.residual import why_not_noise
from models.data.noise import expected_magnitude

Y, X = np.mgrid[-1:1:120j, -1:1:132j]
HEAD = np.where(Y**2 + 1.2 * X**2 < 0.7, 1.0 + 0.3 * np.sin(7 * X) * np.cos(5 * Y), 0.02) * (
    np.hypot(Y - 0.1, X + 0.3) > 0.12
)
FROM_CENTRE = np.hypot(60 - np.arange(120)[:, None], 66 - np.arange(132))


def noise_of(shape: tuple[int, ...], seed: int) -> NDArray[np.float64]:
    """Bounded as a network's change is."""
    return np.clip(np.random.default_rng(seed).standard_normal(shape), -3, 3)


def magnitudes(truth: NDArray[np.float64], coils: int, seed: int) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Root sum of squares of `coils` elements with noise of sd 1, and its mean."""
    noise = np.random.default_rng(seed).standard_normal((2 * coils, *truth.shape))
    noise[0] += truth
    return np.sqrt((noise**2).sum(0)), expected_magnitude(truth, coils).astype(np.float64)


def judged(image: NDArray[np.float64], answer: NDArray[np.float64]) -> str:
    """The words for one plane, the change capped as the network does it."""
    answer = image - np.clip(image - answer, -3, 3)
    return why_not_noise(image[None].astype(np.float32), answer[None].astype(np.float32))


@pytest.mark.parametrize("coils", [1, 8])
@pytest.mark.parametrize("signal", [5.0, 30.0, 200.0])
def test_a_perfect_denoiser_passes(coils: int, signal: float) -> None:
    image, mean = magnitudes(signal * HEAD, coils, 3)
    assert judged(image, mean) == ""
    assert judged(image, 0.4 * image + 0.6 * mean) == ""


@given(
    y=st.integers(1, 70), x=st.integers(1, 70), seed=st.integers(0, 1000), level=st.sampled_from([0.0, 20.0, 10000.0])
)
def test_noise_passes_at_any_size(y: int, x: int, seed: int, level: float) -> None:
    # What is left behind is flat: with edges in so few pixels nothing is known about them.
    noise = noise_of((2, y, x), seed).astype(np.float32)
    answer = np.full_like(noise, level)
    if np.mean(noise**2, axis=(1, 2)).max() < 1.1:
        assert why_not_noise(answer + noise, answer) == ""


def test_nothing_removed_passes() -> None:
    image = (50 * HEAD).astype(np.float32)[None]
    assert why_not_noise(image, image) == ""


def test_a_pixel_changed_too_much_is_named() -> None:
    image = np.full((2, 40, 40), 20, np.float32)
    answer = image.copy()
    answer[1, 5, 5] -= 3.0
    assert why_not_noise(image, answer) == ""
    answer[1, 5, 5] -= 0.1
    assert why_not_noise(image, answer) == "change_too_large"
    assert why_not_noise(image, 2 * image - answer) == "change_too_large"
    answer[1, 5, 5] = np.nan
    assert why_not_noise(image, answer) == "change_too_large"


def test_more_than_the_noise_is_named_where_it_was_in_the_frame() -> None:
    noise = noise_of((1, 128, 128), 5).astype(np.float32)
    answer = np.full_like(noise, 30)
    image = answer + noise
    assert why_not_noise(image, answer) == ""
    everywhere = np.clip(image + 0.25 * noise, 27, 33)
    assert why_not_noise(everywhere, answer) == "removed_too_much"
    checks = np.where(np.indices((16, 16)).sum(0) % 2, 2.0, -2.0).astype(np.float32)  # no window sees it
    patch = image.copy()
    patch[0, 40:56, 72:88] = answer[0, 40:56, 72:88] + checks
    assert why_not_noise(patch, answer) == "removed_too_much"


def test_texture_of_the_air_is_no_loss_but_an_object_in_it_is() -> None:
    noise = noise_of((1, 128, 128), 6).astype(np.float32)
    answer = np.full_like(noise, 2)
    answer[0, 40:90, 40:90] = 60
    ghosts = np.where(np.indices(noise.shape).sum(0) % 2, 1.2, -1.2).astype(np.float32) * (answer == 2)
    removed = np.clip(noise * np.where(answer == 2, 0.7, 1), -1.8, 1.8) + ghosts
    assert float(np.mean(removed[answer == 2] ** 2)) > 1.7
    assert why_not_noise(answer + removed, answer) == ""
    removed[0, 10:16, 10:16] = 2
    assert why_not_noise(answer + removed, answer) == "structure_removed"
    answer[0, 96:, :64] = 20
    for level in (20, 60):
        lost = np.clip(1.5 * noise, -3, 3) * (answer == level)
        assert why_not_noise(answer + lost, answer) == "removed_too_much"


@pytest.mark.parametrize("signal", [50.0, 100.0])
@pytest.mark.parametrize("width", [0.7, 1.0])
def test_blurred_edges_are_named(signal: float, width: float) -> None:
    image, mean = magnitudes(signal * HEAD, 8, 7)
    assert judged(image, gaussian_filter(image, width)) in {"structure_removed", "removed_too_much"}
    assert judged(image, gaussian_filter(mean, width)) in {"structure_removed", "removed_too_much"}


def test_edges_that_lose_energy_are_named_although_no_patch_does() -> None:
    image, mean = magnitudes(12 * HEAD, 8, 7)
    assert judged(image, gaussian_filter(mean, 0.8)) == "structure_removed"


@pytest.mark.parametrize("axis", [0, 1])
def test_edges_count_in_either_direction(axis: int) -> None:
    truth = 30 + 4 * np.sign(np.sin(np.indices((128, 128))[axis] / 12.0))
    noise = 0.6 * noise_of(truth.shape, 4)
    assert judged(truth + noise, truth) == ""
    assert judged(truth + noise, gaussian_filter(truth, 0.7)) == "structure_removed"


@pytest.mark.parametrize("seed", range(20))
def test_the_noise_of_a_few_edge_pixels_is_no_structure(seed: int) -> None:
    answer = np.full((64, 64), 20.0)
    answer[30:32, 40:42] = 90
    assert judged(answer + 0.99 * noise_of(answer.shape, seed), answer) == ""


@pytest.mark.parametrize(("across", "contrast"), [(5, 2.5), (10, 1.2)])
@pytest.mark.parametrize("removed_noise", [1.0, 0.3])
@pytest.mark.parametrize("sign", [1, -1])
def test_an_erased_lesion_is_named(across: float, contrast: float, removed_noise: float, sign: int) -> None:
    noise = noise_of(HEAD.shape, 9)
    lesion = sign * contrast * (across / 2 >= FROM_CENTRE)
    answer = 30 * HEAD + (1 - removed_noise) * noise
    image = 30 * HEAD + noise + lesion
    assert judged(image, answer) == "structure_removed"
    assert judged(image, answer + lesion) == ""


def test_noise_of_an_interpolated_image_passes() -> None:
    coarse = np.random.default_rng(2).standard_normal((80, 80))
    noise = zoom(coarse, 2, order=3)
    noise = np.clip(noise / noise.std(), -3, 3)
    answer = np.full_like(noise, 25.0)
    assert judged(answer + noise, answer) == ""
    lesion = np.zeros_like(noise)
    lesion[70:82, 70:82] = 2.5
    assert judged(answer + noise + lesion, answer) != ""
