"""A compile job as others see it, and waiting for scans to end; with real processes."""

import json
import os
import signal
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from engine.errors import PlanRefused
from firmware.compiling import (
    BUILDING,
    FAILED,
    READY,
    JobFile,
    ScanningLock,
    is_scanning,
    pointed_plans,
    read_job,
    wait_until_idle,
)

ROOT = Path(__file__).resolve().parents[2]


class Clock:
    def __init__(self) -> None:
        self.time = 100.0

    def monotonic(self) -> float:
        return self.time

    def now(self) -> float:
        return self.time


@pytest.fixture
def run(tmp_path: Path) -> Iterator[Callable[[str], "subprocess.Popen[str]"]]:
    """Starts a Python program with the state folder as `state`; waits until it prints a line."""
    started = []
    head = "import sys; from pathlib import Path; from firmware.compiling import *; state = Path(sys.argv[1])\n"

    def start(code: str) -> "subprocess.Popen[str]":
        arguments = [sys.executable, "-c", head + code, str(tmp_path)]
        process = subprocess.Popen(arguments, cwd=ROOT, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
        started.append(process)
        assert process.stdout is not None
        process.stdout.readline()
        return process

    yield start
    for process in started:
        process.kill()
        process.communicate()


OPEN = """
lock = ScanningLock(state)
lock.__enter__()
print("open", flush=True)
sys.stdin.readline()
lock.__exit__()
print("closed", flush=True)
sys.stdin.readline()
"""

WORK = """
from firmware.clock import SystemClock
job = JobFile(state, "denoiser", "int8-s8", "rtx", SystemClock())
job.tell(BUILDING, done=0.5)
print("builds", flush=True)
sys.stdin.readline()
"""


def test_a_job_is_read_by_another_process(tmp_path: Path, run: Callable[[str], "subprocess.Popen[str]"]) -> None:
    assert read_job(tmp_path, "denoiser") is None
    process = run(WORK)
    job = read_job(tmp_path, "denoiser")
    assert job is not None
    assert (job.state, job.done, job.form, job.target, job.pid) == (BUILDING, 0.5, "int8-s8", "rtx", process.pid)
    process.send_signal(signal.SIGKILL)
    process.wait()
    job = read_job(tmp_path, "denoiser")
    assert job is not None
    assert (job.state, job.says) == (FAILED, "it was killed while building; compile again")


def test_another_process_with_the_same_number_is_not_the_compiler(tmp_path: Path) -> None:
    job = JobFile(tmp_path, "denoiser", "fp16", "rtx", Clock())
    job.tell(BUILDING)
    file = tmp_path / "plans" / "jobs" / "denoiser.json"
    document = json.loads(file.read_text())
    assert document["pid"] == os.getpid()
    file.write_text(json.dumps({**document, "born": document["born"] - 50}))
    read = read_job(tmp_path, "denoiser")
    assert read is not None
    assert read.state == FAILED


def test_since_says_when_the_state_began(tmp_path: Path) -> None:
    clock = Clock()
    job = JobFile(tmp_path, "denoiser", "fp16", "rtx", clock)
    clock.time = 200.0
    job.tell(BUILDING, done=0.1)
    clock.time = 300.0
    job.tell(BUILDING, done=0.9)
    read = read_job(tmp_path, "denoiser")
    assert read is not None
    assert (read.since, read.done) == (200.0, 0.9)
    job.tell(READY, plan="key")
    read = read_job(tmp_path, "denoiser")
    assert read is not None
    assert (read.state, read.since, read.plan) == (READY, 300.0, "key")


def test_what_ends_the_work_is_what_the_job_failed_of(tmp_path: Path) -> None:
    job = JobFile(tmp_path, "denoiser", "fp16", "rtx", Clock())
    with pytest.raises(PlanRefused), job.failing():
        raise PlanRefused("does not fit", "here", "make room")
    read = read_job(tmp_path, "denoiser")
    assert read is not None
    assert (read.state, read.says) == (FAILED, "here: does not fit; make room")
    with pytest.raises(KeyboardInterrupt), job.failing():
        raise KeyboardInterrupt
    read = read_job(tmp_path, "denoiser")
    assert read is not None
    assert "interrupted" in read.says


@pytest.mark.parametrize("content", [b"", b"{", b"[]", b'{"state": "ready"}'])
def test_a_file_that_is_no_job_is_none(tmp_path: Path, content: bytes) -> None:
    file = tmp_path / "plans" / "jobs" / "denoiser.json"
    file.parent.mkdir(parents=True)
    file.write_bytes(content)
    assert read_job(tmp_path, "denoiser") is None


def test_a_job_that_cannot_be_told_goes_on() -> None:
    JobFile(Path("/proc/scanside"), "denoiser", "fp16", "rtx", Clock()).tell(BUILDING)


def test_an_open_scan_is_seen_until_it_ends(tmp_path: Path, run: Callable[[str], "subprocess.Popen[str]"]) -> None:
    assert not is_scanning(tmp_path)
    process = run(OPEN)
    assert is_scanning(tmp_path)
    assert process.stdin is not None
    assert process.stdout is not None
    print(file=process.stdin, flush=True)
    process.stdout.readline()
    assert not is_scanning(tmp_path)


def test_an_appliance_that_dies_has_no_scan_open(tmp_path: Path, run: Callable[[str], "subprocess.Popen[str]"]) -> None:
    process = run(OPEN)
    process.send_signal(signal.SIGKILL)
    process.wait()
    assert not is_scanning(tmp_path)


def test_scans_are_counted(tmp_path: Path) -> None:
    lock = ScanningLock(tmp_path)
    seen = []
    enter, leave = lock.__enter__, lock.__exit__
    for step in (enter, enter, leave, leave, enter):
        step()
        seen.append(is_scanning(tmp_path))
    assert seen == [True, True, True, False, True]


def test_two_appliances_on_one_state_folder_both_count(tmp_path: Path) -> None:
    first, second = ScanningLock(tmp_path), ScanningLock(tmp_path)
    first.__enter__()
    second.__enter__()
    first.__exit__()
    assert is_scanning(tmp_path)
    second.__exit__()
    assert not is_scanning(tmp_path)


def test_looking_is_in_nobody_s_way(tmp_path: Path, run: Callable[[str], "subprocess.Popen[str]"]) -> None:
    """A scan that begins between any two looks is seen: the look takes no lock that could refuse the scan's."""
    lock = ScanningLock(tmp_path)
    run("print('looks', flush=True)\nwhile True: is_scanning(state)\n")
    for _ in range(3000):
        lock.__enter__()
        assert is_scanning(tmp_path)
        lock.__exit__()
        assert not is_scanning(tmp_path)


def test_the_loop_never_hears_of_a_lock_that_cannot_be(tmp_path: Path) -> None:
    lock = ScanningLock(Path("/proc/scanside"))
    lock.__enter__()
    lock.__exit__()
    assert not is_scanning(Path("/proc/scanside"))


def test_waiting_ends_with_the_last_scan(tmp_path: Path) -> None:
    lock, told, pauses = ScanningLock(tmp_path), [], []
    lock.__enter__()

    def pause(seconds: float) -> None:
        pauses.append(seconds)
        if len(pauses) == 3:
            lock.__exit__()

    wait_until_idle(tmp_path, told.append, pause)
    assert len(pauses) == 3
    assert told == ["a scan is open; it begins when the scan ends"]
    wait_until_idle(tmp_path, told.append, pause)
    assert len(pauses) == 3


def test_a_plan_that_becomes_current_is_noticed_and_no_other(tmp_path: Path) -> None:
    assert pointed_plans(tmp_path) == {}
    slot = tmp_path / "plans" / "slots" / "denoiser" / "rtx-86" / "fp16.json"
    slot.parent.mkdir(parents=True)
    slot.write_text("one")
    first = pointed_plans(tmp_path)
    assert first == {"denoiser": [b"one"]}
    JobFile(tmp_path, "denoiser", "fp16", "rtx", Clock()).tell(BUILDING)
    assert pointed_plans(tmp_path) == first, "a job that began or failed changes nothing"
    slot.write_text("another")
    assert pointed_plans(tmp_path) != first


@pytest.mark.parametrize("pid", [-1, 1 << 80])
def test_a_job_of_an_impossible_process_has_failed(tmp_path: Path, pid: int) -> None:
    JobFile(tmp_path, "denoiser", "fp16", "rtx", Clock()).tell(BUILDING)
    (file,) = (tmp_path / "plans" / "jobs").glob("*.json")
    file.write_text(json.dumps({**json.loads(file.read_text()), "pid": pid}))
    job = read_job(tmp_path, "denoiser")
    assert job is None or job.state == FAILED
