"""The driver's answers, through a stand-in with the names and the error tree of nvidia-ml-py."""

import importlib.util
import sys
from types import ModuleType, SimpleNamespace
from typing import Any

import pytest

from firmware.device.nvml import GpuReading, read_gpu


class NVMLError(Exception):
    """Of the stand-in."""


def driver(**answers: Any) -> ModuleType:
    """A pynvml that answers what is given and calls everything else not supported."""
    module = ModuleType("pynvml")
    closed: list[bool] = []

    def answer(name: str) -> Any:
        def ask(*_: Any) -> Any:
            if name not in answers:
                raise NVMLError("not supported")
            return answers[name]

        return ask

    for name in (
        "nvmlDeviceGetHandleByIndex",
        "nvmlDeviceGetUtilizationRates",
        "nvmlDeviceGetPowerUsage",
        "nvmlDeviceGetCurrentClocksEventReasons",
        "nvmlDeviceGetName",
        "nvmlSystemGetDriverVersion",
        "nvmlDeviceGetClockInfo",
        "nvmlDeviceGetMaxClockInfo",
        "nvmlDeviceGetTemperature",
        "nvmlInit",
    ):
        setattr(module, name, answer(name))
    module.__dict__.update(
        NVMLError=NVMLError,
        NVML_CLOCK_SM=1,
        NVML_TEMPERATURE_GPU=0,
        nvmlShutdown=lambda: closed.append(True),
        closed=closed,
    )
    return module


def test_without_the_package_there_is_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "pynvml", None)
    assert read_gpu() is None


def test_without_a_driver_there_is_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "pynvml", driver())
    assert read_gpu() is None


def test_without_a_gpu_there_is_nothing_and_the_driver_is_let_go(monkeypatch: pytest.MonkeyPatch) -> None:
    module = driver(nvmlInit=None)
    monkeypatch.setitem(sys.modules, "pynvml", module)
    assert read_gpu() is None
    assert module.closed == [True]


def test_everything_the_driver_says(monkeypatch: pytest.MonkeyPatch) -> None:
    module = driver(
        nvmlInit=None,
        nvmlDeviceGetHandleByIndex="gpu",
        nvmlDeviceGetUtilizationRates=SimpleNamespace(gpu=97, memory=12),
        nvmlDeviceGetPowerUsage=70_250,
        nvmlDeviceGetCurrentClocksEventReasons=0x1 | 0x4 | 0x40,
        nvmlDeviceGetName=b"NVIDIA RTX A4000",
        nvmlSystemGetDriverVersion="580.65",
        nvmlDeviceGetClockInfo=1560,
        nvmlDeviceGetMaxClockInfo=2100,
        nvmlDeviceGetTemperature=71,
    )
    monkeypatch.setitem(sys.modules, "pynvml", module)
    assert read_gpu() == GpuReading(
        "NVIDIA RTX A4000", "580.65", 1560, 2100, 0.97, 71, 70.25, ("power cap", "heat (hardware)")
    )
    assert module.closed == [True]


def test_an_orin_answers_its_name_and_the_rest_is_unknown(monkeypatch: pytest.MonkeyPatch) -> None:
    module = driver(nvmlInit=None, nvmlDeviceGetHandleByIndex="gpu", nvmlDeviceGetName="Orin (nvgpu)")
    monkeypatch.setitem(sys.modules, "pynvml", module)
    assert read_gpu() == GpuReading("Orin (nvgpu)")


def test_the_reasons_have_an_older_name_and_may_have_none(monkeypatch: pytest.MonkeyPatch) -> None:
    module = driver(nvmlInit=None, nvmlDeviceGetHandleByIndex="gpu", nvmlDeviceGetName="Tesla P100")
    monkeypatch.setitem(sys.modules, "pynvml", module)
    del module.nvmlDeviceGetCurrentClocksEventReasons
    assert read_gpu() == GpuReading("Tesla P100")
    module.nvmlDeviceGetCurrentClocksThrottleReasons = lambda _: 0x20
    assert read_gpu() == GpuReading("Tesla P100", throttled_by=("heat",))


@pytest.mark.skipif(importlib.util.find_spec("pynvml") is None, reason="nvidia-ml-py is not installed")
def test_the_real_module_has_every_name_of_the_stand_in() -> None:
    real = importlib.import_module("pynvml")
    used = {name for name in vars(driver()) if name.lower().startswith("nvml")}
    assert used <= set(vars(real))
    trouble = (0x04, 0x08, 0x20, 0x40, 0x80)
    kinds = ("SwPowerCap", "HwSlowdown", "SwThermalSlowdown", "HwThermalSlowdown", "HwPowerBrakeSlowdown")
    assert trouble == tuple(getattr(real, f"nvmlClocksThrottleReason{kind}") for kind in kinds)
