"""`scanside demo` as its users run it."""

import json
import os
import random
import re
import subprocess
import sys
from pathlib import Path

import pytest

from benchmarks.faults import KINDS
from engine.assess import ROWS
from firmware.cli import main
from firmware.cli.demo import REPETITIONS


def demo(*arguments: str, **environment: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-m", "firmware.cli", "demo", *arguments],
        capture_output=True,
        text=True,
        timeout=110,
        check=False,
        env={**os.environ, **environment},
    )


PLAIN = "onnxruntime-cpu:fp32"
"""A backend that is not timed against others: most tests here are about something else."""


def document(*arguments: str, backend: str = PLAIN) -> dict:
    done = demo("--once", "--json", "--backend", backend, *arguments)
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout)


def test_the_default_says_repeat_and_names_the_connector() -> None:
    told = document(backend="auto")
    assert told["frames"] == told["images_returned"] == REPETITIONS
    assert told["verdict"] == "rescan"
    finding, *consequences = told["findings"]
    assert finding["kind"] == told["injected"]["kind"] == "coil-loss"
    assert all(other["caused_by"] for other in consequences)
    assert finding["first_frame"] == told["injected"]["first_frame"] == REPETITIONS // 2
    assert finding["where"]["coils"] == told["injected"]["elements"]
    assert finding["advice"]
    assert told["networks"].keys() == {"denoiser", "quality"}
    for stage in ("image", "decided", "recorded"):
        assert set(told["latency_ms"][stage]) >= {"p50", "p99"}
    assert re.fullmatch(r"cpu \(numpy\)(; network \w+ [\d.]+ \([\w-]+ on [\w-]+, .+?\)){2}", told["backend"])
    assert told["broker"] in ("mosquitto", "amqtt")


def test_it_says_where_the_page_is_and_ends_by_itself() -> None:
    done = demo("--pace", "fast", "--backend", PLAIN, SCANSIDE_DEMO_ONCE="1")
    assert done.returncode == 0, done.stderr
    assert re.search(r"page +http://127\.0\.0\.1:\d+ ", done.stdout), done.stdout
    assert "whole series" in done.stdout


@pytest.mark.parametrize("setting", range(5))
def test_random_faults_are_named(setting: int) -> None:
    rng = random.Random(setting)
    elements = sorted(rng.sample(range(16), rng.choice((1, 2, 4))))
    first = rng.randrange(1, REPETITIONS - 2)
    chosen = ",".join(map(str, elements))
    told = document("--seed", str(setting), "--fault-at", str(first), "--fault-element", chosen)
    finding = told["findings"][0]
    assert finding["where"]["coils"] == elements
    assert abs(finding["first_frame"] - first) <= 2
    if len(elements) == 1:
        assert told["verdict"] == "warn"


@pytest.mark.parametrize("seed", range(int(os.environ.get("SCANSIDE_CLEAN_SEEDS", "3"))))
def test_a_clean_series_is_ok_and_shows_every_measurement(seed: int) -> None:
    told = document("--fault", "none", "--seed", str(seed))
    assert told["verdict"] == "ok"
    assert told["findings"] == []
    assert {m["row"] for m in told["measurements"]} >= set(ROWS)
    for m in told["measurements"]:
        assert (m["value"] is None) == bool(m["why_missing"])


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("times", ["1", "3"])
def test_each_fault_is_named_first_and_in_time(kind: str, times: str) -> None:
    told = document("--fault", kind, "--strength", times)
    injected, finding = told["injected"], told["findings"][0]
    assert finding["kind"] == injected["kind"] == kind
    assert abs(finding["first_frame"] - injected["first_frame"]) <= 2
    assert injected["strength"] > 0
    assert injected["unit"]


def test_the_backend_that_was_asked_for_serves_and_is_named() -> None:
    told = document("--fault", "none", backend=PLAIN)
    form = "fp32 on onnxruntime-cpu, CPUExecutionProvider"
    assert told["backend"] == f"cpu (numpy); network denoiser 1.1 ({form}); network quality 1.1 ({form})"


def test_several_faults_at_once() -> None:
    told = document("--fault", "drop-out,spike", "--strength", "2")
    assert {told["injected"]["kind"], told["injected"]["others"][0]["kind"]} == {"drop-out", "spike"}
    assert {"drop-out", "spike"} <= {finding["kind"] for finding in told["findings"]}


@pytest.mark.data
def test_another_scan(data_dir: Path) -> None:
    scan = data_dir / "mr_raw" / "phantom16_cimax" / "phantom_head16.mrd.h5"
    told = document("--scan", str(scan), "--fault-element", "9", "--fault-at", "4")
    assert told["verdict"] == "warn"
    assert told["findings"][0]["where"]["coils"] == [9]


def test_slices_that_never_come_are_missed() -> None:
    told = document("--fault", "missing-slices", "--fault-at", "7")
    (slice_,) = told["injected"]["slices"]
    assert told["verdict"] == "warn"
    assert f"slice {slice_} lacks {REPETITIONS - 7}" in told["sentence"]


def test_without_mosquitto_the_demo_uses_amqtt(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr("firmware.broker.find_mosquitto", lambda: None)
    monkeypatch.setattr("firmware.cli.demo.raise_priority", lambda: False)
    assert main(["demo", "--once", "--json", "--seed", "1"]) == 0
    told = json.loads(capsys.readouterr().out)
    assert told["broker"] == "amqtt"
    assert told["verdict"] == "rescan"


@pytest.mark.parametrize(
    ("arguments", "word"),
    [
        (("--fault-element", "16"), "0 to 15"),
        (("--fault-element", "x"), "0 to 15"),
        (("--fault-at", "20"), "0 to 19"),
        (("--scan", "/nowhere.h5"), "nowhere.h5"),
        (("--fault", "gremlin"), "gremlin"),
        (("--fault", "spike,spike"), "the same kind twice"),
        (("--fault", "coil-loss,wrong-coil"), "cannot be at once"),
        (("--fault", "spike", "--strength", "100"), "cannot be reached"),
        (("--fault", "spike", "--strength", "0"), "above 0"),
        (("--fault", "spike", "--fault-element", "3"), "coil-loss only"),
        (("--fault-element", "3", "--strength", "2"), "no --strength"),
        (("--backend", "abacus"), "known are auto, onnxruntime-cpu"),
        (("--backend", ":fp32"), "known are auto, onnxruntime-cpu"),
        (("--backend", "openvino:int4"), "known are openvino:fp32"),
    ],
)
def test_wrong_wishes_get_one_sentence(arguments: tuple[str, ...], word: str) -> None:
    done = demo("--once", "--json", *arguments)
    assert done.returncode in (2, 3)
    assert word in done.stderr
    assert "Traceback" not in done.stderr
