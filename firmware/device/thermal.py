"""Heat: the kernel's thermal zones, and the cooling devices that slow clocks down."""

import re
from pathlib import Path

from firmware.device import nodes

_SLOWS = re.compile(r"(thermal-)?(cpufreq|devfreq)-.+|.+-throttle-alert|Processor")
"""Types of cooling device that take clock away. Fans cool without, and others hold settings, not states."""

_COLDEST_MC, _HOTTEST_MC = -40_000, 150_000
"""What silicon survives: a sensor that is switched off reports values far outside."""


def temperatures(root: Path) -> dict[str, float] | None:
    """Zone -> degrees Celsius; None when no zone gives a possible value."""
    found: dict[str, float] = {}
    for zone in nodes.folders(root / "sys/class/thermal", "thermal_zone*"):
        value = nodes.number(zone / "temp")
        if value is not None and _COLDEST_MC < value < _HOTTEST_MC:
            found.setdefault(nodes.text(zone / "type") or zone.name, value / 1000)
    return found or None


def throttled_by(root: Path) -> tuple[str, ...] | None:
    """Types of the cooling devices that take clock away now; None when none can be read."""
    states: dict[str, int] = {}
    for device in nodes.folders(root / "sys/class/thermal", "cooling_device*"):
        kind, state = nodes.text(device / "type"), nodes.number(device / "cur_state")
        if kind and state is not None and _SLOWS.fullmatch(kind):
            states[kind] = max(state, states.get(kind, 0))  # a board has several of one type
    return tuple(sorted(kind for kind, state in states.items() if state > 0)) if states else None
