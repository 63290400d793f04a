"""What a machine is told apart by."""

import json
from pathlib import Path

import pytest

from engine.cuda.probe import Device, Probe
from engine.plans import identity
from engine.plans.identity import NO_DEVICE, read_machine

NOTHING = Probe((), "", "", "no driver")
ORIN = Device("Orin (nvgpu)", (8, 7), 32 << 30, 16, True)
CARD = Device("NVIDIA H200", (9, 0), 141 << 30, 132, False)


def test_the_same_machine_is_the_same() -> None:
    assert read_machine(NOTHING) == read_machine(NOTHING)
    document = read_machine(NOTHING).document()
    assert json.loads(json.dumps(document)) == {**document, "flags": list(document["flags"])}


def test_a_machine_without_a_device_says_so() -> None:
    machine = read_machine(NOTHING)
    assert (machine.device, machine.sm, machine.driver) == (NO_DEVICE, "", "")
    assert machine.cores >= 1
    assert machine.libraries["onnxruntime"]


@pytest.mark.parametrize(
    ("device", "sm", "said"),
    [
        (ORIN, "87", "Orin (nvgpu), SM 87, 16 multiprocessors, 32768 MiB, shared with the CPU"),
        (CARD, "90", "NVIDIA H200, SM 90, 132 multiprocessors, 144384 MiB"),
    ],
)
def test_a_device_is_described_by_what_a_plan_depends_on(device: Device, sm: str, said: str) -> None:
    machine = read_machine(Probe((device,), "13.2", "580.1", ""), "MAXN")
    assert (machine.device, machine.sm, machine.power_mode) == (said, sm, "MAXN")
    assert machine.driver == "580.1 CUDA 13.2"


@pytest.mark.parametrize(
    ("text", "model", "flags"),
    [
        ("model name\t: AMD EPYC 9B45\nflags\t\t: fpu avx2 avx512_vnni avx512f\n", "AMD EPYC 9B45", 3),
        ("processor\t: 0\nFeatures\t: fp asimd asimddp bf16 i8mm\nCPU part\t: 0xd42\n", "0xd42", 3),
        ("", "unknown", 0),
    ],
)
def test_processors_of_both_kinds_are_read(tmp_path: Path, text: str, model: str, flags: int) -> None:
    file = tmp_path / "cpuinfo"
    file.write_text(text)
    found, had = identity._processor(file)
    assert (found, len(had)) == (model, flags)
