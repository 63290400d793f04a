"""`scanside bench engine`: how it times, what it compares, what it says is missing, and what it never mixes."""

import hashlib
import importlib.util
import json
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import jsonschema
import numpy as np
import pytest
from rich.console import Console

from benchmarks import engine, engine_candidates, engine_goals, engine_timing
from benchmarks.engine import shipped
from benchmarks.engine_candidates import Candidate, Missing, candidates, missing_runners
from benchmarks.engine_goals import goals
from benchmarks.engine_memory import memory_mb
from benchmarks.engine_table import markdown, shown
from benchmarks.engine_timing import Effort, Times, back_to_back, paced, speed_ratio
from engine.cuda.probe import Probe
from engine.forms import BF16, FP32, INT8_U8, Form, fp32
from engine.forms.make import make_form
from engine.forms.ranges import U8, KindRanges, Ranges, ranges_bytes
from engine.package import Package, load_package, trusted_keys
from engine.plans.build import Built, Facts, ask_compiler
from engine.plans.extremes import typical
from engine.plans.identity import read_machine
from engine.plans.inputs import plan_inputs
from engine.plans.store import open_store
from engine.plans.target import TARGETS
from engine.runners import RUNNERS, load_runner
from firmware.cli import main
from firmware.clock import SystemClock
from firmware.device import DeviceReading
from models.shipped import KEYS, PACKAGES

ROW = {
    "model": "denoiser",
    "task": "denoise",
    "form": FP32,
    "runner": "onnxruntime-cpu",
    "p50_ms": 13.5,
    "p99_ms": 15.0,
    "p999_ms": None,
    "frames_per_s": 74.0,
    "speed_ratio_to_ort_fp32": 1.0,
    "speed_ratio_by": "CPU time",
    "speed_ratio_wall_time": 1.0,
    "quality_loss": 0.0,
    "quality_loss_unit": "dB in the object",
    "quality_loss_db": 0.0,
    "gate_passed": True,
    "memory_mb": 46.0,
    "build_s": None,
    "real_gpu": False,
    "power_mode": None,
    "device": {},
}
HERE = read_machine(Probe((), "", "", "no driver"))
FLAGS = ("avx512_vnni", "avx512_bf16")

ALWAYS = (ROW.keys() - {"quality_loss_db"}) | {
    "version",
    "package_sha256",
    "actual",
    "requested",
    "shape",
    "form_sha256",
    "ranges_sha256",
    "ranges_from",
    "cpu_ms",
    "n",
}
SCHEMA = {
    "required": ["schema", "machine", "device", "rows", "paced", "missing", "goals", "overhead", "command"],
    "properties": {
        "schema": {"const": "bench/engine/1"},
        "rows": {
            "minItems": 1,
            "items": {
                "required": sorted(ALWAYS),
                "properties": {
                    "p50_ms": {"exclusiveMinimum": 0},
                    "memory_mb": {"exclusiveMinimum": 0},
                    "real_gpu": {"type": "boolean"},
                    "build_s": {"type": ["number", "null"]},
                },
            },
        },
        "paced": {"items": {"required": ["model", "form", "runner", "p50_ms"], "not": {"required": ["frames_per_s"]}}},
        "missing": {"items": {"required": ["runner", "why_missing"]}},
    },
}


@pytest.fixture(scope="module")
def smooth() -> Package:
    return load_package(PACKAGES / "smooth", trusted_keys(KEYS))


@pytest.fixture(scope="module")
def baseline(smooth: Package, tmp_path_factory: pytest.TempPathFactory) -> Candidate:
    one = next(candidates(smooth, tmp_path_factory.mktemp("state"), HERE))
    assert isinstance(one, Candidate)
    return one


class FakeTime:
    """A clock that only calls and sleeps move."""

    def __init__(self) -> None:
        self.now = 100.0
        self.slept: list[float] = []

    def monotonic(self) -> float:
        return self.now

    perf_counter = process_time = monotonic

    def sleep(self, seconds: float) -> None:
        self.slept.append(seconds)
        self.now += seconds


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> FakeTime:
    fake = FakeTime()
    monkeypatch.setattr(engine_timing, "time", fake)
    return fake


