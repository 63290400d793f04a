"""Ends of the worker process that are nobody's crash: it is stopped while it tries a runner, or its GPU is lost."""

import os
import select
import sys
from pathlib import Path

import pytest

from engine.plans.store import open_store
from firmware.clock import SystemClock
from firmware.health import Health
from firmware.inference import process
from firmware.inference.process import Wishes
from firmware.inference.supervisor import InferenceWorker
from tests.engine.runners.smoothing import write_package
from tests.firmware.inference import faulty_worker as faults
from tests.firmware.inference import trying_worker
from tests.firmware.inference.test_inference import FAULTY, IMAGE, PATIENCE, begin, good, wishing

LOST_AT_FIRST = """
import sys
from pathlib import Path
from engine.errors import DeviceLost
from firmware.inference import worker

real, been = worker.chosen_runner, Path({been!r})

def chosen(*given):
    if been.exists():
        return real(*given)
    been.touch()
    raise DeviceLost("the GPU failed while a plan was loaded")

worker.chosen_runner = chosen
worker.main()
"""


def tries_after(tmp_path: Path, manner: str, lives: int) -> list[int]:
    """How many tries are on record after each of so many lives that were stopped while the runner was loaded."""
    package, keys = write_package(tmp_path)
    fifo, state = tmp_path / "loading", tmp_path / "state"
    os.mkfifo(fifo)
    command = (sys.executable, trying_worker.__file__, str(fifo), manner)
    counted = []
    heard = os.open(fifo, os.O_RDWR)  # a writer's end says nothing
    for _ in range(lives):
        wishes = Wishes(package, (keys,), state=state, command=command)
        worker = InferenceWorker(wishes, Health(), SystemClock(), lambda _: None)
        worker.start()
        assert select.select([heard], [], [], 30)[0], worker.status
        assert os.read(heard, 100) == b"loading\n"
        worker.stop()
        note = open_store(state).noted("tried-mean-trying-fp32")
        assert note is not None
        counted.append(note["found"])
    os.close(heard)
    return counted


def test_a_stop_while_a_runner_is_tried_does_not_count_against_it(tmp_path: Path) -> None:
    assert tries_after(tmp_path, "heard", lives=3) == [0, 0, 0]


def test_a_runner_that_hears_no_stop_is_ended_and_counted(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(process, "_GRACE_S", 0.1)
    assert tries_after(tmp_path, "deaf", lives=1) == [1]


def test_a_gpu_that_is_lost_while_the_network_is_loaded_is_tried_again(tmp_path: Path) -> None:
    program = tmp_path / "lost_worker.py"
    program.write_text(LOST_AT_FIRST.format(been=str(tmp_path / "been")))
    watched = begin(write_package(tmp_path), (sys.executable, str(program)))
    try:
        assert watched.wait_for("restarting").reason == "worker_lost"
        assert watched.wait_for("serving").restarts == 1
        assert good(watched.worker.run(IMAGE))
    finally:
        watched.worker.stop()
    assert "failed" not in {status.state for status in watched.states}


def test_a_gpu_that_is_lost_in_a_run_ends_the_process_and_another_serves(tmp_path: Path) -> None:
    watched = begin(write_package(tmp_path), FAULTY, PATIENCE)
    try:
        watched.wait_for("serving")
        assert watched.worker.run(wishing(faults.LOST)) == "worker_lost"
        assert watched.wait_for("serving", 2).restarts == 1
        assert good(watched.worker.run(IMAGE))
    finally:
        watched.worker.stop()
