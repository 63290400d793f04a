"""A choice that cannot be loaded any more costs the fastest path, never the network."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from engine.errors import DeviceLost, PlanRefused, ScansideError, Unavailable
from engine.forms import FP32, Form
from engine.package import Package, load_package, trusted_keys
from engine.plans import candidate
from engine.plans.choose import Choice
from engine.runners import AUTO
from engine.seams import Runner
from firmware.inference import chosen
from firmware.inference.chosen import chosen_runner
from tests.engine.plans.choose_cases import Bench
from tests.engine.runners.smoothing import write_package


@pytest.fixture(scope="module")
def package(tmp_path_factory: pytest.TempPathFactory) -> Package:
    folder, keys = write_package(tmp_path_factory.mktemp("chosen"))
    return load_package(folder, trusted_keys(keys))


@pytest.fixture
def machine(package: Package, monkeypatch: pytest.MonkeyPatch) -> Bench:
    made = Bench(package, monkeypatch)
    made.add("quick", {FP32: (4.0, 1.0)})
    made.add("gpu", {FP32: (1.0, 1.0)})
    return made


Start = Callable[..., tuple[Runner, Choice]]


@pytest.fixture
def start(machine: Bench, tmp_path: Path) -> Start:
    """One start of a worker; the first has been, and its findings are kept in a folder."""

    def again(backend: str = AUTO) -> tuple[Runner, Choice]:
        return chosen_runner(machine.package, backend, tmp_path, machine.clock)

    runner, choice = again()
    assert (runner.backend.runner, choice.runner, choice.cached) == ("gpu", "gpu", False)
    return again


def test_a_table_of_the_site_that_cannot_be_used_costs_itself_alone(
    package: Package, start: Start, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    table = tmp_path / "calibration" / package.manifest.name / "int8.json"
    table.parent.mkdir(parents=True)
    table.write_text("{")
    assert start()[1].runner == "gpu"
    assert f"table of this site not used: {table}" in caplog.text


@pytest.mark.parametrize("error", [Unavailable("no room on the GPU"), RuntimeError("odd")])
def test_the_next_best_serves_in_the_place_of_what_cannot_be_loaded(
    machine: Bench, start: Start, error: Exception
) -> None:
    machine.faults["gpu"] = error, None
    for _ in range(2):
        runner, choice = start()
        assert (runner.backend.runner, choice.runner) == ("quick", "quick")
        assert str(error) in next(row.why_not for row in choice.rows if row.runner == "gpu")
    assert choice.cached, "no start fails twice"


def test_what_answers_otherwise_than_the_package_says_does_not_serve(machine: Bench, start: Start) -> None:
    machine.add("gpu", {FP32: (1.0, 1.1)})
    runner, choice = start()
    assert (runner.backend.runner, choice.runner) == ("quick", "quick")
    assert "golden frames" in next(row.why_not for row in choice.rows if row.runner == "gpu")


def test_a_damaged_plan_costs_itself_alone(machine: Bench, start: Start, monkeypatch: pytest.MonkeyPatch) -> None:
    def damaged(*_: Any) -> Form:
        raise PlanRefused("was changed after it was made", "plan", "compile it again", "damaged")

    machine.add("gpu", {FP32: (0.5, 1.0)}, needs_plan=True)
    machine.library = "1.1"
    for module in (candidate, chosen):
        monkeypatch.setattr(module, "plan_form", lambda *_: Form(FP32, b"a plan"))
    assert start()[1].runner == "gpu"
    for module in (candidate, chosen):
        monkeypatch.setattr(module, "plan_form", damaged)
    runner, choice = start()
    assert (runner.backend.runner, choice.runner) == ("quick", "quick")
    assert start()[1].cached


def refuse(monkeypatch: pytest.MonkeyPatch, *names: str) -> None:
    """When it is chosen these can be loaded, and when it is to serve they cannot."""
    load = chosen.load_runner

    def refusing(name: str, package: Package, form: Form) -> Runner:
        if name in names:
            raise Unavailable("no room", name)
        return load(name, package, form)

    monkeypatch.setattr(chosen, "load_runner", refusing)


def test_where_nothing_faster_can_be_loaded_the_safe_one_serves(
    machine: Bench, start: Start, monkeypatch: pytest.MonkeyPatch
) -> None:
    refuse(monkeypatch, "gpu", "quick")
    runner, choice = start()
    assert runner.backend.runner == choice.runner == "onnxruntime-cpu"
    assert choice.why == "onnxruntime-cpu fp32: gpu fp32 was chosen and cannot be loaded (gpu: no room)"


def test_where_not_even_that_can_be_loaded_it_is_an_error(
    machine: Bench, start: Start, monkeypatch: pytest.MonkeyPatch
) -> None:
    refuse(monkeypatch, "gpu", "quick", "onnxruntime-cpu")
    with pytest.raises(Unavailable, match="onnxruntime-cpu: no room"):
        start()


def test_nothing_takes_the_place_of_what_is_asked_for(
    machine: Bench, start: Start, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert start("gpu")[1].runner == "gpu"
    refuse(monkeypatch, "gpu")
    with pytest.raises(Unavailable, match="gpu: no room"):
        start("gpu")
    machine.faults["gpu"] = Unavailable("no room on the GPU"), None
    with pytest.raises(ScansideError, match="gpu cannot serve here"):
        start("gpu")


def test_a_lost_gpu_ends_this_process_and_the_next_chooses_anew(machine: Bench, start: Start) -> None:
    machine.faults["gpu"] = DeviceLost("the GPU failed"), None
    with pytest.raises(DeviceLost):
        start()
    assert start()[1].runner == "quick"
    machine.faults.clear()
    assert start()[1].runner == "gpu", "that it was lost is not for ever"
