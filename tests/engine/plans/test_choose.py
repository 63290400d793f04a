"""What serves is the fastest that passed the gate; it is remembered, may be forced, and is never taken on trust."""

import dataclasses
import subprocess
import sys
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest

from engine.errors import DeviceLost, PlanRefused, ScansideError, Unavailable
from engine.forms import FP32, INT8_U8, Form
from engine.package import Package, load_package, trusted_keys
from engine.plans import candidate
from engine.plans import choose as choosing
from engine.plans.identity import Machine
from engine.plans.kept import keep
from engine.plans.race import race
from engine.plans.slots import Pointer
from engine.plans.store import open_store
from engine.seams import Backend, Runner
from tests.engine.plans.choose_cases import Bench, Clock, ReadOnly
from tests.engine.runners.smoothing import write_package


@pytest.fixture(scope="module")
def package(tmp_path_factory: pytest.TempPathFactory) -> Package:
    folder, keys = write_package(tmp_path_factory.mktemp("choose"))
    return load_package(folder, trusted_keys(keys))


@pytest.fixture
def bench(package: Package, monkeypatch: pytest.MonkeyPatch) -> Bench:
    return Bench(package, monkeypatch)


def test_the_fastest_that_passed_is_chosen_and_says_why(bench: Bench) -> None:
    bench.add("quick", {FP32: (4.0, 1.0), INT8_U8: (2.0, 1.0)})
    choice = bench.choose()
    assert (choice.runner, choice.form, choice.cached) == ("quick", INT8_U8, False)
    assert choice.why == "quick int8-u8: 5.0 times onnxruntime-cpu fp32"
    rows = {(row.runner, row.form): row for row in choice.rows}
    assert {pair: row.p50_ms for pair, row in rows.items()} == {
        ("onnxruntime-cpu", FP32): pytest.approx(10.0),
        ("quick", FP32): pytest.approx(4.0),
        ("quick", INT8_U8): pytest.approx(2.0),
    }
    assert rows["quick", INT8_U8].actual == "got"
    assert all(row.why_not == "" and row.loss == 0.0 for row in choice.rows)


def test_fast_and_wrong_is_refused_and_said(bench: Bench) -> None:
    bench.add("quick", {FP32: (2.0, 1.01)})
    choice = bench.choose()
    assert (choice.runner, choice.form) == ("onnxruntime-cpu", FP32)
    assert choice.why == "onnxruntime-cpu fp32: nothing that passed the gate is faster"
    (refused,) = [row for row in choice.rows if row.runner == "quick"]
    assert "golden frames: denoised loses" in refused.why_not
    assert refused.p50_ms is None, "what may not serve is not timed"


def test_a_form_whose_precision_is_only_claimed_is_refused(bench: Bench) -> None:
    bench.add("quick", {INT8_U8: (2.0, 1.0)}, share=0.0)
    choice = bench.choose()
    assert choice.runner == "onnxruntime-cpu"
    assert "0% of the convolutions" in choice.rows[1].why_not


def test_what_is_missing_has_its_row(bench: Bench) -> None:
    bench.add("away", {FP32: (1.0, 1.0)}, why_not="no NVIDIA driver is installed")
    choice = bench.choose()
    assert choice.runner == "onnxruntime-cpu"
    assert ("away", "", "no NVIDIA driver is installed") in {(r.runner, r.form, r.why_not) for r in choice.rows}
    assert ("away", FP32) not in bench.loaded


def test_within_three_hundredths_the_steadier_one_is_taken(bench: Bench) -> None:
    bench.add("even", {FP32: (4.05, 1.0)})
    bench.add("jumpy", {FP32: (4.0, 1.0)})
    straight = sys.modules["tests_runner_jumpy"]
    load = straight.load

    def jumping(package: Package, form: Form) -> Runner:
        runner = load(package, form)
        run, calls = runner.run, iter(range(10_000))

        def slow_at_times(batch: np.ndarray) -> tuple[np.ndarray, ...]:
            bench.clock.seconds += 0.05 if next(calls) % 20 == 19 else 0
            return run(batch)

        runner.run = slow_at_times
        return runner

    straight.load = jumping  # type: ignore[attr-defined]
    assert bench.choose().runner == "even"


