"""`scanside compile`: real plans where the compiler is installed; exit status, words and JSON."""

import json
import subprocess
import sys
from collections.abc import Callable
from contextlib import nullcontext
from dataclasses import replace
from functools import partial
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import numpy as np
import onnx
import onnx.reference
import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat
from onnx import ModelProto, TensorProto, helper

from engine.cuda.probe import Device, Probe
from engine.errors import PlanRefused
from engine.forms import Form, fp32
from engine.package import Package, load_package, trusted_keys
from engine.plans.build import Facts, build
from engine.plans.identity import read_machine
from engine.plans.serving import plan_form
from engine.plans.store import open_store
from engine.runners import ort_cpu
from firmware.cli import compile_model, main
from firmware.compiling import FAILED, QUEUED, READY, Job, ScanningLock, read_job, wait_until_idle
from models.shipped import KEYS, PACKAGES
from tests.engine.package_cases import MANIFEST, PUBLIC, files, golden, network, npz, seal, stored
from tests.engine.plans.plan_cases import Clock, built, inputs
from tests.engine.plans.test_plan_build import faulty, int8_convolution, needs_rtx

pytestmark = pytest.mark.slow

ROOT = Path(__file__).resolve().parents[2]
STEP = 100 / 127


def run(*arguments: object) -> int:
    return main(["compile", *map(str, arguments)])


@pytest.fixture
def compile_json(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> Callable[..., dict[str, Any]]:
    def act(*arguments: object) -> dict[str, Any]:
        assert run(*arguments, "--state", tmp_path / "state", "--json") == 0
        document: dict[str, Any] = json.loads(capsys.readouterr().out)
        assert document["schema"] == "compile/1"
        return document

    return act


def job(state: Path, name: str) -> Job:
    read = read_job(state, name)
    assert read is not None
    return read


def blur(weight: float) -> ModelProto:
    weights = stored("weights", np.full((1, 1, 3, 3), weight))
    return network([helper.make_node("Conv", ["image", "weights"], ["denoised"], name="conv", pads=[1] * 4)], [weights])


def coarse_blur(step: float) -> ModelProto:
    """`blur(0.03)` in int8, with activations in steps of `step`."""
    model = int8_convolution()
    for tensor in model.graph.initializer:
        if tensor.name == "step":
            tensor.CopyFrom(stored("step", step))
        if tensor.name == "weights8":
            tensor.CopyFrom(stored("weights8", np.full((1, 1, 3, 3), 3), np.int8))
    return model


@pytest.fixture
def packed(tmp_path: Path) -> Callable[..., list[object]]:
    """Seals a blur with an int8 form beside it; returns what selects it."""
    (tmp_path / "keys").mkdir()
    public = Ed25519PublicKey.from_public_bytes(PUBLIC)
    text = public.public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo)
    (tmp_path / "keys" / "ours.pub").write_bytes(text)

    def act(name: str, step: float = STEP, form: ModelProto | None = None) -> list[object]:
        image = golden()["image"]
        answers = [onnx.reference.ReferenceEvaluator(blur(0.03)).run(None, {"image": frame})[0] for frame in image]
        content = files(
            model_onnx=blur(0.03).SerializeToString(),
            manifest_toml=MANIFEST.replace('version = "1.0"', f'version = "1.{len(name)}"').encode(),
            golden_npz=npz(image=image, denoised=np.stack(answers)),
        )
        content["int8-s8.onnx"] = (form or coarse_blur(step)).SerializeToString()
        return [seal(tmp_path / name, content), "--keys", tmp_path / "keys"]

    return act


