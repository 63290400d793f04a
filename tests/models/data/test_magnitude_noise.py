"""Magnitude noise against coil images with complex noise, and against scipy's own distribution."""

import numpy as np
import pytest
from scipy import stats

from models.data.noise import expected_magnitude, noisy_magnitude


@pytest.mark.parametrize("coils", [1, 2, 8, 32])
@pytest.mark.parametrize("signal", [0.0, 2.0, 12.0])
def test_it_is_the_noise_of_a_root_sum_of_squares(coils: int, signal: float) -> None:
    random = np.random.default_rng(7)
    count = 4000
    parts = random.standard_normal((2, coils, count))
    spread = random.dirichlet(np.ones(coils))  # however the signal is shared among the elements
    images = signal * np.sqrt(spread)[:, None] + parts[0] + 1j * parts[1]
    truth = np.sqrt((np.abs(images) ** 2).sum(axis=0))
    made = noisy_magnitude(np.full(count, signal, np.float32), coils, random)
    assert stats.ks_2samp(truth, made).pvalue > 1e-3


@pytest.mark.parametrize("coils", [1, 2, 4, 16, 32])
def test_the_expected_magnitude_is_the_mean_of_the_distribution(coils: int) -> None:
    for signal in (0.0, 0.5, 3.0, 15.0, 29.9, 30.1, 60.0):
        power = stats.ncx2(2 * coils, signal**2) if signal else stats.chi2(2 * coils)
        mean = power.expect(np.sqrt, lb=max(power.ppf(1e-13), 0), ub=power.ppf(1 - 1e-13), epsabs=1e-9, limit=200)
        assert expected_magnitude(np.array([signal]), coils)[0] == pytest.approx(mean, rel=2e-4)


def test_the_same_seed_draws_the_same_and_leaves_the_signal_alone() -> None:
    signal = np.full((5, 6), 3.0, np.float32)
    one, two = (noisy_magnitude(signal, 4, np.random.default_rng(1)) for _ in range(2))
    np.testing.assert_array_equal(one, two)
    assert (signal == 3).all()
    assert one.dtype == np.float32
