"""The example networks: small, the same every time, what they say they compute, and served by nobody."""

from pathlib import Path
from typing import Any

import numpy as np
import onnx
import onnxruntime as ort
import pytest
from onnx.reference import ReferenceEvaluator

from engine import denoise, quality
from engine.package.manifest import read_manifest
from models.pack import pack
from models.signing import new_key
from models.variants import VARIANTS, hybrid, volume
from models.variants.__main__ import write_sources
from models.variants.frames import snr_frames

NAMES = list(VARIANTS)


def run(model: onnx.ModelProto, image: Any, *names: str) -> list[Any]:
    """Tensors of the network, executed as it is written."""
    there = {value.name for value in model.graph.output}
    model.graph.output.extend(onnx.ValueInfoProto(name=name) for name in names if name not in there)
    options = ort.SessionOptions()
    options.graph_optimization_level = ort.GraphOptimizationLevel.ORT_DISABLE_ALL
    session = ort.InferenceSession(model.SerializeToString(), options, providers=["CPUExecutionProvider"])
    return list(session.run(list(names), {"image": image}))


@pytest.mark.parametrize("name", NAMES)
def test_the_same_file_every_time(name: str) -> None:
    build = VARIANTS[name].build
    assert build().SerializeToString(deterministic=True) == build().SerializeToString(deterministic=True)


@pytest.mark.parametrize("name", NAMES)
def test_another_implementation_of_the_operators_agrees(name: str) -> None:
    model, image = VARIANTS[name].build(), VARIANTS[name].frames()[0]
    outputs = [value.name for value in model.graph.output]
    wanted = ReferenceEvaluator(model).run(None, {"image": image})
    for given, answer in zip(run(model, image, *outputs), wanted, strict=True):
        np.testing.assert_allclose(given, answer, rtol=1e-4, atol=1e-5)


def test_attention_is_the_formula() -> None:
    """softmax(Q K' / sqrt(d)) V in each head, mixed, added; written here with numpy."""
    tokens, normed, attended = run(hybrid.build(), hybrid.golden_frames()[0], "tokens", "normed", "attended")
    held = {tensor.name: onnx.numpy_helper.to_array(tensor) for tensor in hybrid.build().graph.initializer}
    np.testing.assert_allclose(normed.mean(-1), 0, atol=1e-5)
    np.testing.assert_allclose(normed.var(-1), 1, rtol=1e-3)
    heads = []
    for head in range(hybrid.HEADS):
        part = slice(head * 16, (head + 1) * 16)
        query, key, value = (normed[0] @ held[f"{which}.weight"][:, part] for which in ("query", "key", "value"))
        shares = np.exp(query @ key.T / 4)
        heads.append(shares / shares.sum(1, keepdims=True) @ value)
    np.testing.assert_allclose(attended[0], tokens[0] + np.hstack(heads) @ held["out.weight"], rtol=1e-3, atol=1e-4)


def test_one_slice_is_prepared_as_a_picture_is() -> None:
    picture = snr_frames(1, (32, 32))[0]
    (plane,) = run(hybrid.build(), picture, "scaled")
    (stack,) = run(volume.build(), picture[:, :, None], "scaled")
    np.testing.assert_allclose(stack[:, :, 0], plane, rtol=1e-6)


@pytest.mark.parametrize("name", NAMES)
def test_it_answers_within_the_ranges_that_it_promises(name: str) -> None:
    for image in VARIANTS[name].frames():
        probability, severity, embedding = run(VARIANTS[name].build(), image, "probability", "severity", "embedding")
        assert probability.min() > 0
        assert probability.max() < 1
        assert severity.min() >= 0
        assert np.isfinite(embedding).all()


def test_the_sources_are_packed_small_and_served_by_nobody(tmp_path: Path) -> None:
    for source in write_sources(tmp_path):
        package = pack(source, tmp_path / "packed" / source.name, new_key())
        assert package.manifest.name == source.name
        assert package.parameters < 40_000
        assert len(package.model) < 160_000
        assert (package.path / "golden.npz").stat().st_size <= 40_000
        assert package.manifest.task == "example"
        assert denoise.why_no_denoiser(package.manifest)
        assert quality.why_no_quality(package.manifest)
        assert "Random weights. It judges nothing." in package.card


def test_a_source_is_not_written_over_another(tmp_path: Path) -> None:
    write_sources(tmp_path)
    with pytest.raises(FileExistsError):
        write_sources(tmp_path)


@pytest.mark.parametrize("name", NAMES)
def test_the_manifest_says_what_it_must_not(name: str) -> None:
    text = (Path(volume.__file__).parent / f"{name}.toml").read_bytes()
    assert "no meaning" in read_manifest(text, name).must_not
