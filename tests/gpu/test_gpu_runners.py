"""The runners of NVIDIA GPUs on a real one: ONNX Runtime CUDA, TensorRT, TensorRT-RTX, wherever installed."""

import numpy as np
import pytest

from engine.errors import PlanRefused
from engine.forms import FP16, FP32, Form, fp32
from engine.forms.make import make_form
from engine.package import Package, load_package, trusted_keys
from engine.plans.build import build
from engine.runners import RUNNERS, load_runner, why_not
from engine.runners.golden import check_golden
from engine.runners.plan import PlanRunner
from engine.seams import Runner
from firmware.clock import SystemClock
from models.shipped import DENOISER, KEYS, QUALITY, package_folder

pytestmark = pytest.mark.gpu

TARGETS = {"tensorrt": "tensorrt", "tensorrt-rtx": "rtx"}


@pytest.fixture(scope="module", params=[DENOISER, QUALITY])
def package(request: pytest.FixtureRequest) -> Package:
    return load_package(package_folder(request.param), trusted_keys(KEYS))


@pytest.fixture(scope="module", params=["onnxruntime-cuda", *TARGETS])
def runner(request: pytest.FixtureRequest, package: Package) -> Runner:
    name = request.param
    if why := why_not(name):
        pytest.skip(f"{name}: {why}")
    return load_runner(name, package, compiled(name, package, FP32))


def compiled(name: str, package: Package, form_name: str) -> Form:
    """The form as the runner takes it: a plan made for the device here where it needs one."""
    form = fp32(package) if form_name == FP32 else make_form(package, form_name)
    if not RUNNERS[name].needs_plan:
        return form
    try:
        return Form(form_name, build(form, package.manifest, TARGETS[name], (), SystemClock()).plan)
    except PlanRefused as error:
        if error.reason != "other":  # anything but a device that this compiler does not know is a fault
            raise
        pytest.skip(f"{name} compiles nothing for this device: {error}")


def frames(package: Package) -> np.ndarray:
    return package.golden[package.manifest.inputs[0].name].astype(np.float32)


def test_a_real_gpu_reproduces_the_golden_frames(runner: Runner, package: Package) -> None:
    assert runner.backend.real_gpu
    check_golden(runner, package)


def test_three_repeats_are_the_same_to_the_bit(runner: Runner, package: Package) -> None:
    repeats = [[answer.copy() for answer in runner.run(frames(package)[0])] for _ in range(3)]
    for again in repeats[1:]:
        assert all(np.array_equal(a, b) for a, b in zip(repeats[0], again, strict=True))


def test_graphs_give_what_eager_calls_give(runner: Runner, package: Package) -> None:
    if not isinstance(runner, PlanRunner):
        pytest.skip("only plans are replayed as graphs")
    before = runner.graphs.replayed
    first = runner.run(frames(package)[0])[0].copy()
    for _ in range(20):
        np.testing.assert_array_equal(runner.run(frames(package)[0])[0], first)
    assert runner.graphs.off in ("", "cuda-bindings is not installed")
    assert bool(runner.graphs.off) or runner.graphs.replayed > before
    assert 0 < runner.gpu_ms < 1000


@pytest.mark.parametrize("name", TARGETS)
def test_a_half_plan_computes_in_half(package: Package, name: str) -> None:
    if why := why_not(name):
        pytest.skip(f"{name}: {why}")
    runner = load_runner(name, package, compiled(name, package, FP16))
    assert isinstance(runner, PlanRunner)
    runner.run(frames(package)[0])
    share = runner.low_share()
    assert share is not None, "the plan does not tell, and the gate would refuse it"
    assert share > 0.5