@needs_rtx
def test_a_shipped_network_becomes_a_plan(
    compile_json: Callable[..., dict[str, Any]], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    made = compile_json("smooth", "--target", "rtx", "--precision", "fp32", "--sm", "86")
    assert (made["model"], made["form"], made["target"], made["sm"]) == ("smooth", "fp32", "rtx", "86")
    assert (made["int8_conv_share"], made["half_conv_share"], made["convolutions"]) == (0.0, 0.0, 1)
    assert made["size_bytes"] > 10_000
    assert made["build_s"] > 0
    assert made["layers"] > 0
    assert made["gate"]["cpu"]["passed"] is True
    assert made["gate"]["cpu"]["loss"] <= made["gate"]["cpu"]["limit"]
    assert made["gate"]["device"] == "not run: no device"
    assert not made["reused"]
    assert (job(tmp_path / "state", "smooth").state, job(tmp_path / "state", "smooth").plan) == (READY, made["key"])
    again = compile_json("smooth", "--target", "rtx", "--precision", "fp32", "--sm", "86")
    assert again["reused"]
    assert again["key"] == made["key"]
    (kept,) = open_store(tmp_path / "state").kept()
    assert (kept.key, kept.roles) == (made["key"], ("current",))
    capsys.readouterr()
    assert run("smooth", "--target", "rtx", "--precision", "fp32", "--sm", "86", "--state", tmp_path / "state") == 0
    said = capsys.readouterr().out
    assert f"{made['key'][:12]}, made before" in said
    assert "gate on the device: not run: no device" in said


@needs_rtx
def test_a_table_of_the_site_for_an_earlier_version_is_told_and_the_plan_is_made(
    tmp_path: Path, compile_json: Callable[..., dict[str, Any]], capsys: pytest.CaptureFixture[str]
) -> None:
    wanted = ["smooth", "--target", "rtx", "--precision", "fp32", "--sm", "86"]
    assert compile_json(*wanted)["site_table_not_used"] == ""
    table = tmp_path / "state/calibration/smooth/int8.json"
    table.parent.mkdir(parents=True)
    table.write_text("{")
    assert str(table) in compile_json(*wanted)["site_table_not_used"]
    assert run(*wanted, "--state", tmp_path / "state") == 0
    assert f"  table of this site not used: {table}" in capsys.readouterr().out


@needs_rtx
def test_int8_is_read_off_the_parsed_network(
    compile_json: Callable[..., dict[str, Any]], packed: Callable[..., list[object]]
) -> None:
    made = compile_json(*packed("fine"), "--target", "rtx", "--precision", "int8", "--sm", "86,89")
    assert (made["form"], made["sm"], made["int8_conv_share"]) == ("int8-s8", "86+89", 1.0)
    assert made["gate"]["cpu"]["unit"].startswith("dB")


def blur_with_a_sum() -> ModelProto:
    """`coarse_blur` plus nothing, which is made of a sum of the rounded image and the image."""
    model = coarse_blur(STEP)
    model.graph.node[-1].output[0] = "smooth"
    model.graph.node.extend(
        [
            helper.make_node("Add", ["dq", "image"], ["both"], name="beside"),
            helper.make_node("Mul", ["both", "naught"], ["nothing"]),
            helper.make_node("Add", ["smooth", "nothing"], ["denoised"]),
        ]
    )
    model.graph.initializer.append(stored("naught", 0.0))
    return model


@needs_rtx
def test_what_makes_a_plan_slower_is_told_and_the_plan_is_made(
    compile_json: Callable[..., dict[str, Any]],
    packed: Callable[..., list[object]],
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
) -> None:
    wanted = ["--target", "rtx", "--precision", "int8", "--sm", "86"]
    assert compile_json(*packed("good"), *wanted)["advice"] == []
    package = packed("slower", form=blur_with_a_sum())
    (advice,) = compile_json(*package, *wanted)["advice"]
    assert advice.startswith("Add node 'beside': 'dq' is quantised, the other branch is float; quantise both branches")
    assert run(*package, *wanted, "--state", tmp_path / "state") == 0
    assert f"  advice: {advice}" in capsys.readouterr().out.splitlines()


@needs_rtx
def test_a_network_that_stays_float_is_no_half_plan(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """Its values reach 10000, where half precision has steps of 8."""
    wanted = ["--target", "rtx", "--precision", "fp16", "--sm", "86", "--state", tmp_path / "state"]
    assert run("smooth", *wanted) == 1
    assert "smooth fp16: 0% of the convolutions are in half precision, 50% are asked" in capsys.readouterr().err


@needs_rtx
def test_a_form_that_loses_too_much_becomes_no_plan(
    tmp_path: Path, packed: Callable[..., list[object]], capsys: pytest.CaptureFixture[str]
) -> None:
    where = ["--target", "rtx", "--precision", "int8", "--sm", "86", "--state", tmp_path / "state"]
    assert run(*packed("coarse", 40.0), *where) == 1
    said = capsys.readouterr().err
    assert "gain int8-s8 in ONNX Runtime: does not pass the gate: golden frames: denoised loses" in said
    assert open_store(tmp_path / "state").kept() == []
    assert job(tmp_path / "state", "gain").state == FAILED
    assert "does not pass the gate" in job(tmp_path / "state", "gain").says


@needs_rtx
def test_list_show_roll_back_and_prune(
    compile_json: Callable[..., dict[str, Any]],
    packed: Callable[..., list[object]],
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
) -> None:
    where = ["--target", "rtx", "--precision", "int8", "--sm", "86"]
    keys = [compile_json(*packed("v" * n), *where)["key"] for n in (1, 2, 3)]
    assert len(set(keys)) == 3
    rows = {row["key"]: row for row in compile_json("--list")["plans"]}
    assert [rows[key]["use"] for key in keys] == [[], ["previous"], ["current"]]
    assert rows[keys[2]]["model"] == "gain"
    assert rows[keys[2]]["gate"]["device"] == "not run: no device"
    assert compile_json("--show", keys[1][:10])["plan"]["key"] == keys[1]
    assert compile_json("--rollback", "gain")["current"] == {"gain/rtx-86/int8-s8": keys[1]}
    assert compile_json("--prune")["removed"] == [keys[0]]
    state = ["--state", tmp_path / "state"]
    assert run("--list", *state) == 0
    assert keys[1][:12] in capsys.readouterr().out
    assert run("--show", "no such", *state) == 1
    assert run("--rollback", "quality", *state) == 1
    capsys.readouterr()


def half_and_float() -> ModelProto:
    return network(
        [helper.make_node("Add", ["image", "half"], ["denoised"], name="sum")], [stored("half", 1, np.float16)]
    )


def nan_weights() -> ModelProto:
    return network(
        [helper.make_node("Mul", ["image", "factor"], ["denoised"], name="times")], [stored("factor", np.nan)]
    )


def shifted() -> ModelProto:
    model = int8_convolution()
    for tensor in model.graph.initializer:
        if tensor.name == "zero":
            tensor.CopyFrom(stored("zero", 3, np.int8))
    return model


@pytest.mark.parametrize(
    ("model", "said"),
    [(half_and_float(), "sum"), (nan_weights(), "factor"), (shifted(), "zero")],
    ids=["two types", "NaN", "zero point"],
)
def test_lint_faults_of_a_bare_file_end_the_command(
    tmp_path: Path, model: ModelProto, said: str, capsys: pytest.CaptureFixture[str]
) -> None:
    for value in (*model.graph.input, *model.graph.output):
        value.CopyFrom(helper.make_tensor_value_info(value.name, TensorProto.FLOAT, [1, 1, 16, 16]))
    onnx.save(model, tmp_path / "mine.onnx")
    assert run(tmp_path / "mine.onnx", "--target", "rtx", "--precision", "fp32", "--sm", "86") == 1
    (line,) = capsys.readouterr().err.strip().splitlines()
    assert line.startswith(f"scanside: {tmp_path}/mine.onnx: ")
    assert said in line


@needs_rtx
def test_a_bare_file_of_fixed_sizes_becomes_a_plan(
    compile_json: Callable[..., dict[str, Any]], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    model = blur(0.1)
    onnx.save(model, tmp_path / "mine.onnx")
    assert run(tmp_path / "mine.onnx", "--target", "rtx", "--precision", "fp32", "--sm", "86") == 1
    assert "'batch' has no bound; pack it with its bounds: scanside models pack" in capsys.readouterr().err
    for value in (*model.graph.input, *model.graph.output):
        value.CopyFrom(helper.make_tensor_value_info(value.name, TensorProto.FLOAT, [1, 1, 16, 16]))
    onnx.save(model, tmp_path / "mine.onnx")
    made = compile_json(tmp_path / "mine.onnx", "--target", "rtx", "--precision", "fp16", "--sm", "86")
    assert (made["model"], made["half_conv_share"]) == ("mine", 1.0)


@needs_rtx
def test_a_bare_file_takes_no_network_s_place(
    compile_json: Callable[..., dict[str, Any]], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    wanted = ["--target", "rtx", "--precision", "fp32", "--sm", "86"]
    signed, state = compile_json("smooth", *wanted), tmp_path / "state"
    before = (open_store(state).slots(), job(state, "smooth"))
    model = blur(0.1)
    for value in (*model.graph.input, *model.graph.output):
        value.CopyFrom(helper.make_tensor_value_info(value.name, TensorProto.FLOAT, [1, 1, 16, 16]))
    onnx.save(model, tmp_path / "smooth.onnx")
    bare = compile_json(tmp_path / "smooth.onnx", *wanted)
    assert (bare["model"], bare["signed"], signed["signed"]) == ("smooth", False, True)
    assert (open_store(state).slots(), job(state, "smooth")) == before
    assert {row["key"]: row["use"] for row in compile_json("--list")["plans"]} == {
        signed["key"]: ["current"],
        bare["key"]: [],
    }
    assert run(tmp_path / "smooth.onnx", *wanted, "--state", state) == 0
    assert "kept for looking at: it is not signed" in capsys.readouterr().out


@pytest.mark.parametrize("model", ["no such", "no-such.onnx"])
def test_a_model_that_is_not_there(tmp_path: Path, model: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert run(tmp_path / model, "--target", "rtx", "--precision", "fp32", "--sm", "86") == 1
    assert model in capsys.readouterr().err


@needs_rtx
def test_a_device_that_the_compiler_cannot_build_for(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    state = ["--state", tmp_path / "state"]
    assert run("smooth", "--target", "rtx", "--precision", "fp16", "--sm", "87", *state) == 1
    assert "not for SM 87 (Jetson Orin); compile on that device" in capsys.readouterr().err
    assert run("denoiser", "--target", "rtx", "--precision", "int8", *state) == 3
    assert "no GPU here to build for" in capsys.readouterr().err


@pytest.mark.skipif(find_spec("tensorrt") is not None, reason="TensorRT is installed")
def test_a_compiler_that_is_not_installed(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    wanted = ["--target", "tensorrt", "--precision", "fp16", "--state", tmp_path / "state"]
    assert run("smooth", *wanted) == 3
    assert "the compiler tensorrt is not installed" in capsys.readouterr().err
    assert job(tmp_path / "state", "smooth").state == FAILED


@pytest.mark.parametrize(
    "arguments",
    [
        ["smooth"],
        ["smooth", "--target", "rtx"],
        ["smooth", "--target", "tpu", "--precision", "fp16"],
        ["smooth", "--target", "rtx", "--precision", "fp16", "--sm", "8.6"],
        ["smooth", "--target", "rtx", "--precision", "fp16", "--time-limit", "0"],
        ["smooth", "--target", "rtx", "--precision", "fp16", "--time-limit", "nan"],
        ["smooth", "--list"],
        ["--list", "--prune"],
    ],
)
def test_wrong_use(arguments: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as caught:
        run(*arguments)
    assert caught.value.code == 2
    capsys.readouterr()


def test_a_time_limit_that_is_no_number_is_told_what_it_must_be(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit):
        run("smooth", "--time-limit", "abc")
    assert "'abc': seconds, more than 0" in capsys.readouterr().err


@needs_rtx
def test_nothing_heavy_is_done_while_a_scan_is_open(
    tmp_path: Path,
    compile_json: Callable[..., dict[str, Any]],
    device: Callable[..., None],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """A scan begins before everything, and again after each step: the next one waits."""
    device()
    lock, steps = ScanningLock(tmp_path / "state"), []

    def pause(_seconds: float) -> None:
        steps.append("waits")
        lock.__exit__()

    def followed_by_a_scan(name: str) -> Callable[..., object]:
        real = getattr(compile_model, name)

        def act(*arguments: object, **more: object) -> object:
            made = real(*arguments, **more)
            steps.append(name)
            if not lock.open_scans:
                lock.__enter__()
            return made

        return act

    monkeypatch.setattr(compile_model, "wait_until_idle", partial(wait_until_idle, pause=pause))
    for name in ("make_form", "gate", "build"):
        monkeypatch.setattr(compile_model, name, followed_by_a_scan(name))
    lock.__enter__()
    compile_json("smooth", "--target", "rtx", "--precision", "fp32", "--sm", "86")
    assert steps == ["waits", "make_form", "waits", "gate", "waits", "build", "waits", "gate"]
    assert job(tmp_path / "state", "smooth").state == READY


@needs_rtx
def test_it_waits_while_a_scan_is_open(
    tmp_path: Path, compile_json: Callable[..., dict[str, Any]], monkeypatch: pytest.MonkeyPatch
) -> None:
    state = tmp_path / "state"
    lock, seen = ScanningLock(state), []

    def pause(_seconds: float) -> None:
        seen.append(job(state, "smooth"))
        lock.__exit__()

    monkeypatch.setattr(compile_model, "wait_until_idle", partial(wait_until_idle, pause=pause))
    lock.__enter__()
    compile_json("smooth", "--target", "rtx", "--precision", "fp32", "--sm", "86")
    assert [(one.state, one.says) for one in seen] == [(QUEUED, "a scan is open; it begins when the scan ends")]
    lock.__enter__()
    compile_json("smooth", "--target", "rtx", "--precision", "fp32", "--sm", "89", "--now")
    assert len(seen) == 1


@needs_rtx
def test_a_network_without_convolutions_may_be_half(
    tmp_path: Path, packed: Callable[..., list[object]], compile_json: Callable[..., dict[str, Any]]
) -> None:
    keys = packed("v")[1:]
    made = compile_json(seal(tmp_path / "gain", files()), *keys, "--target", "rtx", "--precision", "fp16", "--sm", "86")
    assert (made["convolutions"], made["half_conv_share"], made["gate"]["cpu"]["passed"]) == (0, 0.0, True)


@pytest.mark.parametrize(
    ("form", "int8", "half", "said"),
    [
        ("fp16", 0.0, 0.6, ""),
        ("fp16", 1.0, 0.0, "0% of the convolutions are in half precision"),
        ("int8-s8", 0.6, 0.0, ""),
        ("int8-s8", 0.4, 0.6, "40% of the convolutions are in int8, 50% are asked"),
        ("mixed", 0.6, 0.4, ""),
        ("mixed", 0.0, 1.0, "0% of the convolutions are in int8"),
        ("fp32", 0.0, 0.0, ""),
    ],
)
def test_each_form_is_held_to_its_own_precision(form: str, int8: float, half: float, said: str) -> None:
    facts = Facts("a compiler", 9, 5, int8, half, 1.0, 100, ())
    with pytest.raises(PlanRefused, match=said) if said else nullcontext():
        compile_model._check_precision(facts, Form(form, b""), "here")


@needs_rtx
def test_a_crash_of_the_compiler_leaves_the_last_plan(
    tmp_path: Path,
    packed: Callable[..., list[object]],
    compile_json: Callable[..., dict[str, Any]],
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    where = ["--target", "rtx", "--precision", "int8", "--sm", "86"]
    made = compile_json(*packed("v"), *where)
    monkeypatch.setattr(compile_model, "build", partial(build, command=faulty("crash")))
    assert run(*packed("vv"), *where, "--state", tmp_path / "state") == 1
    assert "crashed (signal 11, SIGSEGV)" in capsys.readouterr().err
    assert [one.key for one in open_store(tmp_path / "state").kept() if "current" in one.roles] == [made["key"]]
    assert job(tmp_path / "state", "gain").state == FAILED


@needs_rtx
def test_a_damaged_plan_is_made_again(tmp_path: Path, compile_json: Callable[..., dict[str, Any]]) -> None:
    wanted = ["smooth", "--target", "rtx", "--precision", "fp32", "--sm", "86"]
    made = compile_json(*wanted)
    plan = tmp_path / "state" / "plans" / "entries" / made["key"] / "plan"
    data = bytearray(plan.read_bytes())
    data[len(data) // 2] ^= 1
    plan.write_bytes(data)
    again = compile_json(*wanted)
    assert (again["key"], again["reused"]) == (made["key"], False)
    assert compile_json(*wanted)["reused"]


@needs_rtx
def test_two_commands_at_once_build_once(tmp_path: Path) -> None:
    command = [sys.executable, "-m", "firmware.cli", "compile", "smooth", "--target", "rtx", "--precision", "fp32"]
    command += ["--sm", "86", "--json", "--state", str(tmp_path)]
    started = [subprocess.Popen(command, cwd=ROOT, stdout=subprocess.PIPE, text=True) for _ in range(2)]
    made = [json.loads(process.communicate()[0]) for process in started]
    assert [process.returncode for process in started] == [0, 0]
    assert made[0]["key"] == made[1]["key"]
    assert sorted(one["reused"] for one in made) == [False, True]


class OnDevice:
    """A plan on a device that is not there: the network itself in ONNX Runtime, off by `error`, and as slow as told."""

    def __init__(self, package: Package, error: float, share: float) -> None:
        self._runner, self._error, self._share = ort_cpu.load(package, fp32(package)), error, share
        self.backend = replace(self._runner.backend, runner="tensorrt-rtx", real_gpu=True)

    def run(self, batch: np.ndarray) -> tuple[np.ndarray, ...]:
        return tuple(answer + self._error for answer in self._runner.run(batch))

    def low_share(self) -> float:
        return self._share


@pytest.fixture
def device(monkeypatch: pytest.MonkeyPatch) -> Callable[..., None]:
    """A machine with an SM 86 device, whose plans answer as told."""

    def act(error: float = 0.0, share: float = 1.0, seconds: float = 0.001) -> None:
        card = Device("a card", (8, 6), 8 << 30, 20, False)
        monkeypatch.setattr(compile_model, "cuda_here", lambda: Probe((card,), "13.0", "580.1", ""))
        monkeypatch.setattr(compile_model, "load_plan", lambda _target, package, _form: OnDevice(package, error, share))
        monkeypatch.setattr("firmware.cli.compile.SystemClock", lambda: Clock(seconds))

    return act


@needs_rtx
def test_on_a_device_only_what_passes_its_gate_becomes_current(
    tmp_path: Path,
    compile_json: Callable[..., dict[str, Any]],
    packed: Callable[..., list[object]],
    device: Callable[..., None],
    capsys: pytest.CaptureFixture[str],
) -> None:
    wanted = [*packed("v"), "--target", "rtx", "--precision", "int8", "--sm", "86"]
    state = ["--state", tmp_path / "state"]
    for error, share, said in ((5.0, 1.0, "denoised loses"), (0.0, 0.2, "20% of the convolutions")):
        device(error, share)
        assert run(*wanted, *state) == 1
        assert "gain int8-s8 on a card, SM 86, 20 multiprocessors, 8192 MiB: does not pass the gate: " in (
            told := capsys.readouterr().err
        )
        assert said in told
        (kept,) = open_store(tmp_path / "state").kept()
        assert kept.roles == ()
        assert kept.meta["gate"]["device"]["passed"] is False
    device()
    made = compile_json(*wanted)
    assert made["reused"]
    assert made["gate"]["device"]["passed"] is True
    assert made["gate"]["device"]["real_gpu"] is True
    assert compile_json("--list")["plans"][0]["use"] == ["current"]


@needs_rtx
def test_a_plan_no_faster_than_another_form_s_does_not_become_current(
    tmp_path: Path,
    compile_json: Callable[..., dict[str, Any]],
    packed: Callable[..., list[object]],
    device: Callable[..., None],
    capsys: pytest.CaptureFixture[str],
) -> None:
    package = packed("v")
    device(seconds=0.002)
    first = compile_json(*package, "--target", "rtx", "--precision", "fp32", "--sm", "86")
    assert first["gate"]["device"]["p99_ms"] == pytest.approx(2.0)
    device(seconds=0.002)
    wanted = [*package, "--target", "rtx", "--precision", "int8", "--sm", "86"]
    assert run(*wanted, "--state", tmp_path / "state") == 1
    assert "p99 is 2 ms, and 2 ms is served already" in capsys.readouterr().err
    device(seconds=0.001)
    assert compile_json(*wanted)["gate"]["device"]["p99_ms"] == pytest.approx(1.0)


@pytest.mark.parametrize(
    ("judged", "bar"),
    [
        ([], None),
        (["not run: no device"], None),
        ([{"passed": True, "p99_ms": 3.0}, {"passed": True, "p99_ms": 2.0}], 2.0),
        ([{"passed": True, "p99_ms": 3.0}, {"passed": False, "p99_ms": 2.0}], 3.0),
        ([{"passed": True, "p99_ms": 3.0}, {"passed": False, "p99_ms": None}], 3.0),
    ],
)
def test_only_plans_that_pass_are_a_bar(tmp_path: Path, judged: list[object], bar: float | None) -> None:
    store = open_store(tmp_path)
    for form, device in zip(("fp32", "int8-s8"), judged, strict=False):
        one = inputs(form=form)
        with store.building(one):
            store.put(one, built(), {"device": device}, 1.0)
            store.promote(one)
    assert compile_model._bar(store, inputs(form="fp16")) == bar


@needs_rtx
def test_the_list_says_which_plan_is_damaged(
    tmp_path: Path, compile_json: Callable[..., dict[str, Any]], capsys: pytest.CaptureFixture[str]
) -> None:
    key = compile_json("smooth", "--target", "rtx", "--precision", "fp32", "--sm", "86")["key"]
    file = tmp_path / "state" / "plans" / "entries" / key / "plan"
    data = bytearray(file.read_bytes())
    data[100] ^= 1
    file.write_bytes(data)
    assert "SHA-256 differs" in compile_json("--list")["plans"][0]["problem"]
    assert run("--show", key, "--state", tmp_path / "state") == 1
    assert "SHA-256 differs" in capsys.readouterr().err


@needs_rtx
def test_a_plan_for_several_devices_serves_each(
    tmp_path: Path, compile_json: Callable[..., dict[str, Any]], device: Callable[..., None]
) -> None:
    device()
    package = load_package(PACKAGES / "smooth", trusted_keys(KEYS))
    store, machine = open_store(tmp_path / "state"), read_machine(compile_model.cuda_here())

    def served(sm: str) -> bytes:
        return plan_form(store, package, "tensorrt-rtx", "fp32", None, replace(machine, sm=sm), Clock()).data

    wanted = ["smooth", "--target", "rtx", "--precision", "fp32", "--now", "--sm"]
    several = compile_json(*wanted, "86,89")["key"]
    assert served("86") == served("89") == store.read(several, {}).data
    with pytest.raises(PlanRefused, match="smooth/rtx-75/fp32: no plan is kept"):
        served("75")
    single = compile_json(*wanted, "86")["key"]
    assert served("86") == store.read(single, {}).data != served("89")
    (store.folder / "entries" / single / "plan").write_bytes(b"damaged")
    assert served("86") == served("89")


@needs_rtx
def test_the_runner_is_given_the_current_plan_or_a_reason(
    tmp_path: Path, compile_json: Callable[..., dict[str, Any]], device: Callable[..., None]
) -> None:
    device()
    made = compile_json("smooth", "--target", "rtx", "--precision", "fp32", "--sm", "86")
    package = load_package(PACKAGES / "smooth", trusted_keys(KEYS))
    store, machine = open_store(tmp_path / "state"), read_machine(compile_model.cuda_here())
    form = plan_form(store, package, "tensorrt-rtx", "fp32", None, machine, Clock())
    assert form.data == store.read(made["key"], {}).data
    with pytest.raises(PlanRefused, match="made for power_mode '', here it is '15W'"):
        plan_form(store, package, "tensorrt-rtx", "fp32", None, replace(machine, power_mode="15W"), Clock())
    with pytest.raises(PlanRefused, match=r"smooth/rtx-89/fp32: no plan is kept for it; scanside compile smooth"):
        plan_form(store, package, "tensorrt-rtx", "fp32", None, replace(machine, sm="89"), Clock())
