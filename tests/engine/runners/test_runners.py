"""What every runner keeps to, the tests' own included."""

from pathlib import Path

import numpy as np
import pytest
from onnx import helper

from engine.errors import InputRefused, Unavailable
from engine.forms import fp32
from engine.package import Package, load_package, trusted_keys
from engine.runners import RUNNERS, RunnerRow, load_runner, named, why_not
from engine.runners.batch import axis_sizes, check_values
from engine.runners.golden import check_golden
from engine.seams import Backend, Runner
from tests.engine.package_cases import KEYS, MANIFEST, SIZES, files, golden, network, npz, seal
from tests.engine.runners.smoothing import smoothed, write_package


class NumpyMean:
    """The fake: the same answers without any runtime."""

    backend = Backend("numpy", "fp32", "none", "none")

    def __init__(self, package: Package) -> None:
        self._input = package.manifest.inputs[0]

    def run(self, batch: np.ndarray) -> tuple[np.ndarray, ...]:
        axis_sizes(batch, self._input)
        check_values(batch, self._input)
        return (smoothed(batch).astype(np.float32),)


def load(name: str, package: Package) -> Runner:
    return NumpyMean(package) if name == "fake" else load_runner(name, package, fp32(package))


@pytest.fixture(scope="module")
def package(tmp_path_factory: pytest.TempPathFactory) -> Package:
    folder, keys = write_package(tmp_path_factory.mktemp("package"))
    return load_package(folder, trusted_keys(keys))


HERE = [name for name, row in RUNNERS.items() if not row.needs_plan and not why_not(name)]
"""Runners that can execute an ONNX file on this machine."""


@pytest.fixture(params=["fake", *HERE])
def runner(request: pytest.FixtureRequest, package: Package) -> Runner:
    return load(request.param, package)


def batch(*shape: int, seed: int = 0) -> np.ndarray:
    return np.random.default_rng(seed).uniform(0, 100, shape).astype(np.float32)


@pytest.mark.parametrize("shape", [(1, 1, 8, 8), (3, 1, 33, 47), (1, 1, 256, 192)])
def test_the_answer_is_the_networks(runner: Runner, shape: tuple[int, ...]) -> None:
    (answer,) = runner.run(batch(*shape))
    assert answer.dtype == np.float32
    np.testing.assert_allclose(answer, smoothed(batch(*shape)), atol=1e-3)


def test_shapes_may_alternate_without_a_trace(runner: Runner) -> None:
    for seed in range(30):
        image = batch(1 + seed % 3, 1, 16 + seed % 11, 40, seed=seed)
        np.testing.assert_allclose(runner.run(image)[0], smoothed(image), atol=1e-3)


def test_the_same_input_has_the_same_answer_to_the_bit(runner: Runner) -> None:
    image, other = batch(1, 1, 64, 64), batch(1, 1, 64, 64, seed=1)
    first = runner.run(image)[0].copy()
    runner.run(other)
    np.testing.assert_array_equal(runner.run(image)[0], first)


def test_the_input_is_not_changed(runner: Runner) -> None:
    image = batch(1, 1, 64, 64)
    runner.run(image)
    np.testing.assert_array_equal(image, batch(1, 1, 64, 64))


def test_views_are_read_as_they_are_seen(runner: Runner) -> None:
    turned = batch(1, 1, 40, 30).transpose(0, 1, 3, 2)[..., ::-1]
    np.testing.assert_allclose(runner.run(turned)[0], smoothed(np.ascontiguousarray(turned)), atol=1e-3)


