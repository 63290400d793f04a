"""OpenVINO: what it refuses, what its precisions are worth, and that it keeps to itself."""

import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from engine.errors import Unavailable
from engine.forms import BF16, FP16, FP32, INT8_S8, Form, fp32
from engine.package import Package, load_package, trusted_keys
from engine.runners import why_not
from tests.engine.runners.smoothing import smoothed, write_package

openvino = pytest.importorskip("engine.runners.openvino", reason="openvino is not installed", exc_type=ImportError)
ABLE = openvino.ov.Core().get_property("CPU", "OPTIMIZATION_CAPABILITIES")
bf16 = pytest.mark.skipif("BF16" not in ABLE, reason="this CPU does not compute in bf16")


@pytest.fixture(scope="module")
def package(tmp_path_factory: pytest.TempPathFactory) -> Package:
    folder, keys = write_package(tmp_path_factory.mktemp("package"))
    return load_package(folder, trusted_keys(keys))


def image(seed: int = 0, *shape: int) -> np.ndarray:
    return np.random.default_rng(seed).uniform(0, 100, shape or (1, 1, 64, 48)).astype(np.float32)


@pytest.mark.parametrize("form", [INT8_S8, FP16, "nonsense"])
def test_forms_that_it_is_not_trusted_with_are_refused(package: Package, form: str) -> None:
    with pytest.raises(Unavailable, match=f"does not take the form {form}"):
        openvino.load(package, Form(form, package.model))


@bf16
def test_bf16_is_what_really_runs(package: Package) -> None:
    runner = openvino.load(package, Form(BF16, package.model))
    assert (runner.backend.requested, runner.backend.actual) == ("CPU bf16", "CPU bf16")
    (answer,) = runner.run(image())
    error = np.abs(answer - smoothed(image())).max()
    assert 1e-3 < error < 100 / 2**7, "eight bits of mantissa: neither float32 nor wrong"
    assert openvino.low_share(package, Form(BF16, package.model)) == 1.0
    assert openvino.low_share(package, fp32(package)) == 0.0


def test_a_cpu_without_bf16_is_told(package: Package, monkeypatch: pytest.MonkeyPatch) -> None:
    class Old(openvino.ov.Core):  # type: ignore[misc, name-defined]
        def get_property(self, device: str, name: str) -> list[str]:
            return ["FP32"]

    monkeypatch.setattr(openvino.ov, "Core", Old)
    with pytest.raises(Unavailable, match="does not compute in bf16"):
        openvino.load(package, Form(BF16, package.model))
    assert openvino.load(package, fp32(package)).backend.actual == "CPU f32"


def test_another_precision_than_asked_for_is_no_silence(package: Package, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(openvino._HINTS, BF16, "f32")
    monkeypatch.setitem(openvino._HINTS, FP32, "f64")
    with pytest.raises(Unavailable, match=r"f64|Wrong value"):
        openvino.load(package, fp32(package))


def test_a_damaged_network_is_one_sentence(package: Package) -> None:
    with pytest.raises(Unavailable, match="OpenVINO does not load the network"):
        openvino.load(package, Form(FP32, package.model[:-40]))


def test_steady_state_answers_lie_in_the_same_memory(package: Package) -> None:
    runner = openvino.load(package, fp32(package))
    (first,) = runner.run(image())
    assert runner.run(image(1))[0] is first


def test_one_thread_works(package: Package) -> None:
    runner = openvino.load(package, fp32(package))
    compiled = next(iter(runner._compiled.values())).request.get_compiled_model()
    assert (compiled.get_property("INFERENCE_NUM_THREADS"), compiled.get_property("NUM_STREAMS")) == (1, 1)


def test_so_many_shapes_are_kept_and_no_more(package: Package) -> None:
    runner = openvino.load(package, fp32(package))
    for size in range(20, 20 + 2 * openvino._MOST_SHAPES):
        shown = image(size, 1, 1, size, 24)
        np.testing.assert_allclose(runner.run(shown)[0], smoothed(shown), atol=1e-3)
    assert len(runner._compiled) == openvino._MOST_SHAPES


def test_no_connection_is_opened(package: Package, tmp_path: Path) -> None:
    code = """
import sys
def watch(event, args):
    if event.startswith("socket.connect") or event == "socket.getaddrinfo":
        print(event, args)
sys.addaudithook(watch)
import numpy as np
from pathlib import Path
from engine.forms import fp32
from engine.package import load_package, trusted_keys
from engine.runners import load_runner
package = load_package(Path(sys.argv[1]), trusted_keys(Path(sys.argv[2])))
runner = load_runner("openvino", package, fp32(package))
for _ in range(3):
    runner.run(np.ones((1, 1, 64, 64), np.float32))
assert "openvino" in sys.modules
"""
    folder, keys = write_package(tmp_path)
    command = [sys.executable, "-c", code, str(folder), str(keys)]
    done = subprocess.run(command, capture_output=True, text=True, check=False, timeout=60)
    assert (done.returncode, done.stdout, done.stderr) == (0, "", "")


def test_nothing_keeps_it_from_running_here() -> None:
    assert why_not("openvino") == ""


def test_a_library_that_does_not_start_is_told(monkeypatch: pytest.MonkeyPatch) -> None:
    def broken() -> None:
        raise RuntimeError("first line\nno plugins.xml")

    monkeypatch.setattr(openvino.ov, "Core", broken)
    assert openvino.why_not() == "OpenVINO does not start (no plugins.xml)"
