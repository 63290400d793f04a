"""What NVIDIA's driver tells of its first GPU through pynvml (package nvidia-ml-py), where that is installed.

Every question may be answered "not supported": an Orin's driver has a name for its GPU and little else.
"""

import importlib
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

_THROTTLES = {
    0x04: "power cap",
    0x08: "hardware slowdown",
    0x20: "heat",
    0x40: "heat (hardware)",
    0x80: "power brake",
}
"""Bits of the reasons for a lower clock that are trouble; the others are rest and settings."""

_REASONS = ("nvmlDeviceGetCurrentClocksEventReasons", "nvmlDeviceGetCurrentClocksThrottleReasons")
"""Question for those reasons: its name, and the older one."""


@dataclass(frozen=True, slots=True)
class GpuReading:
    """The driver's view of one GPU, as far as it answers."""

    name: str | None = None
    driver: str | None = None
    mhz: float | None = None
    max_mhz: float | None = None
    load: float | None = None
    temperature: float | None = None
    power_w: float | None = None
    throttled_by: tuple[str, ...] | None = None


def read_gpu() -> GpuReading | None:
    """The first GPU; None without pynvml, driver or GPU."""
    try:
        nvml = importlib.import_module("pynvml")
    except ImportError:
        return None
    try:
        nvml.nvmlInit()
    except nvml.NVMLError:
        return None
    try:
        return _read(nvml, nvml.nvmlDeviceGetHandleByIndex(0))
    except nvml.NVMLError:
        return None
    finally:
        nvml.nvmlShutdown()


def _read(nvml: Any, gpu: Any) -> GpuReading:
    def ask(question: Callable[..., Any], *what: Any) -> Any:
        try:
            return question(*what)
        except nvml.NVMLError:
            return None

    use = ask(nvml.nvmlDeviceGetUtilizationRates, gpu)
    power = ask(nvml.nvmlDeviceGetPowerUsage, gpu)
    slowed = next((getattr(nvml, name) for name in _REASONS if hasattr(nvml, name)), None)
    reasons = None if slowed is None else ask(slowed, gpu)
    return GpuReading(
        name=_text(ask(nvml.nvmlDeviceGetName, gpu)),
        driver=_text(ask(nvml.nvmlSystemGetDriverVersion)),
        mhz=ask(nvml.nvmlDeviceGetClockInfo, gpu, nvml.NVML_CLOCK_SM) or None,
        max_mhz=ask(nvml.nvmlDeviceGetMaxClockInfo, gpu, nvml.NVML_CLOCK_SM) or None,
        load=None if use is None else use.gpu / 100,
        temperature=ask(nvml.nvmlDeviceGetTemperature, gpu, nvml.NVML_TEMPERATURE_GPU) or None,
        power_w=power / 1000 if power else None,
        throttled_by=None if reasons is None else tuple(name for bit, name in _THROTTLES.items() if reasons & bit),
    )


def _text(said: str | bytes | None) -> str | None:
    """Older releases answer bytes."""
    return said.decode("utf-8", "replace") if isinstance(said, bytes) else said
