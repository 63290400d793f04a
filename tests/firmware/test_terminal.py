"""What a technologist reads of networks: one line when one begins or ceases to serve."""

import io
from typing import Any

import pytest
from rich.console import Console

from firmware.cli import main
from firmware.sinks import topics
from firmware.sinks.payloads import ModelState, as_mapping
from firmware.sinks.terminal import Terminal


def told(state: str, reason: str = "", version: str = "1.2.3", task: str = "denoise") -> dict[str, Any]:
    payload = ModelState(
        schema="model_state/1",
        name="mean",
        task=task,
        version=version,
        sha256="",
        form="fp32",
        runner="onnxruntime-cpu",
        requested="CPUExecutionProvider",
        actual="CPUExecutionProvider",
        real_gpu=False,
        why="the fastest",
        tried="",
        compile=None,
        state=state,
        reason=reason,
        restarts=0,
        latency_ms={"n": 0},
    )
    return as_mapping(payload)


def printed(state: str, reason: str = "", version: str = "1.2.3", task: str = "denoise") -> str:
    out = io.StringIO()
    Terminal(Console(file=out, width=200)).model(told(state, reason, version, task))
    return out.getvalue()


def test_serving_says_on_what() -> None:
    said = printed("serving")
    assert "mean 1.2.3 serves in fp32 on onnxruntime-cpu (CPUExecutionProvider)" in said
    assert "processed images are series 2" in said
    assert "processed" not in printed("serving", task="quality")


@pytest.mark.parametrize("state", ["failed", "restarting"])
def test_not_serving_says_why_and_that_verdicts_go_on(state: str) -> None:
    said = printed(state, "[/bold] worker_lost", version="")
    assert f"network mean {state}: [/bold] worker_lost" in said
    assert "verdicts go on" in said


@pytest.mark.parametrize("state", ["starting", "off"])
def test_what_needs_no_attention_is_quiet(state: str) -> None:
    assert printed(state) == ""


def test_a_topic_holds_no_character_with_a_meaning() -> None:
    assert topics.model_state("bay", "a/b+c#d é") == "scanside/bay/model/a-b-c-d--/state"


def test_watch_says_a_state_once(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    states = ["serving", "serving", "failed", "failed", "serving"]
    heard = [("scanside/bay/model/mean/state", told(state)) for state in states]
    monkeypatch.setattr("firmware.cli.watch.messages", lambda host, port: iter(heard))
    assert main(["watch"]) == 0
    assert [line.split()[3] for line in capsys.readouterr().out.replace("▲ ", "").splitlines() if "1.2.3" in line] == [
        "serves",
        "failed:",
        "serves",
    ]
