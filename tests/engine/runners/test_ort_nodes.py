"""What ONNX Runtime really runs is read from the profile of a run, not from what it was asked for."""

from pathlib import Path
from types import SimpleNamespace

import numpy as np
import onnxruntime as ort
import pytest

from engine.cuda.probe import Probe, cuda_here
from engine.errors import Unavailable
from engine.forms import BF16, Form, fp32
from engine.package import Package, load_package, trusted_keys
from engine.runners import ort_cpu, ort_cuda, reference
from engine.runners.ort import CPU
from engine.runners.ort_nodes import RunNode, elsewhere, low_share_of, nodes_run
from models.shipped import DENOISER, KEYS, PACKAGES
from tests.engine.runners.smoothing import smoothed, write_package


@pytest.fixture(scope="module")
def package(tmp_path_factory: pytest.TempPathFactory) -> Package:
    folder, keys = write_package(tmp_path_factory.mktemp("package"))
    return load_package(folder, trusted_keys(keys))


def node(operator: str, provider: str, taken: str = "float", given: str = "float") -> RunNode:
    return RunNode(operator.lower(), operator, provider, (taken,), (given,))


def test_every_node_is_found_with_its_types(package: Package) -> None:
    found = {node.operator: node for node in nodes_run(package, fp32(package), [CPU])}
    convolution = found["Conv"]
    assert (convolution.provider, convolution.inputs[0], convolution.outputs) == (CPU, "float", ("float",))
    assert found.keys() <= {"Conv", "ReorderInput", "ReorderOutput"}, "the library's own layout, and nothing else"


def test_nothing_is_left_behind(package: Package, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path))
    monkeypatch.chdir(tmp_path)
    nodes_run(package, fp32(package), [CPU])
    assert list(tmp_path.iterdir()) == []


def test_only_the_sizes_may_be_computed_elsewhere() -> None:
    nodes = (node("Conv", ort_cuda.CUDA), node("Shape", CPU, given="int64"), node("Cast", CPU, given="bool"))
    assert elsewhere(nodes, ort_cuda.CUDA) == ()
    assert elsewhere((*nodes, node("Resize", CPU)), ort_cuda.CUDA) == ("resize (Resize)",)


def test_the_share_counts_convolutions_alone() -> None:
    nodes = (node("QLinearConv", CPU, "uint8"), node("Conv", CPU), node("FusedConv", CPU, "float16"), node("Add", CPU))
    assert low_share_of(nodes) == pytest.approx(2 / 3)
    assert low_share_of(nodes[3:]) is None


def test_float32_has_no_share_below_it() -> None:
    package = load_package(PACKAGES / DENOISER, trusted_keys(KEYS))
    assert ort_cpu.low_share(package, fp32(package)) == 0.0


def test_the_reference_runs_the_network_as_it_is_written(package: Package) -> None:
    shown = np.random.default_rng(0).uniform(0, 100, (1, 1, 40, 33)).astype(np.float32)
    runner = reference.load(package, fp32(package))
    np.testing.assert_allclose(runner.run(shown)[0], smoothed(shown), atol=1e-3)
    level = runner._session.get_session_options().graph_optimization_level
    assert level == ort.GraphOptimizationLevel.ORT_DISABLE_ALL
    assert runner.backend.runner == "reference"


@pytest.mark.parametrize("module", [ort_cpu, reference])
def test_bf16_is_not_quietly_float32(module: object, package: Package) -> None:
    with pytest.raises(Unavailable, match="bf16 is a hint"):
        module.load(package, Form(BF16, package.model))  # type: ignore[attr-defined]


def test_without_cuda_it_says_why_and_refuses(package: Package, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(ort, "get_available_providers", lambda: [CPU])
    assert ort_cuda.why_not() == "this ONNX Runtime is built without CUDA"
    with pytest.raises(Unavailable, match="without CUDA"):
        ort_cuda.load(package, fp32(package))
    monkeypatch.setattr(ort, "get_available_providers", lambda: [ort_cuda.CUDA, CPU])
    monkeypatch.setattr(ort_cuda, "cuda_here", lambda: Probe((), "", "", "no NVIDIA driver is installed"))
    assert ort_cuda.why_not() == "no NVIDIA driver is installed"


def test_a_session_that_fell_back_to_the_cpu_is_refused(package: Package, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(ort_cuda, "why_not", lambda: "")
    monkeypatch.setattr(ort_cuda, "open_session", lambda p, f, providers, options: ort.InferenceSession(f.data))
    with pytest.raises(Unavailable, match="fell back to CPUExecutionProvider"):
        ort_cuda.load(package, fp32(package))


def test_what_a_session_says_is_held_against_what_ran(package: Package, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(ort_cuda, "why_not", lambda: "")
    boasting = SimpleNamespace(get_providers=lambda: [ort_cuda.CUDA, CPU])
    monkeypatch.setattr(ort_cuda, "open_session", lambda *_: boasting)
    monkeypatch.setattr(ort_cuda, "nodes_run", lambda package, form, _: nodes_run(package, form, [CPU]))
    with pytest.raises(Unavailable, match=r"nodes would run on the CPU, the first is .*Conv"):
        ort_cuda.load(package, fp32(package))
    on_the_gpu = (node("Conv", ort_cuda.CUDA), node("Shape", CPU, given="int64"))
    monkeypatch.setattr(ort_cuda, "nodes_run", lambda *_: on_the_gpu)
    assert ort_cuda.load(package, fp32(package)).backend.real_gpu


@pytest.mark.gpu
@pytest.mark.skipif(bool(ort_cuda.why_not()), reason=f"ONNX Runtime CUDA: {ort_cuda.why_not()}")
def test_on_a_gpu_everything_but_sizes_runs_there() -> None:
    package = load_package(PACKAGES / DENOISER, trusted_keys(KEYS))
    runner = ort_cuda.load(package, fp32(package))
    assert runner.backend.real_gpu
    assert cuda_here().devices
    shown = np.random.default_rng(0).uniform(0, 100, (1, 1, 64, 64)).astype(np.float32)
    np.testing.assert_allclose(runner.run(shown)[0], reference.load(package, fp32(package)).run(shown)[0], atol=1e-2)
