"""What `scanside doctor` says of the runners of networks: which work here, and which was chosen for each network."""

import tempfile
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from calibration.site import usable_ranges
from engine.errors import ScansideError
from engine.package import load_package, trusted_keys
from engine.plans.choose import Choice, choose
from engine.plans.store import open_store
from engine.runners import AUTO, RUNNERS, why_not
from firmware.clock import SystemClock
from firmware.device import read_device
from models.shipped import DENOISER, KEYS, PACKAGES, QUALITY


@dataclass(frozen=True, slots=True)
class BackendState:
    """One runner of the table."""

    name: str
    available: bool
    why_not: str
    install: str
    """What to do to have it; empty where it is there."""
    forms: tuple[str, ...]
    """What it may be chosen to serve."""


def backends() -> list[BackendState]:
    """Every runner, in the table's order."""
    states = []
    for name, row in RUNNERS.items():
        why = why_not(name)
        states.append(BackendState(name, not why, why, row.install if why else "", row.forms))
    return states


@dataclass(frozen=True, slots=True)
class Served:
    """What serves one network here."""

    choice: Choice | None
    """None: nothing does."""
    why_not: str = ""
    table_not_used: str = ""
    """Why the site's own table of int8 ranges is not used; empty: it is, or there is none."""


def choices(state: Path) -> dict[str, Served]:
    """Shipped network -> what serves it here and how it was found, or the sentence why nothing does.

    An appliance's findings in the folder `state` are used and left there; where there is none, nothing is written.
    """
    if state.is_dir():
        return _choices(state)
    with tempfile.TemporaryDirectory(prefix="scanside-doctor-") as folder:
        return _choices(Path(folder))


def _choices(state: Path) -> dict[str, Served]:
    mode = read_device().power_mode or ""
    return {name: _served(name, state, mode) for name in (DENOISER, QUALITY)}


def _served(name: str, state: Path, mode: str) -> Served:
    not_used = ""
    try:
        package = load_package(PACKAGES / name, trusted_keys(KEYS))
        ranges, not_used = usable_ranges(state, package)
        store, clock = open_store(state), SystemClock()
        choice = choose(package, store=store, clock=clock, ranges=ranges, forced=AUTO, power_mode=mode)
    except ScansideError as error:
        return Served(None, str(error), not_used)
    return Served(choice, "", not_used)


def document(states: Sequence[BackendState], chosen: dict[str, Served]) -> dict[str, Any]:
    """Both as JSON."""
    return {
        "backends": [asdict(state) for state in states],
        "chosen": {
            name: (asdict(one.choice) if one.choice else {"why_not": one.why_not})
            | {"site_table_not_used": one.table_not_used}
            for name, one in chosen.items()
        },
    }


def lines(chosen: dict[str, Served]) -> list[str]:
    """The choices for people: one line each, one for a table that is not used, then one for each candidate."""
    said = []
    for name, one in chosen.items():
        if one.table_not_used:
            said.append(f"{name}: table of this site not used: {one.table_not_used}")
        if (choice := one.choice) is None:
            said.append(f"{name}: {one.why_not}")
            continue
        said.append(f"{name}: {choice.why}{' (found at an earlier start)' if choice.cached else ''}")
        for row in choice.rows:
            if row.p50_ms is not None:
                lost = "" if row.loss is None else f", loses {max(row.loss, 0):.4f} {row.loss_unit}"
                timing = f"p50 {row.p50_ms:.1f} ms, p99 {row.p99_ms:.1f} ms"
                said.append(f"  {f'{row.runner} {row.form}':<26} {timing}{lost}")
            elif row.form:
                said.append(f"  {f'{row.runner} {row.form}':<26} not used: {row.why_not}")
    return said
