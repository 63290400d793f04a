"""The quality network in torch answers as its graph does, and a bare clone trains one that can be packed."""

import json
import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

torch = pytest.importorskip("torch", reason="make train-setup installs torch")
import onnxruntime as ort  # noqa: E402

from engine.package import load_package  # noqa: E402
from engine.package.keys import key_id  # noqa: E402
from models.pack import pack  # noqa: E402
from models.quality import graph  # noqa: E402
from models.quality.distance import SMALLEST  # noqa: E402
from models.quality.kinds import KINDS  # noqa: E402
from models.quality.network import Quality  # noqa: E402
from models.quality.shape import EMBEDDED, MOST_IMPACT  # noqa: E402
from models.signing import new_key, public_half  # noqa: E402

BARE = {name: value for name, value in os.environ.items() if name != "SCANSIDE_DATA"}


def random_network() -> Quality:
    torch.manual_seed(1)
    network = Quality(len(KINDS)).eval()
    for name, value in network.state_dict().items():
        if name.endswith("running_var"):
            value.uniform_(0.5, 2.0)
        elif value.is_floating_point() and value.ndim == 1:
            value.add_(0.2 * torch.randn_like(value))
    torch.nn.init.normal_(network.along.weight, std=0.05)
    torch.nn.init.normal_(network.whole.weight, std=0.05)
    return network


@pytest.mark.parametrize("shape", [(32, 32), (33, 47), (128, 96), (131, 97)])
def test_the_graph_answers_as_the_network_does(shape: tuple[int, int]) -> None:
    network, rng = random_network(), np.random.default_rng(0)
    distance = {"whitening": rng.random((EMBEDDED, 4)), "centres": rng.random((3, 4)), "limit": np.array(2.0)}
    weights = network.weights() | {name: array.astype(np.float32) for name, array in distance.items()}
    session = ort.InferenceSession(graph.build(weights).SerializeToString(), providers=["CPUExecutionProvider"])
    frames = (40 * rng.random((2, 2, *shape))).astype(np.float32)
    probability, severity, where, embedding, _ = session.run(None, {"image": frames})
    with torch.no_grad():
        wanted = network(torch.from_numpy(frames))
    np.testing.assert_allclose(probability, torch.sigmoid(wanted.logits).numpy(), atol=1e-5)
    np.testing.assert_allclose(where, torch.sigmoid(wanted.where).numpy(), atol=1e-5)
    np.testing.assert_allclose(
        severity, np.clip(np.expm1(wanted.severity.numpy()), 0, MOST_IMPACT), rtol=1e-4, atol=1e-4
    )
    features = np.log(wanted.features.numpy() + SMALLEST)
    np.testing.assert_allclose(embedding, features @ weights["whitening"], rtol=1e-4, atol=1e-4)


@pytest.mark.timeout(400)
def test_a_bare_clone_trains_a_network_that_can_be_packed(tmp_path: Path) -> None:
    command = [sys.executable, "-m", "firmware.cli", "models", "train", "quality", "--seed", "1", "--json"]
    run = tmp_path / "run"
    done = subprocess.run(
        [*command, "--minutes", "0.5", "--out", str(run)], env=BARE, capture_output=True, check=True, text=True
    )
    figures = json.loads(done.stdout)["figures"]
    assert set(figures["limits"]) == set(KINDS)
    for name in ("loss.png", "roc.png", "examples.png", "metrics.json", "history.csv", "weights.npz"):
        assert (run / name).stat().st_size > 0
    key = new_key()
    packed = pack(run / "package", tmp_path / "quality", key)
    public = public_half(key)
    package = load_package(packed.path, {key_id(public): public})
    assert (package.manifest.name, package.manifest.version) == ("quality", "0.1")
    assert "Retrained, not evaluated" in package.card
    assert "0 volumes of real anatomy to train on" in package.card
