"""The plan runner on doubles that compute: the right numbers, no memory per frame, and graphs only where they work."""

import json
import threading

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from engine.errors import InputRefused
from engine.package import Package, load_package, trusted_keys
from engine.runners.golden import check_golden
from engine.seams import Runner
from tests.engine.cuda.gpu_double import Gpu
from tests.engine.cuda.trt_double import TrtFaults
from tests.engine.runners.plan_cases import Bench
from tests.engine.runners.smoothing import smoothed, write_package


@pytest.fixture(scope="module")
def package(tmp_path_factory: pytest.TempPathFactory) -> Package:
    folder, keys = write_package(tmp_path_factory.mktemp("package"))
    return load_package(folder, trusted_keys(keys))


def image(*shape: int, seed: int = 0) -> np.ndarray:
    return np.random.default_rng(seed).uniform(0, 100, shape).astype(np.float32)


@pytest.fixture(params=["discrete", "integrated"])
def bench(request: pytest.FixtureRequest) -> Bench:
    return Bench(Gpu(integrated=request.param == "integrated"))


def test_it_is_a_runner_and_reproduces_the_golden_frames(bench: Bench, package: Package) -> None:
    runner: Runner = bench.runner(package)
    check_golden(runner, package)
    assert (runner.backend.requested, runner.backend.actual, runner.backend.real_gpu) == ("cuda:0", "double", False)


def test_the_answer_is_the_networks_eager_and_replayed(bench: Bench, package: Package) -> None:
    runner = bench.runner(package)
    for seed in range(12):
        given = image(2, 1, 16, 24, seed=seed)
        np.testing.assert_allclose(runner.run(given)[0], smoothed(given), atol=1e-3)
    assert runner.graphs.off == ""
    assert runner.graphs.replayed >= 6
    assert runner.graphs.fallbacks == 0
    assert runner.gpu_ms > 0


def test_memory_is_copied_only_where_the_device_has_its_own(package: Package) -> None:
    for integrated in (False, True):
        bench = Bench(Gpu(integrated=integrated))
        runner = bench.runner(package)
        runner.run(image(1, 1, 16, 16))
        (ring,) = runner._rings.values()
        assert all((place.device is None) is integrated for slot in ring for place in (slot.taken, *slot.made))


def test_nothing_is_allocated_per_frame(bench: Bench, package: Package) -> None:
    runner = bench.runner(package)
    runner.run(image(1, 1, 16, 16))
    before = bench.gpu.allocations
    answers = [id(runner.run(image(1, 1, 16, 16, seed=seed))[0]) for seed in range(20)]
    assert bench.gpu.allocations == before
    assert len(set(answers)) == 2


def test_an_answer_stays_while_the_next_call_runs(bench: Bench, package: Package) -> None:
    runner = bench.runner(package)
    for seed in range(10):
        first = runner.run(image(1, 1, 16, 16, seed=seed))[0]
        kept = first.copy()
        runner.run(image(1, 1, 16, 16, seed=seed + 100))
        np.testing.assert_array_equal(first, kept)


def test_device_memory_of_shapes_used_long_ago_is_freed(package: Package) -> None:
    bench = Bench()
    runner = bench.runner(package)
    for size in range(8, 40):
        runner.run(image(1, 1, size, 16))
    assert len(bench.gpu.memory) == 4 * 2 * 2  # four shapes, two slots, input and output


def test_the_shape_used_longest_ago_goes_first(package: Package) -> None:
    bench = Bench()
    runner = bench.runner(package)
    for size in (8, 9, 10, 11, 8, 12):
        runner.run(image(1, 1, size, 16))
    before = bench.gpu.allocations
    runner.run(image(1, 1, 8, 16))
    assert bench.gpu.allocations == before
    runner.run(image(1, 1, 9, 16))
    assert bench.gpu.allocations > before


@settings(max_examples=40, deadline=None)
@given(
    calls=st.lists(
        st.tuples(st.integers(1, 4), st.sampled_from([8, 9, 16, 23]), st.sampled_from([8, 21]), st.integers(1, 6)),
        min_size=1,
        max_size=12,
    ),
    integrated=st.booleans(),
    bindings=st.booleans(),
    empty=st.booleans(),
)
def test_any_order_of_shapes_gives_the_networks_answers(
    package: Package, calls: list[tuple[int, int, int, int]], integrated: bool, bindings: bool, empty: bool
) -> None:
    bench = Bench(Gpu(integrated=integrated), bindings=bindings)
    bench.gpu.faults.empty_graph = empty
    runner = bench.runner(package)
    for number, (count, y, x, repeats) in enumerate(calls):
        for repeat in range(repeats):
            given = image(count, 1, y, x, seed=number * 10 + repeat)
            before = given.copy()
            np.testing.assert_allclose(runner.run(given)[0], smoothed(given), atol=1e-3)
            np.testing.assert_array_equal(given, before)
    assert not bench.gpu.current, "nothing stays current between calls"
    assert not (empty and runner.graphs.replayed)


def test_a_size_outside_the_plan_is_refused_and_the_next_frame_runs(bench: Bench, package: Package) -> None:
    runner = bench.runner(package)
    runner.run(image(1, 1, 16, 16))
    for _ in range(2):
        with pytest.raises(InputRefused, match="not made for"):
            runner.run(image(1, 1, 65, 16))
    np.testing.assert_allclose(runner.run(image(1, 1, 16, 16))[0], smoothed(image(1, 1, 16, 16)), atol=1e-3)


def test_bad_input_is_refused_before_the_device_is_asked(bench: Bench, package: Package) -> None:
    runner = bench.runner(package)
    runner.run(image(1, 1, 16, 16))
    waits = bench.gpu.waits
    for wrong, reason in (
        (np.full((1, 1, 16, 16), np.nan, np.float32), "not_finite"),
        (image(1, 1, 16, 16).astype(np.float64), "dtype"),
        (image(1, 2, 16, 16), "shape"),
        (image(1, 1, 16, 16) - 200, "range"),
    ):
        with pytest.raises(InputRefused) as caught:
            runner.run(wrong)
        assert caught.value.reason == reason
    assert bench.gpu.waits == waits


def test_another_thread_may_not_use_it(bench: Bench, package: Package) -> None:
    runner, caught = bench.runner(package), []

    def use() -> None:
        try:
            runner.run(image(1, 1, 16, 16))
        except RuntimeError as error:
            caught.append(str(error))

    thread = threading.Thread(target=use)
    thread.start()
    thread.join()
    assert "thread that loaded it" in caught[0]


@pytest.mark.parametrize(
    ("first", "second", "share"), [("Int8", "Half", 1.0), ("Int8", "Float", 0.5), ("N/A", "N/A", None)]
)
def test_the_precision_is_what_the_plan_reports(
    bench: Bench, package: Package, first: str, second: str, share: float | None
) -> None:
    layers = [{"LayerType": "CaskConvolution", "Inputs": [{"Datatype": kind}]} for kind in (first, second)]
    bench.trt_faults = TrtFaults(report=json.dumps({"Layers": layers}))
    runner = bench.runner(package)
    runner.run(image(1, 1, 16, 16))
    assert runner.low_share() == share


def test_a_runner_that_goes_gives_its_memory_back(bench: Bench, package: Package) -> None:
    runner = bench.runner(package)
    for _ in range(6):
        runner.run(image(1, 1, 16, 16))
    assert bench.gpu.memory
    assert bench.gpu.graphs == 2
    del runner
    assert (bench.gpu.memory, bench.gpu.graphs, bench.gpu.given_back) == ({}, 0, 1)
