"""Which CUDA devices this machine has, asked in a child process: a broken driver takes only the child down."""

import contextlib
import ctypes
import functools
import json
import signal
import subprocess
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

_CHILD = (sys.executable, "-m", "engine.cuda.probe")
_LIMIT_S = 30.0
_MODULE_VERSION = Path("/sys/module/nvidia/version")

_MULTIPROCESSORS, _INTEGRATED, _MAJOR, _MINOR = 16, 18, 75, 76  # CUdevice_attribute in cuda.h


@dataclass(frozen=True, slots=True)
class Device:
    """One device, as its driver describes it."""

    name: str
    capability: tuple[int, int]
    """Compute capability, major and minor."""
    memory_bytes: int
    multiprocessors: int
    integrated: bool
    """Shares its memory with the CPU, as on Jetson."""


@dataclass(frozen=True, slots=True)
class Probe:
    """What the child found."""

    devices: tuple[Device, ...]
    cuda: str
    """Newest CUDA version that the driver serves; empty without a driver."""
    driver: str
    """Version of the kernel module; empty where it is not told."""
    why: str
    """Why there is no device, in a sentence; empty when there is one."""


def probe_cuda(command: Sequence[str] = _CHILD, limit_s: float = _LIMIT_S) -> Probe:
    """The devices that `command`, a process of its own, finds within `limit_s` seconds; never raises.

    A missing driver, no device, a process that does not start, a crash, a hang and an answer that makes no sense each
    come back as a sentence.
    """
    try:
        child = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, errors="replace")
    except OSError as error:
        return _none(f"the search for CUDA devices cannot be started ({error.strerror}); end other programs")
    try:
        said, complaint = child.communicate(timeout=limit_s)
    except subprocess.TimeoutExpired:
        child.kill()
        with contextlib.suppress(subprocess.TimeoutExpired):
            child.communicate(timeout=1)  # one that hangs inside the kernel cannot be waited for
        return _none(f"the CUDA driver did not answer within {limit_s:g} s; restart the machine")
    if child.returncode < 0:
        name = signal.Signals(-child.returncode).name
        return _none(f"the CUDA driver crashed ({name}); install the driver again")
    if child.returncode:
        last = (complaint.strip().splitlines() or ["no words"])[-1]
        return _none(f"the search for CUDA devices failed ({last})")
    return _read(said)


@functools.cache
def cuda_here() -> Probe:
    """`probe_cuda`, once for this process."""
    return probe_cuda()


def _none(why: str) -> Probe:
    return Probe((), "", "", why)


def _read(said: str) -> Probe:
    try:
        told = json.loads(said)
        devices = tuple(Device(**{**device, "capability": tuple(device["capability"])}) for device in told["devices"])
        return Probe(devices, told["cuda"], told["driver"], told["why"])
    except (ValueError, KeyError, TypeError):
        return _none("the search for CUDA devices gave an answer that cannot be read")


def _ask() -> dict[str, Any]:
    """In the child: what the driver says."""
    answer: dict[str, Any] = {"devices": [], "cuda": "", "driver": _module_version(), "why": ""}
    try:
        cuda = ctypes.CDLL("libcuda.so.1")
    except OSError:
        return {**answer, "why": "no NVIDIA driver is installed (libcuda.so.1 is missing)"}
    if code := cuda.cuInit(0):
        return {**answer, "why": f"the CUDA driver does not start: {_words(cuda, code)} (error {code})"}
    version, count = ctypes.c_int(), ctypes.c_int()
    cuda.cuDriverGetVersion(ctypes.byref(version))
    cuda.cuDeviceGetCount(ctypes.byref(count))
    answer["cuda"] = f"{version.value // 1000}.{version.value % 1000 // 10}"
    answer["devices"] = [_describe(cuda, number) for number in range(count.value)]
    return answer if count.value else {**answer, "why": "the CUDA driver finds no device"}


def _describe(cuda: ctypes.CDLL, number: int) -> dict[str, Any]:
    device, name, memory = ctypes.c_int(), ctypes.create_string_buffer(256), ctypes.c_size_t()
    cuda.cuDeviceGet(ctypes.byref(device), number)
    cuda.cuDeviceGetName(name, len(name), device)
    cuda.cuDeviceTotalMem_v2(ctypes.byref(memory), device)

    def attribute(which: int) -> int:
        value = ctypes.c_int()
        cuda.cuDeviceGetAttribute(ctypes.byref(value), which, device)
        return value.value

    return {
        "name": name.value.decode("utf-8", "replace"),
        "capability": [attribute(_MAJOR), attribute(_MINOR)],
        "memory_bytes": memory.value,
        "multiprocessors": attribute(_MULTIPROCESSORS),
        "integrated": bool(attribute(_INTEGRATED)),
    }


def _words(cuda: ctypes.CDLL, code: int) -> str:
    text = ctypes.c_char_p()
    cuda.cuGetErrorString(code, ctypes.byref(text))
    return (text.value or b"an unknown error").decode("utf-8", "replace")


def _module_version() -> str:
    try:
        return _MODULE_VERSION.read_text("utf-8").strip()
    except OSError:
        return ""


if __name__ == "__main__":
    json.dump(_ask(), sys.stdout)
