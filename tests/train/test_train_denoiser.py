"""Two minutes of training the denoiser from a bare clone; its weights in ONNX answer as the network in torch does."""

import json
import os
import signal
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

torch = pytest.importorskip("torch", reason="make train-setup installs torch")
import onnxruntime as ort  # noqa: E402

from engine.package import load_package  # noqa: E402
from engine.package.keys import key_id  # noqa: E402
from models.data.targets import Bank  # noqa: E402
from models.denoiser.graph import build  # noqa: E402
from models.denoiser.network import Denoiser  # noqa: E402
from models.pack import pack  # noqa: E402
from models.signing import new_key, public_half  # noqa: E402
from models.train.denoiser import DenoiserTask, held_out  # noqa: E402
from models.train.task import Settings  # noqa: E402

COMMAND = (sys.executable, "-m", "firmware.cli", "models", "train", "denoiser", "--seed", "1", "--json")
BARE = {name: value for name, value in os.environ.items() if name != "SCANSIDE_DATA"}


@pytest.mark.parametrize("shape", [(16, 16), (17, 16), (64, 81), (101, 100)])
def test_the_graph_answers_as_the_network_does(shape: tuple[int, int]) -> None:
    torch.manual_seed(2)
    network = Denoiser().eval()
    torch.nn.init.normal_(network.tail.weight, 0, 0.05)
    weights = {name: value.numpy() for name, value in network.state_dict().items()}
    session = ort.InferenceSession(build(weights).SerializeToString(), providers=["CPUExecutionProvider"])
    images = (np.random.default_rng(1).random((2, 1, *shape)) * 40).astype(np.float32)
    with torch.no_grad():
        wanted = network(torch.from_numpy(images)).numpy()
    np.testing.assert_allclose(session.run(None, {"image": images})[0], wanted, atol=2e-4)


def test_the_target_is_the_mean_of_the_noisy_magnitude_floor_included() -> None:
    grey = np.full((80, 80), 0.001, np.float32)  # far below the noise, but for the spots that are put in
    held = held_out([grey], np.random.default_rng(1))
    task = DenoiserTask(Settings("denoiser", 1.0, 1), Bank(((grey,),), (1.0,)), held, "")
    noisy, wanted, _, _ = task.batch(np.random.default_rng(1))
    assert wanted.min() > 1.25, "the floor of one element, or of more"
    np.testing.assert_allclose(noisy.mean((1, 2, 3)), wanted.mean((1, 2, 3)), atol=0.06)


@pytest.mark.timeout(400)
def test_a_bare_clone_trains_a_network_that_can_be_packed(tmp_path: Path) -> None:
    done = subprocess.run(
        [*COMMAND, "--minutes", "2", "--out", str(tmp_path / "run")],
        env=BARE,
        capture_output=True,
        check=True,
        text=True,
    )
    figures = json.loads(done.stdout)["figures"]
    assert figures["gain_5"] > 3
    assert figures["gain_10"] > 3
    for name in ("loss.png", "examples.png", "metrics.json", "settings.json", "history.csv", "checkpoint.pt"):
        assert (tmp_path / "run" / name).stat().st_size > 0
    key = new_key()
    packed = pack(tmp_path / "run" / "package", tmp_path / "denoiser", key)
    public = public_half(key)
    package = load_package(packed.path, {key_id(public): public})
    assert (package.manifest.name, package.manifest.version) == ("denoiser", "0.1")
    assert "Retrained, not evaluated" in package.card
    assert "0 volumes of real anatomy to train on" in package.card


@pytest.mark.timeout(300)
def test_a_killed_training_goes_on(tmp_path: Path) -> None:
    command = [*COMMAND, "--minutes", "0.8", "--out", str(tmp_path)]
    with subprocess.Popen(command, env=BARE, stdout=subprocess.PIPE, stderr=subprocess.PIPE) as process:
        while not (tmp_path / "checkpoint.pt").exists():
            with pytest.raises(subprocess.TimeoutExpired):
                process.wait(1)
        process.send_signal(signal.SIGKILL)
    saved = torch.load(tmp_path / "checkpoint.pt", weights_only=True)["progress"]
    done = subprocess.run(command, env=BARE, capture_output=True, check=True, text=True)
    assert f"going on at step {saved['step']}" in done.stderr
    assert json.loads(done.stdout)["steps"] > saved["step"]
