"""The shipped smoothing network is what its card says."""

import numpy as np
import onnx
import onnxruntime as ort
import pytest

from engine.package import Package, load_package, trusted_keys
from models.shipped import KEYS, PACKAGES
from models.smooth.network import build


@pytest.fixture(scope="module")
def package() -> Package:
    return load_package(PACKAGES / "smooth", trusted_keys(KEYS))


def smoothed(image: np.ndarray) -> np.ndarray:
    for axis in (-2, -1):
        pad = [(0, 0)] * image.ndim
        pad[axis] = (1, 1)
        wide = np.moveaxis(np.pad(image.astype(np.float64), pad, mode="edge"), axis, -1)
        image = np.moveaxis((wide[..., :-2] + 2 * wide[..., 1:-1] + wide[..., 2:]) / 4, -1, axis)
    return image


def test_the_shipped_network_is_the_built_one(package: Package) -> None:
    assert onnx.load_model_from_string(package.model) == build()
    assert package.parameters == 9


@pytest.mark.parametrize("shape", [(1, 1, 16, 16), (8, 1, 17, 33), (1, 1, 1024, 640)])
def test_it_is_the_binomial_average(package: Package, shape: tuple[int, ...]) -> None:
    image = np.random.default_rng(5).uniform(0, 50, shape).astype(np.float32)
    session = ort.InferenceSession(package.model, providers=["CPUExecutionProvider"])
    (answer,) = session.run(["denoised"], {"image": image})
    np.testing.assert_allclose(answer, smoothed(image), rtol=2e-6, atol=1e-5)


def test_noise_falls_as_the_card_says(package: Package) -> None:
    noise = np.random.default_rng(6).standard_normal((1, 1, 512, 512)).astype(np.float32)
    session = ort.InferenceSession(package.model, providers=["CPUExecutionProvider"])
    (answer,) = session.run(["denoised"], {"image": noise})
    assert answer.std() == pytest.approx(0.375, rel=0.02)


def test_golden_answers_are_right(package: Package) -> None:
    np.testing.assert_allclose(package.golden["denoised"], smoothed(package.golden["image"]), rtol=2e-6, atol=1e-5)


def test_the_card_claims_nothing() -> None:
    assert "not a trained denoiser" in (PACKAGES / "smooth" / "card.md").read_text()
