"""m17: the ringing of truncated k-space reads its share, a filter takes it away, structure is not mistaken for it."""

import numpy as np
import pytest
from scipy.special import j1

from engine.assess.memory import StratumMemory
from engine.assess.ringing import OVERSHOOT, gibbs_ringing, ringing
from tests.engine.assess.views import DISC, phantom, views

SIZE = 128


def ellipse_kspace(size: int = SIZE, shift: tuple[float, float] = (1.3, -2.6)) -> np.ndarray:
    """`[ky, kx]` of a sharp ellipse of height 1, exact (a Bessel function), k = 0 in the middle."""
    half_y, half_x = 0.35 * size, 0.3 * size
    k = np.arange(size) - size // 2
    radius = 2 * np.pi * np.hypot(k[:, None] * half_y / size, k[None] * half_x / size)
    with np.errstate(invalid="ignore", divide="ignore"):
        shape = np.where(radius > 0, j1(radius) / radius, 0.5) * 2 * np.pi * half_y * half_x
    return shape * np.exp(-2j * np.pi * (k[:, None] * shift[0] + k[None] * shift[1]) / size)


def pedestal(share: float, size: int = SIZE) -> np.ndarray:
    """A raised cosine that leaves `share` of k-space's strength at its ends: that much of the ringing is left."""
    window = share + (1 - share) * (0.5 + 0.5 * np.cos(2 * np.pi * (np.arange(size) - size // 2) / size))
    return np.outer(window, window)


def image(kspace: np.ndarray, pixels: int, noise: float, seed: int) -> np.ndarray:
    """`[y, x]` of `pixels` x `pixels`, zero-filled, height 100."""
    before = (pixels - len(kspace)) // 2
    filled = np.pad(kspace, (before, pixels - len(kspace) - before))
    plain = np.abs(np.fft.fftshift(np.fft.ifft2(np.fft.ifftshift(filled)))) * (pixels / len(kspace)) ** 2
    rng = np.random.default_rng(seed)
    return (100 * plain + noise * rng.standard_normal(plain.shape)).astype(np.float32)


def test_the_overshoot_is_that_of_a_square_wave() -> None:
    """Independent: the partial sum of the Fourier series, which is where the figure comes from."""
    x, terms = np.linspace(1e-4, 0.05, 4000), 2 * np.arange(400) + 1
    wave = (4 / np.pi) * (np.sin(np.pi * x[:, None] * terms) / terms).sum(axis=1)
    assert 100 * (wave.max() - 1) / 2 == pytest.approx(OVERSHOOT, abs=0.01)


@pytest.mark.parametrize("pixels", [128, 192, 256])
@pytest.mark.parametrize("share", [1.0, 0.6, 0.3, 0.0])
def test_ringing_reads_what_the_filter_left(pixels: int, share: float) -> None:
    kspace = ellipse_kspace() * pedestal(share)
    found = [ringing(image(kspace, pixels, 1.0, seed), pixels / SIZE, 50.0) for seed in range(10)]
    assert np.mean(found) == pytest.approx(share, rel=0.1, abs=0.06)
    assert np.std(found) < 0.1


def test_structure_beside_the_edges_hides_it() -> None:
    rng = np.random.default_rng(0)
    texture = image(ellipse_kspace(), SIZE, 1.0, 0) * (1 + 0.5 * rng.standard_normal((SIZE, SIZE)))
    assert ringing(texture.astype(np.float32), 1.0, 50.0) is None


def test_an_image_without_edges_has_no_figure() -> None:
    assert ringing(np.full((64, 64), 50, np.float32), 1.0, 20.0) is None


def test_the_row_reads_a_sharp_phantom_and_not_a_smooth_one() -> None:
    sharp = phantom(np.abs(image(ellipse_kspace(), SIZE, 0.0, 0)).astype(float))
    found = [gibbs_ringing(next(views(sharp, 1, seed)), StratumMemory()) for seed in range(10)]
    # The stronger of two axes: half a standard deviation above the mean of one.
    assert np.mean([m.value for m in found]) == pytest.approx(OVERSHOOT, rel=0.15)
    assert gibbs_ringing(next(views(DISC, 1, 0)), StratumMemory()).value < 0.25 * OVERSHOOT
