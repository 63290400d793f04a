"""`scanside run` with the shipped network: what a site sees of the worker on MQTT and in the terminal."""

import json
import os
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path

import jsonschema
import psutil
import pytest

import firmware.schemas
from models.shipped import PACKAGES
from tests.appliance.mrd_client import CLOSE, Scanner, begin, frame, header, object_kspace, talk, wire
from tests.appliance.processes import Lines, free_port

pytestmark = pytest.mark.appliance

TOPIC = "scanside/bay-3/model/smooth/state"


@dataclass
class Site:
    """A running appliance and everything it said."""

    process: subprocess.Popen[str]
    terminal: Lines
    messages: Lines
    port: int

    def model(self, state: str, restarts: int) -> dict[str, object]:
        def wanted(line: str) -> bool:
            topic, _, payload = line.partition(" ")
            told = json.loads(payload) if topic == TOPIC else {}
            return (told.get("state"), told.get("restarts")) == (state, restarts)

        return json.loads(self.messages.wait_for(wanted).partition(" ")[2])


def start(mosquitto, folder: Path, package: Path) -> Iterator[Site]:
    port, config = free_port(), folder / "scanside.toml"
    config.write_text(
        f'[appliance]\nname = "bay-3"\nstate_dir = "{folder}"\n[scanner]\nport = {port}\n'
        f'[console]\nenabled = false\n[mqtt]\nport = {mosquitto.port}\n[models]\ndenoise = "{package}"\nquality = ""\n'
        'backend = "onnxruntime-cpu:fp32"\n'
    )
    subscriber = subprocess.Popen(
        ["mosquitto_sub", "-p", str(mosquitto.port), "-v", "-t", "scanside/#"], stdout=subprocess.PIPE, text=True
    )
    process = subprocess.Popen(
        [sys.executable, "-m", "firmware.cli", "run", "--config", str(config)],
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        env={**os.environ, "NO_COLOR": "1", "COLUMNS": "200"},
    )
    site = Site(process, Lines(process), Lines(subscriber), port)
    try:
        yield site
    finally:
        for child in (process, subscriber):
            child.terminate()
            child.wait(20)
        site.terminal.close()
        site.messages.close()


@pytest.fixture
def site(mosquitto, tmp_path: Path) -> Iterator[Site]:
    yield from start(mosquitto, tmp_path, PACKAGES / "smooth")


@pytest.fixture
def site_without_package(mosquitto, tmp_path: Path) -> Iterator[Site]:
    yield from start(mosquitto, tmp_path, tmp_path / "smooth")


def scan(port: int) -> tuple[list[int], str]:
    """So faint an object that even smoothing takes nothing from it but noise."""
    answers = talk(port, begin(header(coils=4)), wire(*frame(object_kspace(signal=3))), CLOSE)
    return [image.image_series_index for image in answers.images], answers.text


def test_a_network_serves_dies_and_serves_again(site: Site) -> None:
    told = site.model("serving", 0)
    schema = Path(firmware.schemas.__file__).with_name("model_state.json")
    jsonschema.validate(told, json.loads(schema.read_text("utf-8")))
    assert (told["name"], told["form"], told["runner"]) == ("smooth", "fp32", "onnxruntime-cpu")
    assert told["requested"] == told["actual"] == "CPUExecutionProvider"
    site.terminal.wait_for(lambda line: "network smooth" in line and "serves" in line)
    assert scan(site.port)[0] == [1, 2]
    decision = site.messages.wait_for(lambda line: "/decision" in line and '"scope":"frame"' in line)
    (row,) = [m for m in json.loads(decision.partition(" ")[2])["measurements"] if m["row"] == "n01"]
    assert row["value"] > 0
    (worker,) = psutil.Process(site.process.pid).children()
    worker.kill()
    assert site.model("restarting", 1)["reason"] == "worker_lost"
    site.terminal.wait_for(lambda line: "restarting: worker_lost" in line)
    site.model("serving", 1)
    assert scan(site.port)[0] == [1, 2]
    site.process.terminate()
    site.model("off", 1)
    assert site.process.wait(20) == 0
    assert not worker.is_running()


def test_a_missing_package_is_said_and_verdicts_go_on(site_without_package: Site) -> None:
    told = site_without_package.model("failed", 0)
    assert "smooth" in str(told["reason"])
    site_without_package.terminal.wait_for(lambda line: "network smooth failed" in line)
    series, text = scan(site_without_package.port)
    assert series == [1]
    assert "series" in text


@pytest.mark.skipif(find_spec("tensorrt_rtx_bindings") is None, reason="TensorRT-RTX is not installed")
def test_a_plan_waits_for_the_scan_and_is_taken_between_two(site: Site, tmp_path: Path) -> None:
    before = site.model("serving", 0)
    assert before["compile"] is None
    scanner = Scanner(site.port)
    scanner.send(begin(header(coils=4)) + wire(*frame(object_kspace(signal=3))))
    scanner.wait_for_images(1)
    words = f"compile smooth --target rtx --precision fp32 --sm 86 --state {tmp_path} --json".split()
    compiler = subprocess.Popen([sys.executable, "-m", "firmware.cli", *words], stdout=subprocess.PIPE, text=True)
    site.messages.wait_for(lambda line: compiling(line) == "queued")
    assert compiler.poll() is None
    scanner.send(CLOSE)
    assert [image.image_series_index for image in scanner.finish().images] == [1, 2]
    said, _ = compiler.communicate(timeout=60)
    assert compiler.returncode == 0
    told = json.loads(site.messages.wait_for(lambda line: compiling(line) == "ready").partition(" ")[2])
    assert told["compile"]["plan"] == json.loads(said)["key"]
    (worker,) = psutil.Process(site.process.pid).children()
    known = len([line for line in site.messages.seen if serving(line)])
    site.messages.wait_for(lambda _: len([line for line in site.messages.seen if serving(line)]) > known)
    assert scan(site.port)[0] == [1, 2]
    assert not worker.is_running(), "another process chose among what is there now"


def compiling(line: str) -> str:
    topic, _, payload = line.partition(" ")
    job = json.loads(payload)["compile"] if topic == TOPIC else None
    return job["state"] if job else ""


def serving(line: str) -> bool:
    topic, _, payload = line.partition(" ")
    return topic == TOPIC and json.loads(payload)["state"] == "serving"