def test_turns_interleave_and_the_first_place_moves_on(clock: FakeTime) -> None:
    order: list[str] = []

    def call(name: str, seconds: float) -> None:
        if not order or order[-1] != name:
            order.append(name)
        clock.now += seconds

    times = back_to_back([lambda: call("a", 0.002), lambda: call("b", 0.004), lambda: call("c", 0.001)], 60)
    assert "".join(order) == "abcbcacababcbcacab"
    assert [len(turn) for turn in times[0].wall] == [10] * 6
    assert times[1].percentiles_ms() == {"p50_ms": 4.0, "p99_ms": 4.0, "p999_ms": None, "max_ms": 4.0, "n": 60}
    assert times[1].frames_per_s(1) == 250.0
    assert times[2].cpu_ms() == 1.0
    assert speed_ratio(times[1].wall, times[0].wall) == {"ratio": 2.0, "low": 2.0, "high": 2.0}


@pytest.mark.parametrize(("each", "turns"), [(1000, [10] * 100), (200, [10] * 20), (25, [5] * 5), (3, [1] * 3)])
def test_turns_are_short_where_calls_are_few(clock: FakeTime, each: int, turns: list[int]) -> None:
    (times,) = back_to_back([lambda: None], each)
    assert [len(turn) for turn in times.wall] == turns


@pytest.mark.parametrize(
    ("seconds", "beat", "calls"), [(1.0, 0, 40), (100.0, 0, 1000), (0.1, 0, 20), (2.25, 0.010, 75), (5.0, 0.025, 100)]
)
def test_as_many_calls_as_the_time_allows_but_never_too_few(
    clock: FakeTime, seconds: float, beat: float, calls: int
) -> None:
    def take(each: float) -> None:
        clock.now += each

    assert Effort(seconds, 20).calls([lambda: take(0.005), lambda: take(0.020)], beat) == calls


def test_the_ratio_is_taken_turn_by_turn_so_a_slow_spell_falls_on_both() -> None:
    assert speed_ratio([[2.0], [20.0], [2.0]], [[1.0], [10.0], [1.0]]) == {"ratio": 2.0, "low": 2.0, "high": 2.0}


def test_p999_needs_a_thousand_calls() -> None:
    assert Times([[0.001] * 999]).percentiles_ms()["p999_ms"] is None
    assert Times([[0.001] * 998 + [1.0, 1.0]]).percentiles_ms()["p999_ms"] == 1000.0


def test_paced_calls_wait_for_the_beat_and_a_missed_one_is_let_go(clock: FakeTime) -> None:
    began: list[float] = []
    lasts = iter([0.010, 0.060, 0.010, 0.010])

    def call() -> None:
        began.append(round(clock.now - 100.0, 6))
        clock.now += next(lasts)

    (times,) = paced([call], 4, 0.025)
    assert began == [0.025, 0.05, 0.11, 0.135]
    assert times.wall == [pytest.approx([0.010, 0.060, 0.010, 0.010])]


def test_every_form_of_every_runner_that_works_is_a_row_or_says_why_not(smooth: Package, tmp_path: Path) -> None:
    found = list(candidates(smooth, tmp_path, HERE))
    first = found[0]
    assert isinstance(first, Candidate)
    assert (first.name, first.form.name) == engine_candidates.BASELINE
    assert first.report.passed
    assert first.report.golden is not None
    assert first.report.golden.value == pytest.approx(0, abs=1e-6)
    named = {(one.name, one.form.name) if isinstance(one, Candidate) else (one.runner, one.form) for one in found}
    assert named >= {("onnxruntime-cpu", FP32), ("onnxruntime-cpu", INT8_U8)}
    for one in found:
        if isinstance(one, Missing):
            assert one.model == "smooth"
            assert one.why_missing


def site_table(smooth: Package, folder: Path, model: bytes, times: float = 1.0) -> Ranges:
    """As `scanside calibrate int8` leaves it."""
    most = times * float(smooth.golden["image"].max())
    table = KindRanges("minmax", {"padded": (0.0, most), "denoised": (0.0, most)}, [], 0.0, "dB")
    digest = hashlib.sha256(model).hexdigest()
    ranges = Ranges(digest, 1, {U8: table}, ["0" * 64], ["1" * 64])
    (folder / "calibration/smooth").mkdir(parents=True)
    (folder / "calibration/smooth/int8.json").write_bytes(ranges_bytes(ranges))
    return ranges