@pytest.mark.parametrize(
    ("wrong", "reason"),
    [
        (batch(1, 1, 7, 8), "shape"),
        (batch(1, 1, 8, 513), "shape"),
        (batch(5, 1, 8, 8), "shape"),
        (batch(1, 2, 8, 8), "shape"),
        (batch(1, 8, 8), "shape"),
        (batch(0, 1, 8, 8), "shape"),
        (batch(1, 1, 8, 8).astype(np.float64), "dtype"),
        (batch(1, 1, 8, 8).astype(np.complex64), "dtype"),
        (np.full((1, 1, 8, 8), np.nan, np.float32), "not_finite"),
        (np.full((1, 1, 8, 8), -np.inf, np.float32), "not_finite"),
        (batch(1, 1, 8, 8) - 101, "range"),
        (batch(1, 1, 8, 8) + 20_000, "range"),
    ],
)
def test_what_the_manifest_does_not_promise_is_refused(runner: Runner, wrong: np.ndarray, reason: str) -> None:
    with pytest.raises(InputRefused) as caught:
        runner.run(wrong)
    assert caught.value.reason == reason
    assert "image" in str(caught.value)
    assert caught.value.mend
    np.testing.assert_allclose(runner.run(batch(1, 1, 8, 8))[0], smoothed(batch(1, 1, 8, 8)), atol=1e-3)


def test_it_says_what_was_asked_for_and_what_executes(runner: Runner) -> None:
    assert all((runner.backend.runner, runner.backend.requested, runner.backend.actual))


def test_it_reproduces_the_golden_frames(runner: Runner, package: Package) -> None:
    check_golden(runner, package)


def test_steady_state_needs_no_memory(package: Package) -> None:
    runner, image = load_runner("onnxruntime-cpu", package, fp32(package)), batch(1, 1, 256, 256)
    (first,) = runner.run(image)
    assert runner.run(image)[0] is first, "the same memory every time"


def test_golden_frames_that_come_out_different_are_refused(tmp_path: Path) -> None:
    folder, keys = write_package(tmp_path, golden_factor=1.01)
    package = load_package(folder, trusted_keys(keys))
    with pytest.raises(Unavailable, match="golden frame 0"):
        check_golden(load_runner("onnxruntime-cpu", package, fp32(package)), package)


def test_golden_frames_in_another_precision_are_held_to_what_it_may_lose(package: Package) -> None:
    class Off(NumpyMean):
        backend = Backend("numpy", "int8-u8", "none", "none")
        by = np.float32(0)

        def run(self, batch: np.ndarray) -> tuple[np.ndarray, ...]:
            return tuple(answer + self.by for answer in super().run(batch))

    runner = Off(package)
    runner.by = np.float32(0.1)
    check_golden(runner, package)
    runner.by = np.float32(1)
    with pytest.raises(Unavailable, match="denoised loses"):
        check_golden(runner, package)


def test_an_unknown_runner_is_named_with_the_known(package: Package) -> None:
    with pytest.raises(Unavailable, match="onnxruntime-cpu"):
        load_runner("abacus", package, fp32(package))


def test_a_runner_whose_library_is_missing_says_so(package: Package, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(RUNNERS, "absent", RunnerRow("engine.runners.absent", ("fp32",), "build it"))
    with pytest.raises(Unavailable, match="absent"):
        load_runner("absent", package, fp32(package))


@pytest.mark.parametrize(("taken", "given"), [("float16", "float16"), ("float32", "float16"), ("uint8", "float32")])
def test_a_network_of_another_type_is_refused(tmp_path: Path, taken: str, given: str) -> None:
    head, tail = MANIFEST.split("[[outputs]]")
    manifest = f"{head.replace('float32', taken)}[[outputs]]{tail.replace('float32', given)}"
    kinds = [helper.np_dtype_to_tensor_dtype(np.dtype(kind)) for kind in (taken, given)]
    model = network(
        [helper.make_node("Cast", ["image"], ["denoised"], to=kinds[1])],
        inputs=[("image", kinds[0], SIZES)],
        outputs=[("denoised", kinds[1], SIZES)],
    )
    frames = {name: array.astype(kind) for (name, array), kind in zip(golden().items(), (taken, given), strict=True)}
    content = files(manifest_toml=manifest.encode(), model_onnx=model.SerializeToString(), golden_npz=npz(**frames))
    package = load_package(seal(tmp_path / "p", content), KEYS)
    with pytest.raises(Unavailable, match=r"float16|uint8"):
        load_runner("onnxruntime-cpu", package, fp32(package))


@pytest.mark.parametrize("said", ["", ":fp32", "abacus", "abacus:fp32", "openvino:int4"])
def test_what_is_no_backend_is_refused_with_the_known(said: str) -> None:
    with pytest.raises(Unavailable, match=r"known are"):
        named(said)
