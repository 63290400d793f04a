"""What this machine is, as far as it decides which plan fits and which form is fastest. No clock, no serial number."""

import functools
import os
import platform
import re
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any

from engine.cuda.probe import Device, Probe

NO_DEVICE = "no device"

_CPUINFO = Path("/proc/cpuinfo")
_FLAGS = (
    *("avx2", "avx512f", "avx512_vnni", "avx_vnni", "avx512_bf16", "avx512_fp16", "amx_int8", "amx_bf16"),
    *("asimddp", "i8mm", "bf16", "fphp", "sve"),
)
"""Instructions that change which precision is fast."""
_LIBRARIES = (
    *("numpy", "onnxruntime", "onnxruntime-gpu", "openvino", "tensorrt"),
    *("tensorrt-rtx-cu13-bindings", "pycuda", "cuda-bindings"),
)


@dataclass(frozen=True, slots=True)
class Machine:
    """Plain data; equal on the same machine with the same libraries in the same power mode."""

    system: str
    """Operating system and processor architecture."""
    cpu: str
    flags: tuple[str, ...]
    cores: int
    libraries: Mapping[str, str]
    """Distribution -> version, of what runs networks and is installed."""
    device: str
    """The first CUDA device, or that there is none."""
    sm: str
    """The device's compute capability, "87"; empty: there is none."""
    driver: str
    """Of the device; empty: unknown. In no key: another driver asks for a new gate, not for a new plan."""
    power_mode: str
    """What plans and timings were made under; empty: this machine has none, or it is not known."""

    def document(self) -> dict[str, Any]:
        """As JSON."""
        return asdict(self)


def read_machine(probe: Probe, power_mode: str = "") -> Machine:
    """This machine, with the CUDA devices that `probe` found."""
    system = f"{platform.system()} {platform.machine()}"
    cpu, flags = _processor(_CPUINFO)
    device = describe_device(probe.devices[0]) if probe.devices else NO_DEVICE
    sm = "{}{}".format(*probe.devices[0].capability) if probe.devices else ""
    driver = f"{probe.driver} CUDA {probe.cuda}".strip() if probe.devices else ""
    return Machine(system, cpu, flags, os.cpu_count() or 1, dict(_libraries()), device, sm, driver, power_mode)


def describe_device(device: Device) -> str:
    """Everything about a device that a plan depends on, in one line."""
    major, minor = device.capability
    memory = f"{device.memory_bytes // (1 << 20)} MiB{', shared with the CPU' if device.integrated else ''}"
    return f"{device.name}, SM {major}{minor}, {device.multiprocessors} multiprocessors, {memory}"


def _processor(cpuinfo: Path) -> tuple[str, tuple[str, ...]]:
    """Model and the flags that matter; x86 and ARM name their lines differently."""
    try:
        text = cpuinfo.read_text("utf-8", "replace")
    except OSError:
        return platform.processor() or "unknown", ()
    model = re.search(r"^(?:model name|CPU part|Model)\s*:\s*(.+)$", text, re.MULTILINE)
    flags = re.search(r"^(?:flags|Features)\s*:\s*(.+)$", text, re.MULTILINE)
    had = set(flags[1].split()) if flags else set()
    return (model[1].strip() if model else "unknown"), tuple(flag for flag in _FLAGS if flag in had)


@functools.cache
def _libraries() -> tuple[tuple[str, str], ...]:
    found = []
    for name in _LIBRARIES:
        try:
            found.append((name, version(name)))
        except PackageNotFoundError:
            continue
    return tuple(found)
