"""`scanside demo` and its page: waited for once, whether or not it ever comes."""

import argparse
import subprocess
from typing import Any

import pytest
from rich.console import Console

from engine.errors import Unavailable
from firmware.broker import Broker
from firmware.cli import demo
from firmware.cli.demo_fault import FaultWishes
from models.scans import BRAIN16


def test_a_page_that_never_comes_is_waited_for_once(tmp_path: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    options = argparse.Namespace(json=False, backend="auto")
    broker = Broker("none", "127.0.0.1", 1, None, None)  # type: ignore[arg-type]  # nobody speaks with it
    made = demo._Demo(Console(quiet=True), broker, str(tmp_path), False, options)
    waited: list[bool] = []
    wait = made._page.wait
    monkeypatch.setattr(made._page, "wait", lambda _: waited.append(wait(0)))
    monkeypatch.setattr(made._readiness, "wait", lambda: None)
    monkeypatch.setattr(subprocess, "run", lambda *_, **__: subprocess.CompletedProcess([], 1, "", "planted"))
    for _ in range(3):
        with pytest.raises(Unavailable, match="planted"):
            made.series(BRAIN16, FaultWishes("none", 0, 0, None, None), (), 0.0)
    assert waited == [False, True, True]
