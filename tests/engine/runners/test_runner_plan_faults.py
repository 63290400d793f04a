"""What can fail on a GPU, injected: each ends in one sentence, a fall-back or a clean end, never in a wrong image."""

import logging
from collections.abc import Callable
from importlib.util import find_spec

import numpy as np
import pytest

import engine.runners.plan as plan
from engine.cuda.probe import Device, Probe
from engine.errors import DeviceLost, ScansideError, Unavailable
from engine.forms import Form
from engine.package import Package, load_package, trusted_keys
from engine.runners import load_runner, tensorrt_rtx, why_not
from engine.runners.plan import PlanRunner, load_plan, why_no_plans
from engine.seams import Backend
from tests.engine.cuda.gpu_double import Gpu
from tests.engine.cuda.trt_double import MARK
from tests.engine.runners.plan_cases import Bench
from tests.engine.runners.smoothing import smoothed, write_package


@pytest.fixture(scope="module")
def package(tmp_path_factory: pytest.TempPathFactory) -> Package:
    folder, keys = write_package(tmp_path_factory.mktemp("package"))
    return load_package(folder, trusted_keys(keys))


def image(seed: int = 0) -> np.ndarray:
    return np.random.default_rng(seed).uniform(0, 100, (1, 1, 16, 16)).astype(np.float32)


def check_right(runner: PlanRunner, calls: int = 8) -> None:
    for seed in range(calls):
        np.testing.assert_allclose(runner.run(image(seed))[0], smoothed(image(seed)), atol=1e-3)


def set_fault(name: str, value: object = True) -> Callable[[Bench], None]:
    def apply(bench: Bench) -> None:
        owner = bench.trt_faults if hasattr(bench.trt_faults, name) else bench.gpu.faults
        setattr(owner, name, value)

    return apply


@pytest.mark.parametrize(
    ("fault", "said"),
    [
        (set_fault("deserialize_none"), "does not load the plan (IRuntime::deserializeCudaEngine: Error Code 1"),
        (set_fault("context_none"), "cannot make a context for the plan (Requested amount of GPU memory"),
        (set_fault("raises", "factory function returned nullptr"), "fails (factory function returned nullptr)"),
        (set_fault("half_input"), "not the float32 tensors of the manifest"),
    ],
)
def test_a_plan_that_cannot_be_used_is_refused_when_loaded(
    package: Package, fault: Callable[[Bench], None], said: str
) -> None:
    bench = Bench()
    fault(bench)
    with pytest.raises(Unavailable) as caught:
        bench.runner(package)
    assert said in str(caught.value)
    assert caught.value.mend
    assert "\n" not in str(caught.value)
    check_right(Bench().runner(package), 1)


@pytest.mark.parametrize("plan", [b"", b"garbage", b"vtrt" + bytes(4000)])
def test_garbage_is_refused_in_one_sentence(package: Package, plan: bytes) -> None:
    with pytest.raises(Unavailable, match="magicTag"):
        Bench().runner(package, plan)


def test_a_plan_that_gives_another_size_is_refused(package: Package) -> None:
    bench = Bench()
    bench.trt_faults.other_size = True
    with pytest.raises(Unavailable, match=r"gives denoised as \[1, 1, 16, 17\]"):
        bench.runner(package).run(image())


@pytest.mark.parametrize("number", [1, 2, 3, 4, 5, 6, 7, 8])
def test_no_memory_for_a_shape_costs_that_frame_only(package: Package, number: int) -> None:
    bench = Bench()
    runner = bench.runner(package)
    bench.gpu.faults.out_of_memory_at = bench.gpu.allocations + number
    with pytest.raises(Unavailable, match="no room"):
        runner.run(image())
    check_right(runner)


def test_an_execution_that_is_refused_is_an_error_and_the_next_one_runs(package: Package) -> None:
    bench = Bench()
    bench.trt_faults.refused_at = 2
    runner = bench.runner(package)
    runner.run(image())
    with pytest.raises(Unavailable, match="does not run the network"):
        runner.run(image())
    check_right(runner)


