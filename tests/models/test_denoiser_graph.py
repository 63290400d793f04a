"""The denoiser's ONNX graph against a plain implementation, at odd and even sizes, and its bounds."""

from pathlib import Path

import numpy as np
import onnx
import onnxruntime as ort
import pytest
from numpy.typing import NDArray
from scipy.signal import correlate

from engine.package.graph import check_graph
from engine.package.manifest import read_manifest
from models.denoiser import graph
from models.denoiser.graph import build
from models.denoiser.shape import BLOCKS, CHANNELS, FLOOR, MOST_CHANGE, NOISE_GAIN

Array = NDArray[np.float64]


def random_weights(seed: int, tail: float = 0.05) -> dict[str, NDArray[np.float32]]:
    random = np.random.default_rng(seed)
    sizes = {"head": (CHANNELS, 5), "tail": (4, CHANNELS)}
    sizes |= {f"body.{number}": (CHANNELS, CHANNELS) for number in range(2 * BLOCKS)}
    weights = {}
    for name, (out, taken) in sizes.items():
        scale = tail if name == "tail" else 1 / np.sqrt(9 * taken)
        weights[f"{name}.weight"] = (scale * random.standard_normal((out, taken, 3, 3))).astype(np.float32)
        weights[f"{name}.bias"] = (0.1 * random.standard_normal(out)).astype(np.float32)
    return weights


def convolved(x: Array, weights: dict[str, NDArray[np.float32]], name: str) -> Array:
    kernel, bias = weights[f"{name}.weight"], weights[f"{name}.bias"]
    planes = [sum(correlate(c, k, "same") for c, k in zip(x, filters, strict=True)) for filters in kernel]
    return np.stack(planes) + bias[:, None, None]


def plain(image: NDArray[np.float32], weights: dict[str, NDArray[np.float32]]) -> Array:
    """As the text of the card says it, for one `[y, x]`."""
    y, x = image.shape
    means = [image[i : i + 8, j : j + 8].mean() for i in range(0, y - 7, 4) for j in range(0, x - 7, 4)]
    level = max(*means, FLOOR)
    even = np.pad(image / level, ((0, y % 2), (0, x % 2)), mode="edge")
    quarters = [even[i::2, j::2] for i in (0, 1) for j in (0, 1)]
    features = np.maximum(
        convolved(np.stack([*quarters, np.full_like(quarters[0], NOISE_GAIN / level)]), weights, "head"), 0
    )
    for block in range(BLOCKS):
        inner = np.maximum(convolved(features, weights, f"body.{2 * block}"), 0)
        features = features + convolved(inner, weights, f"body.{2 * block + 1}")
    predicted = convolved(features, weights, "tail")
    noise = np.empty(even.shape)
    for number, quarter in enumerate(predicted):
        noise[number // 2 :: 2, number % 2 :: 2] = quarter
    return image - np.clip(noise[:y, :x] * level, -MOST_CHANGE, MOST_CHANGE)


@pytest.fixture(scope="module")
def network() -> tuple[dict[str, NDArray[np.float32]], ort.InferenceSession]:
    weights = random_weights(3)
    return weights, ort.InferenceSession(build(weights).SerializeToString(), providers=["CPUExecutionProvider"])


@pytest.mark.parametrize("shape", [(16, 16), (17, 18), (24, 31), (33, 25)])
@pytest.mark.parametrize("brightness", [1.0, 30.0])
def test_the_graph_computes_what_the_card_says(network, shape: tuple[int, int], brightness: float) -> None:
    weights, session = network
    image = (brightness * np.random.default_rng(4).random(shape)).astype(np.float32)
    answer = session.run(None, {"image": image[None, None]})[0][0, 0]
    np.testing.assert_allclose(answer, plain(image, weights), atol=2e-4)


def test_each_image_of_a_batch_is_judged_by_its_own_brightness(network) -> None:
    _, session = network
    images = np.random.default_rng(5).random((2, 1, 20, 22)).astype(np.float32) * np.float32([[[[5]]], [[[80]]]])
    both = session.run(None, {"image": images})[0]
    for number in range(2):
        alone = session.run(None, {"image": images[number : number + 1]})[0]
        np.testing.assert_allclose(both[number], alone[0], atol=1e-4)


def test_no_pixel_changes_by_more_than_three_noise_sd_whatever_the_weights() -> None:
    session = ort.InferenceSession(build(random_weights(6, tail=50.0)).SerializeToString())
    image = (40 * np.random.default_rng(7).random((1, 1, 32, 32))).astype(np.float32)
    change = np.abs(session.run(None, {"image": image})[0] - image)
    assert change.max() == pytest.approx(MOST_CHANGE, abs=1e-4)


def test_the_graph_keeps_the_rules_of_packages() -> None:
    model = build(random_weights(8))
    manifest = read_manifest(Path(graph.__file__).with_name("manifest.toml").read_bytes(), "manifest.toml")
    check_graph(model.SerializeToString(), manifest, "model.onnx")  # sizes as promised, cut to the odd input included
    onnx.checker.check_model(model, full_check=True)
    assert model.opset_import[0].version == 17
    assert model.SerializeToString(deterministic=True) == build(random_weights(8)).SerializeToString(deterministic=True)