def test_the_choice_is_found_again_without_loading_anything(bench: Bench) -> None:
    bench.add("quick", {FP32: (4.0, 1.0)})
    first = bench.choose()
    bench.loaded.clear()
    again = bench.choose()
    assert bench.loaded == []
    assert again == dataclasses.replace(first, cached=True)


@pytest.mark.parametrize("change", ["library", "package", "ranges", "runner", "rules", "power mode", "plan"])
def test_a_change_of_anything_that_matters_makes_it_anew(
    bench: Bench, change: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    bench.choose()
    bench.loaded.clear()
    tables = {"power mode": {"power_mode": "15W"}, "ranges": {"ranges": SimpleNamespace(sha256="0" * 64)}}
    more: dict[str, Any] = tables.get(change, {})
    if change == "library":
        bench.library = "1.1"
    elif change == "package":
        bench.package = dataclasses.replace(bench.package, sha256="0" * 64)
    elif change == "runner":
        bench.add("quick", {FP32: (4.0, 1.0)})
    elif change == "plan":
        bench.notes.pointers["mean/tensorrt-here/fp16"] = Pointer("0" * 64)
        bench.notes.whole.append("0" * 64)
    elif change == "rules":
        monkeypatch.setattr(choosing.gates, "VERSION", 99)
    assert not bench.choose(**more).cached
    assert bench.loaded


def test_a_verdict_holds_for_its_form_alone(bench: Bench, monkeypatch: pytest.MonkeyPatch) -> None:
    bench.add("quick", {FP32: (4.0, 1.0), INT8_U8: (2.0, 1.0)})
    gated: list[str] = []
    gate = candidate.gate

    def counted(*given: Any, **more: Any) -> Any:
        gated.append(given[3].name)
        return gate(*given, **more)

    monkeypatch.setattr(candidate, "gate", counted)
    bench.choose()
    assert gated == [FP32, FP32, INT8_U8]
    bench.notes.documents.pop("choice-mean")
    bench.choose()
    assert len(gated) == 3, "the verdicts were kept"
    bench.notes.documents.pop("choice-mean")
    other = b"another file of the same network"
    monkeypatch.setattr(
        candidate, "make_form", lambda package, name, ranges: Form(name, other if name == INT8_U8 else package.model)
    )
    bench.choose()
    assert gated[3:] == [INT8_U8]


def test_a_note_that_makes_no_sense_is_made_anew(bench: Bench) -> None:
    bench.choose()
    bench.notes.documents["choice-mean"]["found"] = {"runner": 7}
    assert not bench.choose().cached


def test_a_store_that_cannot_be_written_costs_only_time(bench: Bench) -> None:
    bench.notes = ReadOnly()
    assert bench.choose().runner == "onnxruntime-cpu"
    assert not bench.choose().cached


def test_a_runner_may_be_forced_though_it_is_slower(bench: Bench) -> None:
    bench.add("slow", {FP32: (20.0, 1.0)})
    choice = bench.choose(forced="slow")
    assert (choice.runner, choice.form) == ("slow", FP32)
    assert choice.why == "slow fp32: asked for; 0.5 times onnxruntime-cpu fp32"
    assert bench.choose().runner == "onnxruntime-cpu", "another wish is another choice"


def test_a_runner_of_plans_is_given_the_current_plan(bench: Bench, monkeypatch: pytest.MonkeyPatch) -> None:
    def plan(store: Any, package: Package, runner: str, form: str, ranges: Any, machine: Machine, clock: Any) -> Form:
        if form == INT8_U8:
            raise PlanRefused("no plan is kept for it", "mean/gpu/int8-u8", "scanside compile mean", "missing")
        return Form(form, b"a plan")

    monkeypatch.setattr(candidate, "plan_form", plan)
    bench.add("gpu", {FP32: (1.0, 1.0), INT8_U8: (0.5, 1.0)}, needs_plan=True)
    choice = bench.choose()
    assert (choice.runner, choice.form) == ("gpu", FP32)
    (missing,) = [row.why_not for row in choice.rows if row.form == INT8_U8]
    assert "scanside compile mean" in missing
    assert bench.choose().cached, "that there is no plan is no passing fault"


def test_what_failed_on_the_way_is_tried_again_at_the_next_start(bench: Bench) -> None:
    bench.add("gpu", {FP32: (1.0, 1.0)})
    bench.faults["gpu"] = DeviceLost("the GPU no longer answers"), 0
    choice = bench.choose()
    assert (choice.runner, choice.rows[1].why_not) == (
        "onnxruntime-cpu",
        "it fails (DeviceLost: the GPU no longer answers)",
    )
    bench.faults.clear()
    assert bench.choose().runner == "gpu"


@pytest.mark.parametrize("runs", [None, 0, 3], ids=["loading", "gate", "race"])
def test_a_lost_gpu_that_is_asked_for_is_another_processs_turn(bench: Bench, runs: int | None) -> None:
    bench.add("gpu", {FP32: (1.0, 1.0)})
    if runs:
        bench.choose(forced="gpu")
        bench.notes.documents.pop("choice-mean")
    bench.faults["gpu"] = DeviceLost("the GPU no longer answers"), runs
    with pytest.raises(DeviceLost, match=r"gpu fp32: .*the GPU no longer answers"):
        bench.choose(forced="gpu")
    assert bench.choose().runner == "onnxruntime-cpu"
    bench.faults["gpu"] = RuntimeError("odd"), 0
    with pytest.raises(Unavailable, match="odd"):
        bench.choose(forced="gpu:fp32")


@pytest.mark.parametrize("error", [DeviceLost("the GPU no longer answers"), RuntimeError("odd")])
def test_what_fails_while_it_is_timed_costs_itself_alone(bench: Bench, error: Exception) -> None:
    bench.add("quick", {FP32: (4.0, 1.0)})
    bench.add("gpu", {FP32: (1.0, 1.0)})
    assert bench.choose().runner == "gpu"
    bench.notes.documents.pop("choice-mean")
    bench.faults["gpu"] = error, 7
    choice = bench.choose()
    assert choice.runner == "quick"
    (row,) = [row for row in choice.rows if row.runner == "gpu"]
    assert (row.why_not, row.p50_ms) == (f"it fails ({type(error).__name__}: {error})", None)
    bench.faults.clear()
    assert bench.choose().runner == "gpu", "it was not settled"


def test_where_the_safe_one_fails_while_it_is_timed_another_serves_and_says_so(bench: Bench) -> None:
    bench.add("quick", {FP32: (4.0, 1.0)})
    bench.choose()
    bench.notes.documents.pop("choice-mean")
    bench.faults["onnxruntime-cpu"] = RuntimeError("odd"), 3
    assert bench.choose().why == "quick fp32: onnxruntime-cpu fp32 may not serve (it fails (RuntimeError: odd))"


def test_the_reason_says_why_the_safe_one_was_not_tried(bench: Bench) -> None:
    bench.add("onnxruntime-cpu", {FP32: (10.0, 1.0)}, why_not="its library is broken")
    bench.add("quick", {FP32: (4.0, 1.0)})
    assert bench.choose().why == "quick fp32: onnxruntime-cpu fp32 may not serve (its library is broken)"


@pytest.mark.parametrize("error", [KeyboardInterrupt(), SystemExit(), RuntimeError("odd"), DeviceLost("gone")])
def test_an_end_that_is_no_crash_never_counts(bench: Bench, error: BaseException) -> None:
    bench.add("quick", {FP32: (4.0, 1.0)})
    bench.faults["quick"] = error, None
    for _ in range(3):
        bench.notes.documents.pop("choice-mean", None)
        if isinstance(error, Exception):
            assert str(error) in bench.choose().rows[1].why_not
        else:
            with pytest.raises(type(error)):
                bench.choose()
    bench.notes.documents.pop("choice-mean", None)
    bench.faults.clear()
    assert bench.choose().runner == "quick"


def test_a_plan_that_is_out_of_use_counts_again_when_it_is_back(bench: Bench, monkeypatch: pytest.MonkeyPatch) -> None:
    def plan(*_: Any) -> Form:
        if not bench.notes.whole:
            raise PlanRefused("no such plan is kept", "mean", "scanside compile mean", "missing")
        return Form(FP32, b"a plan")

    monkeypatch.setattr(candidate, "plan_form", plan)
    bench.add("gpu", {FP32: (1.0, 1.0)}, needs_plan=True)
    bench.notes.pointers["mean/gpu/fp32"] = Pointer("0" * 64)
    bench.notes.whole.append("0" * 64)
    assert bench.choose().runner == "gpu"
    bench.notes.whole.clear()
    assert bench.choose().runner == "onnxruntime-cpu"
    bench.notes.whole.append("0" * 64)
    assert bench.choose().runner == "gpu"


@pytest.mark.parametrize(
    "error",
    [PlanRefused("too many open files", "store", reason="store"), Unavailable("its compiler is gone")],
)
def test_a_plan_that_cannot_be_read_now_is_asked_for_again(
    bench: Bench, monkeypatch: pytest.MonkeyPatch, error: ScansideError
) -> None:
    def plan(*_: Any) -> Form:
        raise error

    monkeypatch.setattr(candidate, "plan_form", plan)
    bench.add("gpu", {FP32: (1.0, 1.0)}, needs_plan=True)
    bench.choose()
    assert not bench.choose().cached


def test_a_plan_of_another_network_changes_nothing(bench: Bench) -> None:
    bench.choose()
    bench.notes.pointers["other/tensorrt-here/fp16"] = Pointer("0" * 64)
    assert bench.choose().cached


def test_a_form_may_be_forced(bench: Bench) -> None:
    bench.add("quick", {FP32: (4.0, 1.0), INT8_U8: (2.0, 1.0)})
    assert bench.choose(forced="quick:fp32").form == FP32
    assert ("quick", INT8_U8) not in bench.loaded


@pytest.mark.parametrize(
    ("forced", "says"),
    [
        ("abacus", "no runner is called 'abacus'; known are auto, onnxruntime-cpu, quick, away"),
        ("quick:int4", "quick does not serve the form 'int4'; known are quick:fp32, quick:int8-u8"),
        ("away", "no NVIDIA driver is installed"),
        ("away:fp32", "no NVIDIA driver is installed"),
        ("quick:int8-u8", "golden frames: denoised loses"),
    ],
)
def test_what_is_forced_and_cannot_serve_is_an_error_with_its_reason(bench: Bench, forced: str, says: str) -> None:
    bench.add("quick", {FP32: (4.0, 1.0), INT8_U8: (2.0, 1.1)})
    bench.add("away", {FP32: (1.0, 1.0)}, why_not="no NVIDIA driver is installed")
    with pytest.raises(Unavailable) as caught:
        bench.choose(forced=forced)
    assert says in str(caught.value)


def test_where_not_even_the_safe_one_passes_nothing_serves(bench: Bench) -> None:
    bench.add("onnxruntime-cpu", {FP32: (10.0, 1.5)})
    with pytest.raises(Unavailable, match="golden frames"):
        bench.choose()


def test_a_form_that_cannot_be_made_is_a_row(bench: Bench, monkeypatch: pytest.MonkeyPatch) -> None:
    def make(package: Package, name: str, ranges: object) -> Form:
        if name == INT8_U8:
            raise Unavailable("no table of ranges", package.manifest.name, "scanside calibrate int8 mean")
        return Form(name, package.model)

    monkeypatch.setattr(candidate, "make_form", make)
    bench.add("quick", {FP32: (4.0, 1.0), INT8_U8: (2.0, 1.0)})
    choice = bench.choose()
    assert choice.form == FP32
    assert any("scanside calibrate int8 mean" in row.why_not for row in choice.rows)


def test_the_hopeless_are_timed_least() -> None:
    clock = Clock()

    def runner(ms: float) -> Runner:
        class Fixed:
            backend = Backend("fixed", FP32, "x", "x")

            def run(self, batch: np.ndarray) -> tuple[np.ndarray, ...]:
                clock.seconds += ms / 1e3
                return (batch,)

        return Fixed()

    runners = {"quick": runner(2), "near": runner(2.5), "far": runner(50)}
    found, failed = race(runners, np.zeros(1, np.float32), clock, 3.0)
    assert failed == {}
    assert (found["quick"].runs, found["near"].runs, found["far"].runs) == (60, 60, 5)
    clock.seconds = 0.0
    race({"quick": runner(400), "near": runner(500)}, np.zeros(1, np.float32), clock, 3.0)
    assert clock.seconds < 5.0


def test_each_runs_once_in_turn() -> None:
    order: list[str] = []

    def runner(name: str) -> Runner:
        class Named:
            backend = Backend(name, FP32, "x", "x")

            def run(self, batch: np.ndarray) -> tuple[np.ndarray, ...]:
                order.append(name)
                return (batch,)

        return Named()

    race({"a": runner("a"), "b": runner("b")}, np.zeros(1, np.float32), Clock(), 3.0)
    assert "".join(order[:8]) == "abababab"


CRASHES = """
import os, sys
from pathlib import Path
from types import ModuleType
from engine.package import load_package, trusted_keys
from engine.plans.choose import choose
from engine.plans.store import open_store
from engine.runners import RUNNERS, RunnerRow
from firmware.clock import SystemClock

broken = ModuleType("tests_broken")
broken.why_not = lambda: ""
broken.load = lambda package, form: os._exit(139)
sys.modules["tests_broken"] = broken
for name in list(RUNNERS):
    if name != "onnxruntime-cpu":
        del RUNNERS[name]
if sys.argv[4] != "nothing":
    RUNNERS[sys.argv[4]] = RunnerRow("tests_broken", ("fp32",), "install it")
package = load_package(Path(sys.argv[1]), trusted_keys(Path(sys.argv[2])))
choice = choose(package, store=open_store(Path(sys.argv[3])), clock=SystemClock())
print([(row.runner, row.why_not) for row in choice.rows if row.runner == "broken"])
print(choice.runner)
"""


def test_a_library_that_ends_the_process_is_left_out_from_the_third_start(tmp_path: Path) -> None:
    folder, keys = write_package(tmp_path)
    ended = [crash("broken", folder, keys, tmp_path / "state") for _ in range(3)]
    assert [one.returncode for one in ended] == [139, 139, 0], ended[-1].stderr
    assert "it crashed or hung 2 times" in ended[-1].stdout
    assert "onnxruntime-cpu" in ended[-1].stdout


def test_the_safe_one_is_never_left_out(tmp_path: Path) -> None:
    folder, keys = write_package(tmp_path)
    which = ["onnxruntime-cpu", "onnxruntime-cpu", "nothing"]
    ended = [crash(one, folder, keys, tmp_path / "state") for one in which]
    assert [one.returncode for one in ended] == [139, 139, 0], ended[-1].stderr


def crash(runner: str, *places: Path) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-c", CRASHES, *map(str, places), runner]
    return subprocess.run(command, capture_output=True, text=True, check=False, timeout=60)


def test_findings_that_cannot_be_kept_are_told_once(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    store = open_store(tmp_path)
    (tmp_path / "plans" / "notes").parent.mkdir(exist_ok=True)
    (tmp_path / "plans" / "notes").write_text("no folder")
    for number in range(3):
        keep(store, f"finding-{number}", "key", number)
    assert sum(record.levelname == "WARNING" for record in caplog.records) == 1