def test_a_failed_call_on_a_living_device_is_no_loss(package: Package) -> None:
    bench = Bench()
    runner = bench.runner(package)
    bench.gpu.faults.refused_copy_at = 1
    with pytest.raises(Unavailable, match="copying to the device"):
        runner.run(image())
    check_right(runner)


def test_a_failed_copy_while_a_graph_is_tried_costs_the_graph_and_no_frame(package: Package) -> None:
    bench = Bench()
    bench.gpu.faults.refused_copy_at = 4  # three frames, then the poison
    runner = bench.runner(package)
    check_right(runner)
    assert "copying to the device" in runner.graphs.off


@pytest.mark.parametrize("call", ["shape", "execute"])
def test_a_refusal_by_a_dead_context_is_a_loss_and_not_a_bad_frame(package: Package, call: str) -> None:
    bench = Bench()
    runner = bench.runner(package)
    bench.trt_faults.dies_in = call
    with pytest.raises(DeviceLost, match="illegal memory access"):
        runner.run(image())


def test_what_an_earlier_plan_made_tensorrt_say_is_not_quoted(package: Package) -> None:
    bench = Bench()
    trt, layer = bench.trt(), bench.layer()
    backend = Backend("tensorrt", "fp32", "cuda:0", "double")
    with pytest.raises(Unavailable, match="magicTag"):
        PlanRunner(trt, layer, package, Form("fp32", b"garbage"), backend)
    bench.trt_faults.context_none = True
    with pytest.raises(Unavailable, match="cannot make a context") as caught:
        PlanRunner(trt, layer, package, Form("fp32", MARK + package.model), backend)
    assert "magicTag" not in str(caught.value)


@pytest.mark.parametrize("wait", range(1, 9))
def test_a_dead_context_ends_the_process_whenever_it_dies(package: Package, wait: int) -> None:
    bench = Bench()
    runner = bench.runner(package)
    bench.gpu.faults.lost_at = bench.gpu.waits + wait
    with pytest.raises(DeviceLost, match="illegal memory access") as caught:
        check_right(runner, 20)
    assert "restart" in str(caught.value)
    for _ in range(2):
        with pytest.raises(DeviceLost):
            runner.run(image())
    assert not bench.gpu.current


@pytest.mark.parametrize("integrated", [False, True])
@pytest.mark.parametrize(
    ("name", "said"),
    [
        ("empty_graph", "answers something else"),
        ("capture_error", "CUDA_ERROR_STREAM_CAPTURE_IMPLICIT (906)"),
        ("refuse_capture", "refused while capturing"),
    ],
)
def test_a_graph_that_does_not_work_is_never_used(package: Package, name: str, said: str, integrated: bool) -> None:
    bench = Bench(Gpu(integrated=integrated))
    set_fault(name)(bench)
    runner = bench.runner(package)
    check_right(runner, 10)
    assert said in runner.graphs.off
    assert runner.graphs.replayed == 0
    assert runner.graphs.fallbacks == 7, "every call after the third, which tried"


def test_a_graph_that_stops_launching_is_given_up_and_the_frame_runs_eagerly(package: Package) -> None:
    bench = Bench()
    runner = bench.runner(package)
    check_right(runner)
    replayed = runner.graphs.replayed
    assert replayed
    bench.gpu.faults.launch_error_at = bench.gpu.launches + 1
    check_right(runner)
    assert "does not launch" in runner.graphs.off
    assert (runner.graphs.replayed, runner.graphs.fallbacks) == (replayed, 8)


def test_without_cuda_bindings_everything_runs_eagerly(package: Package) -> None:
    runner = Bench(bindings=False).runner(package)
    check_right(runner)
    assert (runner.graphs.off, runner.graphs.fallbacks) == ("cuda-bindings is not installed", 8)