def test_a_runner_that_does_not_work_here_is_missing_once(
    smooth: Package, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    away = replace(RUNNERS["openvino"], module="engine.runners.nowhere")
    monkeypatch.setitem(RUNNERS, "openvino", away)
    assert [one for one in missing_runners() if one.runner == "openvino"] == [
        Missing("", "", "openvino", "engine.runners.nowhere is not installed")
    ]
    found = list(candidates(smooth, tmp_path, HERE))
    assert "openvino" not in {one.name if isinstance(one, Candidate) else one.runner for one in found}


def int8_row(package: Package, state: Path) -> dict[str, Any]:
    """What is told of the int8 form on ONNX Runtime."""
    found = [one for one in candidates(package, state, HERE) if isinstance(one, Candidate)]
    (one,) = (one for one in found if (one.name, one.form.name) == ("onnxruntime-cpu", INT8_U8))
    assert engine._what(found[0], (1,))["ranges_sha256"] is None, "fp32 has none"
    return engine._what(one, (1,))


@pytest.fixture
def tabled(smooth: Package, tmp_path: Path) -> Package:
    """With a table of its own, in which values reach twice as far as in that of `site_table`."""
    return replace(smooth, ranges=site_table(smooth, tmp_path / "theirs", smooth.model, 2.0))


def test_a_row_tells_which_table_made_its_form(tabled: Package, tmp_path: Path) -> None:
    theirs = int8_row(tabled, tmp_path)
    assert tabled.ranges is not None
    assert (theirs["ranges_from"], theirs["ranges_sha256"]) == ("package", tabled.ranges.sha256)
    assert theirs["form_sha256"] == make_form(tabled, INT8_U8).sha256
    table = site_table(tabled, tmp_path, tabled.model)
    ours = int8_row(tabled, tmp_path)
    assert (ours["ranges_from"], ours["ranges_sha256"]) == ("site", table.sha256)
    assert ours["form_sha256"] == make_form(tabled, INT8_U8, table).sha256 != theirs["form_sha256"]


def test_a_form_that_a_package_carries_was_made_by_no_table(tabled: Package, tmp_path: Path) -> None:
    form = make_form(tabled, INT8_U8)
    assert int8_row(replace(tabled, forms={INT8_U8: form.data}), tmp_path)["ranges_sha256"] is None


def test_a_table_for_another_network_is_not_used(tabled: Package, tmp_path: Path) -> None:
    site_table(tabled, tmp_path, b"another network")
    assert int8_row(tabled, tmp_path)["ranges_from"] == "package"


@pytest.fixture
def planned(monkeypatch: pytest.MonkeyPatch) -> str:
    """Name of a runner that needs plans, the plans being ONNX files."""
    if not any(importlib.util.find_spec(module) for module in TARGETS["rtx"].modules):
        pytest.skip("TensorRT-RTX is not installed: there is no compiler to ask")
    row = replace(RUNNERS["onnxruntime-cpu"], forms=(FP32,), needs_plan=True)
    monkeypatch.setitem(RUNNERS, "tensorrt-rtx", row)
    return "tensorrt-rtx"


def test_a_runner_without_a_plan_says_how_to_make_one(smooth: Package, tmp_path: Path, planned: str) -> None:
    (missing,) = (
        one for one in candidates(smooth, tmp_path, HERE) if isinstance(one, Missing) and one.runner == planned
    )
    assert "scanside compile smooth --target rtx" in missing.why_missing


def test_a_plan_is_a_row_with_the_seconds_it_took_to_make(smooth: Package, tmp_path: Path, planned: str) -> None:
    compiler = ask_compiler("rtx", SystemClock())
    inputs = plan_inputs(smooth, fp32(smooth), None, "rtx", (HERE.sm,), compiler.version, HERE)
    facts = Facts(compiler.version, 2, 1, 0.0, 0.0, 12.345, 300, ())
    store = open_store(tmp_path)
    with store.building(inputs):
        store.put(inputs, Built(smooth.model, facts), {}, 0.0)
    store.promote(inputs)
    (one,) = (one for one in candidates(smooth, tmp_path, HERE) if isinstance(one, Candidate) and one.name == planned)
    assert one.build_s == 12.35
    assert one.report.passed


class Shifted:
    """A runner whose answers are off by five noise levels."""

    def __init__(self, runner: Any) -> None:
        self.runner, self.backend = runner, runner.backend

    def run(self, batch: Any) -> tuple[Any, ...]:
        return tuple(answer + np.float32(5) for answer in self.runner.run(batch))


def test_a_runner_that_answers_wrongly_is_a_row_that_the_gate_refuses(
    smooth: Package, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(engine_candidates, "load_runner", lambda *what: Shifted(load_runner(*what)))
    said = engine._worth(next(one for one in candidates(smooth, tmp_path, HERE) if isinstance(one, Candidate)))
    assert said["gate_passed"] is False
    assert said["quality_loss_db"] > said["quality_loss_limit"]
    assert any("denoised" in reason for reason in said["gate_reasons"])


def test_a_form_that_did_not_answer_has_no_loss(baseline: Candidate) -> None:
    dumb = replace(baseline, report=replace(baseline.report, golden=None, passed=False, reasons=("it fails",)))
    assert engine._worth(dumb) == {
        "gate_passed": False,
        "gate_reasons": ["it fails"],
        "quality_loss": None,
        "quality_loss_unit": "",
    }


class Thrice:
    """A runner that takes three times as long."""

    def __init__(self, runner: Any) -> None:
        self.runner, self.backend = runner, runner.backend

    def run(self, batch: Any) -> Any:
        for _ in range(2):
            self.runner.run(batch)
        return self.runner.run(batch)


def test_a_slow_runner_has_a_small_ratio(baseline: Candidate, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(engine, "_QUICK", Effort(0.0, 60))
    monkeypatch.setattr(engine, "_QUICK_PACED", Effort(0.0, 2))
    slow = replace(baseline, name="slow", runner=Thrice(baseline.runner))
    rows, beaten = engine._timed(baseline.package, [baseline, slow], True)
    assert [row["runner"] for row in rows] == [row["runner"] for row in beaten] == ["onnxruntime-cpu", "slow"]
    assert rows[0]["speed_ratio_to_ort_fp32"] == 1.0
    assert 0.2 < rows[1]["speed_ratio_to_ort_fp32"] < 0.6
    assert rows[1]["speed_ratio_wall_time"] < 0.9
    assert rows[1]["speed_ratio_by"] == "CPU time"
    assert rows[1]["frames_per_s"] < rows[0]["frames_per_s"]
    assert rows[1]["memory_mb"] is None


def test_on_a_gpu_the_ratio_is_one_of_wall_time(baseline: Candidate, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(engine, "_QUICK_PACED", Effort(0.0, 2))
    waiting = Times([[0.020] * 10], [[0.001] * 10])
    base = Times([[0.040] * 10], [[0.040] * 10])
    monkeypatch.setattr(engine, "back_to_back", lambda *_: [base, waiting])
    backend = replace(baseline.runner.backend, real_gpu=True)
    gpu = replace(baseline, name="gpu", runner=SimpleNamespace(run=baseline.runner.run, backend=backend))
    rows, _ = engine._timed(baseline.package, [baseline, gpu], True)
    assert [(row["speed_ratio_to_ort_fp32"], row["speed_ratio_by"]) for row in rows] == [
        (1.0, "CPU time"),
        (2.0, "wall time"),
    ]


def test_each_row_tells_how_the_device_was_when_it_ended(baseline: Candidate, monkeypatch: pytest.MonkeyPatch) -> None:
    clock = {"power_mode": "25W", "gpu_mhz": 900.0, "gpu_max_mhz": 1020.0}
    readings = iter(
        [
            DeviceReading("jetson", **clock, temperatures={"gpu": t}, gpu_load=load)
            for t, load in ((61.0, 0.99), (48.0, 0))
        ]
    )
    for effort in ("_QUICK", "_QUICK_PACED"):
        monkeypatch.setattr(engine, effort, Effort(0.0, 2))
    monkeypatch.setattr(engine, "read_device", lambda: next(readings))
    (row,), (beaten,) = engine._timed(baseline.package, [baseline], True)
    assert row["power_mode"] == beaten["power_mode"] == "25W"
    told = {"gpu_mhz": 900.0, "gpu_max_mhz": 1020.0}
    assert row["device"] == {**told, "temperatures": {"gpu": 61.0}, "gpu_below_max": True}
    assert beaten["device"] == {**told, "temperatures": {"gpu": 48.0}}, "at rest it says nothing"


def test_overhead_is_what_the_runner_adds(baseline: Candidate, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(engine_goals, "load_runner", lambda *what: Thrice(load_runner(*what)))
    said = engine_goals.overhead(baseline.package, typical(baseline.package), Effort(0.0, 60))
    assert 1.0 < said["overhead_cpu_time"] < 4.0
    assert said["ours_ms"] > said["bare_ms"]


def test_memory_is_measured_in_a_process_of_its_own(baseline: Candidate) -> None:
    grown = memory_mb(baseline)
    assert grown is not None
    assert 5 < grown < 500
    assert memory_mb(replace(baseline, form=Form(FP32, b"no network"))) is None


@pytest.fixture
def _few_calls(monkeypatch: pytest.MonkeyPatch) -> None:
    for effort in ("_QUICK", "_QUICK_PACED", "_QUICK_OVERHEAD"):
        monkeypatch.setattr(engine, effort, Effort(0.0, 2))


@pytest.mark.usefixtures("_few_calls")
def test_the_whole_document(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    smooth = load_package(PACKAGES / "smooth", trusted_keys(KEYS))
    site_table(smooth, tmp_path, b"an earlier version")
    command = ["bench", "engine", "--json", "--quick", "--model", "smooth", "--state", str(tmp_path)]
    main(command)
    document = json.loads(capsys.readouterr().out)
    assert document["command"] == " ".join(["scanside", *command])
    assert "int8.json" in document["site_tables_not_used"]["smooth"]
    jsonschema.validate(document, SCHEMA)
    assert {row["model"] for row in document["rows"]} == {"smooth"}
    base = document["rows"][0]
    assert (base["runner"], base["form"], base["speed_ratio_to_ort_fp32"]) == (*engine_candidates.BASELINE, 1.0)
    assert base["p50_ms"] <= base["p99_ms"] <= base["max_ms"]
    assert base["p999_ms"] is None
    assert base["actual"] == "CPUExecutionProvider"
    assert document["quick"] is True
    assert document["device"]["kind"]
    assert None not in document["device"].values()
    assert {one["runner"] for one in document["missing"]} | {row["runner"] for row in document["rows"]} == set(RUNNERS)
    for one in shown(document):
        Console(width=200).print(one)
    said = capsys.readouterr().out
    assert "back to back" in said
    assert "smooth: table of this site not used" in said


def test_an_unknown_model_is_one_sentence(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["bench", "engine", "--quick", "--model", "nowhere"]) == 1
    assert "nowhere" in capsys.readouterr().err


@pytest.mark.parametrize("option", [["--table"], ["--model", "quality"], ["--state", "here"]])
def test_its_options_belong_to_no_other_benchmark(option: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["bench", "metrics", *option]) == 2
    assert "bench engine" in capsys.readouterr().err


def reached(
    rows: list[dict[str, Any]], flags: tuple[str, ...] = FLAGS, missing: tuple[Missing, ...] = ()
) -> dict[str, Any]:
    return {goal["goal"].split()[0]: goal for goal in goals(rows, missing, [], flags)}


def test_a_goal_is_reached_by_the_fastest_runner_that_is_accurate_enough() -> None:
    slow = {**ROW, "form": INT8_U8, "speed_ratio_to_ort_fp32": 1.9, "quality_loss_db": 0.05}
    fast = {**slow, "runner": "openvino", "speed_ratio_to_ort_fp32": 2.4, "quality_loss_db": 0.14}
    wrong = {**fast, "runner": "other", "speed_ratio_to_ort_fp32": 9.0, "quality_loss_db": 0.16}
    goal = reached([ROW, slow, fast, wrong])[INT8_U8]
    assert (goal["reached"], goal["runner"], goal["value"], goal["loss_db"]) == (True, "openvino", 2.4, 0.14)
    assert reached([ROW, slow])[INT8_U8]["reached"] is False
    assert reached([ROW, wrong])[INT8_U8] | {"reached": False} == reached([ROW, wrong])[INT8_U8]
    bf16 = {**ROW, "form": BF16, "speed_ratio_to_ort_fp32": 1.85, "quality_loss_db": 0.011}
    assert reached([ROW, bf16])[BF16]["reached"] is False
    assert reached([ROW, {**bf16, "quality_loss_db": 0.009}])[BF16]["reached"] is True


def test_a_form_that_is_missing_has_missed_its_goal_and_says_why() -> None:
    missing = (
        Missing("denoiser", INT8_U8, "onnxruntime-cpu", "there is no table"),
        Missing("quality", INT8_U8, "onnxruntime-cpu", "of another network"),
        Missing("", "", "openvino", "it is not installed"),
        Missing("", "", "tensorrt", "no GPU"),
    )
    found = reached([ROW], missing=missing)
    assert found[INT8_U8]["reached"] is found[BF16]["reached"] is False
    assert found[INT8_U8]["why"] == "onnxruntime-cpu: there is no table; openvino: it is not installed"
    assert found[BF16]["why"] == "openvino: it is not installed"
    assert reached([ROW])[INT8_U8]["reached"] is False


def test_a_network_whose_gate_failed_before_it_had_a_loss_has_missed_its_goals() -> None:
    failed = {name: value for name, value in ROW.items() if name != "quality_loss_db"}
    failed |= {"quality_loss": None, "quality_loss_unit": "", "gate_passed": False, "gate_reasons": ["it fails"]}
    found = reached([failed, {**failed, "form": INT8_U8}])
    assert (found[INT8_U8]["reached"], found[INT8_U8]["why"]) == (False, "onnxruntime-cpu: it fails")
    assert found[BF16]["reached"] is False


def test_a_goal_that_does_not_apply_is_neither_reached_nor_missed() -> None:
    fast = {**ROW, "form": INT8_U8, "speed_ratio_to_ort_fp32": 1.2}
    assert reached([ROW, fast], ("avx2",))[INT8_U8]["reached"] is None
    assert "avx512_vnni" in reached([ROW, fast], ())[INT8_U8]["why"]
    assert reached([{**ROW, "real_gpu": True}]) == {}
    assert reached([{**ROW, "task": "quality"}]) == {}


@pytest.mark.parametrize(("share", "good"), [(0.029, True), (0.031, False), (-0.02, True)])
def test_overhead_is_judged_by_the_time_spent_not_by_waiting(share: float, good: bool) -> None:
    (goal,) = goals([], [], [{"model": "m", "overhead": 0.5, "overhead_cpu_time": share}], FLAGS)
    assert goal["reached"] is good


def machine(rows: list[dict[str, Any]], **device: Any) -> dict[str, Any]:
    return {"machine": {"processor": "AMD EPYC", "cores": 2}, "device": device, "rows": rows}


def test_the_table_keeps_machines_and_processors_apart() -> None:
    gpu = {**ROW, "runner": "tensorrt", "real_gpu": True, "p50_ms": 0.512, "build_s": 31.0, "power_mode": "MAXN"}
    gpu["device"] = {"throttled_by": ["heat"], "gpu_below_max": True}
    text = markdown([machine([ROW]), machine([ROW, gpu], model="Jetson", gpu="Orin")])
    titles = [line for line in text.splitlines() if line.startswith("**")]
    assert [title.split("**")[1] for title in titles] == [
        "AMD EPYC, 2 cores, on the CPU",
        "Jetson, AMD EPYC, 2 cores, Orin, on the CPU",
        "Jetson, AMD EPYC, 2 cores, Orin, on the GPU",
    ]
    assert titles[2].endswith("power mode MAXN, throttled by heat")
    on_gpu = text.split(titles[2])[1]
    assert "tensorrt" in on_gpu
    assert "0.51" in on_gpu
    assert "31.00" in on_gpu
    assert "onnxruntime-cpu" not in on_gpu
    assert "build, s" not in text.split(titles[1])[0]
    low = markdown([machine([{**gpu, "device": {"throttled_by": [], "gpu_below_max": True}}])])
    assert "throttled by an unknown cause" in low


def test_a_form_that_is_not_accurate_is_marked() -> None:
    text = markdown([machine([{**ROW, "gate_passed": False, "quality_loss": 0.4}])])
    assert "0.40 dB in the object (refused)" in text


def test_without_results_the_table_says_so() -> None:
    assert "scanside bench engine" in markdown([])


def test_the_table_command_prints_what_is_committed(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(engine, "RESULTS", tmp_path)
    (tmp_path / "a").mkdir()
    (tmp_path / "a/engine.json").write_text(json.dumps(machine([ROW])))
    assert main(["bench", "engine", "--table"]) == 0
    assert "| denoiser | fp32 | onnxruntime-cpu | 13.50 |" in capsys.readouterr().out


@pytest.mark.parametrize("path", sorted(engine.RESULTS.glob("*/engine.json")), ids=lambda path: path.parent.name)
def test_committed_results_are_whole(path: Path) -> None:
    document = json.loads(path.read_text())
    jsonschema.validate(document, SCHEMA)
    assert document["quick"] is False
    measured = {(row["model"], row["version"]) for row in document["rows"]}
    assert measured == {
        (manifest.name, manifest.version)
        for manifest in (load_package(PACKAGES / name, trusted_keys(KEYS)).manifest for name in shipped())
    }
    assert all(row["n"] >= 200 for row in document["rows"])
