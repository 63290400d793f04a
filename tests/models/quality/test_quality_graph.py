"""The quality network's ONNX graph against a plain implementation, at odd and even sizes, and its heads."""

import tomllib
from pathlib import Path

import numpy as np
import onnx
import onnxruntime as ort
import pytest
from numpy.typing import NDArray
from scipy.special import expit

from engine.package.graph import check_graph
from engine.package.manifest import read_manifest
from engine.quality import why_no_quality
from models.quality import graph
from models.quality.kinds import KINDS, SHIPPED
from models.quality.shape import CELLS, EMBEDDED, LAST, LAYERS, MIDDLE

Array = NDArray[np.float64]
Weights = dict[str, NDArray[np.float32]]


def random_weights(kinds: int = 3, embedded: int = 5) -> Weights:
    rng = np.random.default_rng(1)
    out: Weights = {}
    for name, (taken, given, _) in {**{f"layers.{n}": layer for n, layer in enumerate(LAYERS)}, "last": LAST}.items():
        out[f"{name}.weight"] = rng.standard_normal((given, taken, 3, 3)) * np.sqrt(2 / (9 * taken))
        out[f"{name}.bias"] = 0.1 * rng.standard_normal(given)
    for name, given in {"along": LAST[0], "whole": LAST[0], "maps": kinds, "severity": kinds}.items():
        out[f"{name}.weight"] = rng.standard_normal((given, LAST[0], 1, 1)) * np.sqrt(1 / LAST[0])
        out[f"{name}.bias"] = rng.standard_normal(given)
    out |= {name: rng.standard_normal(kinds) for name in ("gain", "bias", "where_bias")}
    out |= {"whitening": rng.standard_normal((EMBEDDED, embedded)), "centres": 20 * rng.standard_normal((4, embedded))}
    return {name: np.asarray(array, np.float32) for name, array in {**out, "limit": np.float32(7)}.items()}


def answers(weights: Weights, image: NDArray[np.float32]) -> list[NDArray[np.float32]]:
    model = graph.build(weights).SerializeToString()
    found: list[NDArray[np.float32]] = ort.InferenceSession(model, providers=["CPUExecutionProvider"]).run(
        None, {"image": image}
    )
    return found


def frames(shape: tuple[int, int], seed: int = 0) -> NDArray[np.float32]:
    return (30 * np.random.default_rng(seed).random((2, 2, *shape))).astype(np.float32)


def convolved(x: Array, weights: Weights, name: str, stride: int = 1) -> Array:
    kernel = weights[f"{name}.weight"].astype(np.float64)
    margin = kernel.shape[-1] // 2
    padded = np.pad(x, ((0, 0), (margin, margin), (margin, margin)))
    patches = np.lib.stride_tricks.sliding_window_view(padded, kernel.shape[2:], axis=(1, 2))[:, ::stride, ::stride]
    return np.tensordot(kernel, patches, axes=((1, 2, 3), (0, 3, 4))) + weights[f"{name}.bias"][:, None, None]


def plain(pair: NDArray[np.float32], weights: Weights) -> tuple[Array, Array, Array]:
    """Probability, severity and embedding of one `[2, y, x]`, as the text says it."""
    frame, before = pair.astype(np.float64)
    height, width = frame.shape
    means = [frame[y : y + 8, x : x + 8].mean() for y in range(0, height - 7, 4) for x in range(0, width - 7, 4)]
    x = np.stack([frame / max(*means, 4.0), 0.25 * np.log1p(frame), 0.2 * np.clip(frame - before, -10, 10)])
    layers = []
    for number, (_, _, stride) in enumerate(LAYERS):
        x = np.maximum(convolved(x, weights, f"layers.{number}", stride), 0)
        layers.append(x)
    of_columns = convolved(x.mean(1, keepdims=True), weights, "along")
    of_plane = convolved(x.mean((1, 2), keepdims=True), weights, "whole")
    x = np.maximum(convolved(np.maximum(x + of_columns + of_plane, 0), weights, "last"), 0)
    surely = np.log(np.exp(convolved(x, weights, "maps")).mean((1, 2)))
    impact = np.log(np.exp(convolved(x, weights, "severity")).mean((1, 2)))
    features = np.concatenate([layers[MIDDLE].mean((1, 2)), x.mean((1, 2))])
    embedding = np.log(features + 0.02) @ weights["whitening"]
    probability = expit(surely * weights["gain"] + weights["bias"])
    return probability, np.expm1(np.clip(impact, 0, np.log(201))), embedding


@pytest.mark.parametrize("shape", [(32, 32), (33, 48), (61, 39)])
def test_the_graph_computes_what_the_text_says(shape: tuple[int, int]) -> None:
    weights, image = random_weights(), frames(shape)
    probability, severity, where, embedding, distance = answers(weights, image)
    for number, pair in enumerate(image):
        wanted = plain(pair, weights)
        np.testing.assert_allclose(probability[number], wanted[0], atol=2e-4)
        np.testing.assert_allclose(severity[number], wanted[1], rtol=2e-3, atol=1e-3)
        np.testing.assert_allclose(embedding[number], wanted[2], rtol=2e-3, atol=2e-3)
    assert where.shape == (2, 3, CELLS, CELLS)
    lengths = [[np.linalg.norm(one - centre) for centre in weights["centres"]] for one in embedding]
    np.testing.assert_allclose(distance[:, 0], np.min(lengths, axis=1) / 7, rtol=1e-5)


def test_frames_in_a_batch_do_not_know_of_each_other() -> None:
    weights, image = random_weights(), frames((40, 48))
    together = answers(weights, image)
    alone = [answers(weights, image[n : n + 1]) for n in range(2)]
    for number, whole in enumerate(together):
        np.testing.assert_allclose(whole, np.concatenate([one[number] for one in alone]), rtol=1e-4, atol=1e-5)


def test_a_left_out_head_changes_no_other() -> None:
    weights, image = random_weights(), frames((32, 48))
    whole, fewer = answers(weights, image), answers(graph.with_kinds(weights, [2, 0]), image)
    for number in range(3):
        np.testing.assert_allclose(fewer[number], whole[number][:, [2, 0]], atol=1e-6)
    np.testing.assert_allclose(fewer[4], whole[4], rtol=1e-6)


def test_hostile_frames_give_finite_answers() -> None:
    weights = random_weights()
    for image in (np.zeros((1, 2, 32, 32)), np.full((1, 2, 32, 32), 1e4), np.full((1, 2, 32, 32), -5.0)):
        probability, severity, where, _, distance = answers(weights, image.astype(np.float32))
        assert all(np.isfinite(answer).all() for answer in (probability, severity, where, distance))
        assert severity.max() <= 200.001


def test_the_graph_is_what_the_manifest_promises() -> None:
    home = Path(graph.__file__).parent
    manifest = read_manifest((home / "manifest.toml").read_bytes(), "quality")
    assert why_no_quality(manifest) == ""
    data = graph.build(random_weights(len(SHIPPED), EMBEDDED)).SerializeToString()
    check_graph(data, manifest, "quality")
    onnx.checker.check_model(data, full_check=True)
    assert len(data) < 2_000_000


def test_every_shipped_kind_is_trained() -> None:
    assert set(SHIPPED) <= set(KINDS)
    text = (Path(graph.__file__).parent / "manifest.toml").read_text("utf-8")
    tables = tomllib.loads(text)["outputs"][:3]
    assert {tuple(table["labels"]) for table in tables} == {SHIPPED}