@pytest.mark.parametrize(("bindings", "why"), [(False, "cuda-bindings is not installed"), (True, "answers something")])
def test_graphs_that_are_given_up_are_said_once(
    package: Package, caplog: pytest.LogCaptureFixture, bindings: bool, why: str
) -> None:
    bench = Bench(bindings=bindings)
    set_fault("empty_graph")(bench)
    with caplog.at_level(logging.WARNING):
        runner = bench.runner(package)
        check_right(runner, 10)
    (said,) = caplog.messages
    assert why in said
    facts = runner.facts()
    assert why in facts["graphs_off"]
    assert (facts["replayed"], facts["fallbacks"]) == (0, runner.graphs.fallbacks)
    assert facts["gpu_ms"] > 0


@pytest.mark.skipif(find_spec("tensorrt_rtx_bindings") is None, reason="rtx is not installed")
@pytest.mark.parametrize("data", [b"", b"garbage" * 100])
def test_the_real_module_refuses_garbage_in_its_own_words(package: Package, data: bytes) -> None:
    import tensorrt_rtx_bindings as trt

    backend = Backend("tensorrt-rtx", "fp32", "cuda:0", "double")
    with pytest.raises(Unavailable) as caught:
        PlanRunner(trt, Bench().layer(), package, Form("fp32", data), backend)
    assert "tensorrt-rtx" in str(caught.value)
    assert "no reason" not in str(caught.value)


def one_device() -> Probe:
    return Probe((Device("double", (8, 6), 1 << 30, 8, False),), "13.0", "", "")


def test_what_is_missing_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    installed = {"tensorrt_rtx_bindings"}
    monkeypatch.setattr(plan, "find_spec", lambda name: name if name in installed else None)
    monkeypatch.setattr(plan, "cuda_here", lambda: Probe((), "", "", "no driver"))
    assert why_no_plans("tensorrt") == "tensorrt is not installed"
    assert why_no_plans("rtx") == "no driver"
    monkeypatch.setattr(plan, "cuda_here", one_device)
    assert why_no_plans("rtx") == "pycuda is not installed"
    installed.add("pycuda")
    assert why_no_plans("rtx") == ""


@pytest.mark.parametrize("name", ["tensorrt", "tensorrt-rtx"])
def test_a_runner_that_cannot_run_here_says_why(package: Package, name: str) -> None:
    if not (why := why_not(name)):
        pytest.skip("it can run here: tests/gpu")
    with pytest.raises(ScansideError) as caught:
        load_runner(name, package, Form("fp32", b"plan"))
    assert why in str(caught.value)


def test_the_first_installed_module_is_used(package: Package, monkeypatch: pytest.MonkeyPatch) -> None:
    bench = Bench()
    bench.trt_faults.report = '{"Layers": [{"LayerType": "CaskConvolution", "Inputs": [{"Datatype": "Int8"}]}]}'
    monkeypatch.setattr(plan, "cuda_here", one_device)
    monkeypatch.setattr(plan, "find_spec", lambda name: None if name == "tensorrt_rtx" else name)
    monkeypatch.setattr(plan, "import_module", {"tensorrt_rtx_bindings": bench.trt()}.__getitem__)
    monkeypatch.setattr(plan, "open_layer", bench.layer)
    form = Form("int8-s8", MARK + package.model)
    runner = load_plan("rtx", package, form)
    check_right(runner)
    assert runner.backend == Backend("tensorrt-rtx", "int8-s8", "cuda:0", "double", real_gpu=True)
    assert tensorrt_rtx.low_share(package, form) == 1.0


@pytest.mark.parametrize("error", [ImportError("no module named x"), OSError("libnvinfer.so.11: cannot open")])
def test_a_broken_installation_is_a_sentence(
    package: Package, monkeypatch: pytest.MonkeyPatch, error: Exception
) -> None:
    def broken(_name: str) -> None:
        raise error

    monkeypatch.setattr(plan, "why_no_plans", lambda _target: "")
    monkeypatch.setattr(plan, "find_spec", lambda name: name)
    monkeypatch.setattr(plan, "import_module", broken)
    with pytest.raises(Unavailable, match="tensorrt cannot be loaded") as caught:
        load_plan("tensorrt", package, Form("fp32", b"plan"))
    assert str(error) in str(caught.value)
