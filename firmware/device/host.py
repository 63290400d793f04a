"""What every Linux machine tells of itself."""

from pathlib import Path

from firmware.device import nodes

_BOARD = ("proc/device-tree/model", "sys/firmware/devicetree/base/model", "sys/class/dmi/id/product_name")


def board(root: Path) -> str | None:
    """Name of the board or computer: from the device tree, else from the firmware's tables."""
    return next((said for path in _BOARD if (said := nodes.text(root / path))), None)


def processor(root: Path) -> str | None:
    """Model name; ARM kernels give none, and the board's name must do."""
    return _field(root / "proc/cpuinfo", "model name")


def cores(root: Path) -> int | None:
    """Processors that are switched on: a power mode may switch some off."""
    said = nodes.text(root / "sys/devices/system/cpu/online")
    try:
        return sum(_length(part) for part in (said or "").split(",")) if said else None
    except ValueError:
        return None


def governor(root: Path) -> str | None:
    """Frequency governor of the first core."""
    return nodes.text(root / "sys/devices/system/cpu/cpu0/cpufreq/scaling_governor")


def load(root: Path) -> float | None:
    """Mean number of runnable processes in the last minute."""
    said = nodes.text(root / "proc/loadavg")
    try:
        return float((said or "").split()[0])
    except (IndexError, ValueError):
        return None


def memory_mb(root: Path) -> int | None:
    """MiB of memory; on a Jetson the GPU has its share in it."""
    said = (_field(root / "proc/meminfo", "MemTotal") or "").removesuffix("kB").strip()
    return int(said) // 1024 or None if said.isascii() and said.isdecimal() and len(said) < 20 else None


def _field(path: Path, name: str) -> str | None:
    """Value of the first `name : value` line."""
    for line in (nodes.text(path) or "").splitlines():
        key, _, value = line.partition(":")
        if key.strip() == name:
            return value.strip() or None
    return None


def _length(part: str) -> int:
    """Of `3` or `0-3`."""
    first, _, last = part.partition("-")
    length = int(last or first) - int(first) + 1
    if length < 1:
        raise ValueError(part)
    return length
