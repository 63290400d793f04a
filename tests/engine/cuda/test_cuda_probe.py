"""The probe against real child processes: whatever the driver does to the child, the parent gets a sentence."""

import json
import subprocess
import sys

import pytest

from engine.cuda.probe import Device, Probe, probe_cuda

FOUND = {
    "devices": [
        {
            "name": "NVIDIA H200",
            "capability": [9, 0],
            "memory_bytes": 150 << 30,
            "multiprocessors": 132,
            "integrated": False,
        }
    ],
    "cuda": "13.0",
    "driver": "580.82",
    "why": "",
}


def child(code: str) -> tuple[str, ...]:
    return (sys.executable, "-c", code)


def test_what_the_child_finds_is_told() -> None:
    probe = probe_cuda(child(f"print({json.dumps(FOUND)!r})"))
    assert probe == Probe((Device("NVIDIA H200", (9, 0), 150 << 30, 132, False),), "13.0", "580.82", "")


@pytest.mark.parametrize(
    ("code", "said"),
    [
        ("import os, signal; os.kill(os.getpid(), signal.SIGSEGV)", "crashed (SIGSEGV)"),
        ("import os, signal; os.kill(os.getpid(), signal.SIGABRT)", "crashed (SIGABRT)"),
        ("import no_such_module", "failed (ModuleNotFoundError: No module named 'no_such_module')"),
        ("import sys; sys.exit(3)", "failed (no words)"),
        ("", "cannot be read"),
        ("print('[]')", "cannot be read"),
        ('print(\'{"devices": [{"name": 1}]}\')', "cannot be read"),
    ],
)
def test_a_child_that_ends_badly_is_a_sentence(code: str, said: str) -> None:
    probe = probe_cuda(child(code))
    assert said in probe.why
    assert "\n" not in probe.why
    assert not probe.devices


def test_a_child_that_cannot_be_started_is_a_sentence() -> None:
    probe = probe_cuda(("/no/such/program",))
    assert "cannot be started (No such file or directory)" in probe.why
    assert not probe.devices


def test_a_child_that_hangs_is_ended() -> None:
    probe = probe_cuda(child("import time; time.sleep(60)"), limit_s=0.2)
    assert "did not answer within 0.2 s" in probe.why


def test_the_real_child_finds_a_device_or_says_why_not() -> None:
    probe = probe_cuda()
    assert bool(probe.devices) != bool(probe.why)


def test_the_parent_never_loads_the_driver() -> None:
    code = (
        "from engine.cuda.probe import probe_cuda; probe_cuda(); print('libcuda.so' in open('/proc/self/maps').read())"
    )
    done = subprocess.run(child(code), capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "False"
