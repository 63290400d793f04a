import numpy as np
import pytest

from engine.reconstruct.transform import image_from_kspace, kspace_from_image


@pytest.mark.parametrize("size", [1, 2, 7, 8, 15, 64])
def test_a_point_at_the_centre_of_k_space_is_a_constant_image(size):
    kspace = np.zeros(size, np.complex64)
    kspace[size // 2] = 1
    assert np.allclose(image_from_kspace(kspace, (0,)), 1 / np.sqrt(size), atol=1e-7)


@pytest.mark.parametrize("size", [2, 7, 8, 15, 64])
@pytest.mark.parametrize("k", [-1, 1, 2])
def test_a_point_beside_the_centre_is_the_plane_wave_of_its_frequency(size, k):
    kspace = np.zeros(size, np.complex128)
    kspace[(size // 2 + k) % size] = 1
    x = np.arange(size) - size // 2
    assert np.allclose(image_from_kspace(kspace, (0,)), np.exp(2j * np.pi * k * x / size) / np.sqrt(size))


@pytest.mark.parametrize("shape", [(7, 8), (8, 8), (9, 5)])
def test_the_pair_is_its_own_inverse_and_keeps_energy_and_precision(shape):
    rng = np.random.default_rng(1)
    image = (rng.standard_normal((3, *shape)) + 1j * rng.standard_normal((3, *shape))).astype(np.complex64)
    kspace = kspace_from_image(image, (1, 2))
    assert kspace.dtype == np.complex64
    assert np.allclose(image_from_kspace(kspace, (1, 2)), image, atol=1e-6)
    assert np.linalg.norm(kspace) == pytest.approx(np.linalg.norm(image), rel=1e-6)


@pytest.mark.parametrize("size", [7, 8])
def test_it_is_the_sum_of_its_definition(size):
    rng = np.random.default_rng(2)
    kspace = rng.standard_normal(size) + 1j * rng.standard_normal(size)
    n = np.arange(size) - size // 2
    matrix = np.exp(2j * np.pi * np.outer(n, n) / size) / np.sqrt(size)
    assert np.allclose(image_from_kspace(kspace, (0,)), matrix @ kspace)
    assert np.allclose(kspace_from_image(kspace, (0,)), matrix.conj() @ kspace)
