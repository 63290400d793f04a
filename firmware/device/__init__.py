"""What this machine is and how it is doing now: clocks, heat, power mode. Only read, never changed.

Nothing is remembered between readings, because nodes appear late after a start: ask again and it is found.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path

from engine.cuda.probe import Probe, cuda_here
from firmware.device import host, jetson, thermal
from firmware.device.nvml import GpuReading, read_gpu

JETSON, DISCRETE_GPU, HOST = "jetson", "discrete-gpu", "host"

_NEARLY, _BUSY = 0.98, 0.9
"""Of the highest clock, because governors step in coarse bins; of the time, from where on a lower clock is no rest."""


@dataclass(frozen=True, slots=True)
class DeviceReading:
    """One look at the machine. None (and an empty mapping) is unknown; no field is ever 0 for lack of knowledge."""

    kind: str
    """jetson, discrete-gpu or host: what plans are made for here."""
    model: str | None = None
    """Of the board, as its firmware names it."""
    processor: str | None = None
    cores: int | None = None
    governor: str | None = None
    """How the first core chooses its clock."""
    load: float | None = None
    """Runnable processes, mean of the last minute."""
    memory_mb: int | None = None
    """Of the whole machine, MiB."""
    l4t: str | None = None
    """Jetson Linux, as 39.2.0."""
    jetpack: str | None = None
    power_mode: str | None = None
    """As `nvpmodel` names it; a plan is timed, and so chosen, under one."""
    gpu: str | None = None
    driver: str | None = None
    gpu_mhz: float | None = None
    gpu_max_mhz: float | None = None
    """The highest that the power mode allows."""
    gpu_load: float | None = None
    """Share of time, 0 to 1."""
    temperatures: Mapping[str, float] | None = None
    """Sensor -> degrees Celsius."""
    power_w: Mapping[str, float] | None = None
    """Rail -> W. Rails may contain one another: do not add them up."""
    throttled_by: tuple[str, ...] | None = None
    """What holds clocks down at this moment; empty: nothing does."""
    over_current_events: int | None = None
    """Since the start, all kinds: how often the supply could not follow."""

    @property
    def gpu_below_max(self) -> bool | None:
        """Whether a busy GPU's clock is lower than the power mode allows; None of one at rest, whose clock is low."""
        if self.gpu_mhz is None or self.gpu_max_mhz is None or self.gpu_load is None or self.gpu_load < _BUSY:
            return None
        return self.gpu_mhz < _NEARLY * self.gpu_max_mhz


def read_device(
    root: Path | str = "/",
    *,
    gpu: Callable[[], GpuReading | None] = read_gpu,
    cuda: Callable[[], Probe] = cuda_here,
    ask_power_mode: Callable[[], str] = jetson.ask_nvpmodel,
) -> DeviceReading:
    """Everything that can be known now, from the files below `root`, from `gpu` and, on a Jetson, `ask_power_mode`.

    Where `gpu` (NVML) names no GPU, `cuda` says whether there is one. Raises nothing: what cannot be read is None.
    """
    files = Path(root)
    l4t = jetson.l4t_release(files)
    board = host.board(files)
    is_jetson = l4t is not None or jetson.is_jetson_board(board)
    seen = gpu() or GpuReading()
    if seen.name is None and not is_jetson:
        seen = _found(cuda())
    clock = jetson.gpu_clock(files) if is_jetson else jetson.GpuClock()
    return DeviceReading(
        kind=JETSON if is_jetson else DISCRETE_GPU if seen.name else HOST,
        model=board,
        processor=host.processor(files),
        cores=host.cores(files),
        governor=host.governor(files),
        load=host.load(files),
        memory_mb=host.memory_mb(files),
        l4t=l4t,
        jetpack=jetson.jetpack_of(l4t),
        power_mode=jetson.power_mode(files, ask_power_mode) if is_jetson else None,
        gpu=seen.name,
        driver=seen.driver,
        gpu_mhz=clock.mhz or seen.mhz,
        gpu_max_mhz=clock.max_mhz or seen.max_mhz,
        gpu_load=seen.load if clock.load is None else clock.load,
        temperatures={**(thermal.temperatures(files) or {}), **_named(seen.temperature)} or None,
        power_w={**(jetson.power_w(files) or {}), **_named(seen.power_w)} or None,
        throttled_by=_both(thermal.throttled_by(files), seen.throttled_by),
        over_current_events=jetson.over_current_events(files),
    )


def _found(probe: Probe) -> GpuReading:
    """Of the first CUDA device only what it is: how it is doing needs NVML."""
    return GpuReading(probe.devices[0].name, probe.driver or None) if probe.devices else GpuReading()


def _named(value: float | None) -> dict[str, float]:
    """A value that the driver says of the GPU, beside those of the board's sensors."""
    return {} if value is None else {"gpu (driver)": value}


def _both(board: tuple[str, ...] | None, driver: tuple[str, ...] | None) -> tuple[str, ...] | None:
    return None if board is None and driver is None else (board or ()) + (driver or ())
