"""What a Jetson tells in files: release, power mode, clock of the GPU, power of its rails.

Orin's GPU is in devfreq under JetPack 6 and 7 alike (the driver's own interface answers "not supported" there);
Thor's is `gpu-gpc-0`, without a load.
"""

import re
import subprocess
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from firmware.device import nodes

_GPUS = ("17000000.gpu", "17000000.ga10b", "gpu-gpc-0")
"""Names below /sys/class/devfreq: Orin, Orin with an older kernel, Thor."""

_JETPACK = {"36.3": "6.0", "36.4": "6.1 or 6.2", "36.5": "6.2.2", "38.2": "7.0", "38.4": "7.1", "39.2": "7.2"}
"""Of the release's first two numbers."""

_CHANNELS = (1, 2, 3)
"""Of an INA3221; what its driver numbers above them are shunt voltages and sums."""

_ASK_S = 2.0


@dataclass(frozen=True, slots=True)
class GpuClock:
    """The integrated GPU's clock and use, as far as they are known."""

    mhz: float | None = None
    max_mhz: float | None = None
    load: float | None = None


def l4t_release(root: Path) -> str | None:
    """Jetson Linux' version, as 39.2.0, from a line like `# R39 (release), REVISION: 2.0, GCID: ...`."""
    said = nodes.text(root / "etc/nv_tegra_release") or ""
    found = re.search(r"R(\d{1,4}) \(release\), REVISION: (\d[\d.]{0,15})", said)
    return f"{found[1]}.{found[2]}" if found else None


def jetpack_of(l4t: str | None) -> str | None:
    """The JetPack that a release belongs to; None for those that are not known here."""
    return _JETPACK.get(".".join((l4t or "").split(".")[:2]))


def is_jetson_board(board: str | None) -> bool:
    """Whether a board's name is a Jetson's."""
    return board is not None and "nvidia" in board.lower() and "jetson" in board.lower()


def power_mode(root: Path, ask: Callable[[], str]) -> str | None:
    """The mode that `nvpmodel` last set, by name where its configuration has one; `ask` is used where no file tells."""
    said = re.search(r"pmode:(\d{1,4})", nodes.text(root / "var/lib/nvpmodel/status") or "")
    if said is None:
        found = re.search(r"NV Power Mode: *(\S+)", ask())
        return found[1] if found else None
    number = int(said[1])
    for line in (nodes.text(root / "etc/nvpmodel.conf") or "").splitlines():
        named = re.match(r"\s*<\s*POWER_MODEL\s+ID=(\d{1,4})\s+NAME=(\S+)\s*>", line)
        if named and int(named[1]) == number:
            return named[2]
    return f"mode {number}"


def ask_nvpmodel() -> str:
    """What `nvpmodel -q` prints, which changes nothing; empty when it cannot be run or takes too long."""
    try:
        done = subprocess.run(["nvpmodel", "-q"], capture_output=True, timeout=_ASK_S, check=False)
    except (OSError, subprocess.TimeoutExpired):
        return ""
    return done.stdout.decode("utf-8", "replace")


def gpu_clock(root: Path) -> GpuClock:
    """Of the first node known; a clock of 0 Hz is a GPU at rest whose clock is not known."""
    for name in _GPUS:
        node = root / "sys/class/devfreq" / name
        mhz, highest = _mhz(node / "cur_freq"), _mhz(node / "max_freq")
        if mhz or highest:
            permille = nodes.number(node / "device/load")
            known = permille is not None and 0 <= permille <= 1000
            return GpuClock(mhz, highest, permille / 1000 if known and permille is not None else None)
    return GpuClock()


def power_w(root: Path) -> dict[str, float] | None:
    """Rail -> W, from the board's INA3221 (voltage x current of each channel) and INA238 (its own product)."""
    rails: dict[str, float] = {}
    for sensor in nodes.folders(root / "sys/class/hwmon", "hwmon*"):
        match nodes.text(sensor / "name"):
            case "ina3221":
                rails |= _ina3221(sensor)
            case "ina238":
                microwatt = nodes.number(sensor / "power1_input")
                if microwatt is not None and microwatt > 0:
                    rails[nodes.text(sensor / "label") or "VIN"] = microwatt / 1e6
    return rails or None


def over_current_events(root: Path) -> int | None:
    """How often under-voltage or over-current slowed the clocks since the start, all kinds together."""
    for sensor in nodes.folders(root / "sys/class/hwmon", "hwmon*"):
        if nodes.text(sensor / "name") == "soctherm_oc":
            counts = [nodes.number(sensor / f"oc{n}_event_cnt") for n in _CHANNELS]
            return sum(count for count in counts if count) if any(count is not None for count in counts) else None
    return None


def _ina3221(sensor: Path) -> dict[str, float]:
    rails = {}
    for n in _CHANNELS:
        rail = nodes.text(sensor / f"in{n}_label")
        millivolt, milliampere = nodes.number(sensor / f"in{n}_input"), nodes.number(sensor / f"curr{n}_input")
        if rail is None or rail == "NC" or millivolt is None or milliampere is None:
            continue
        if millivolt > 0 and milliampere >= 0:
            rails[rail] = millivolt * milliampere / 1e6
    return rails


def _mhz(node: Path) -> float | None:
    hertz = nodes.number(node)
    return hertz / 1e6 if hertz and hertz > 0 else None
