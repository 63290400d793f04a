"""`scanside bench engine`: every network in every form on every runner that works here, timed in turns.

What is not there is listed with the reason. A figure belongs to the machine in `machine` and `device`: where `real_gpu`
is false a CPU made it, whatever the form was meant for.
"""

import json
import shlex
from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any

import numpy as np
from rich.console import Console

from benchmarks.engine_candidates import BASELINE, Candidate, Missing, candidates, missing_runners
from benchmarks.engine_goals import goals, overhead
from benchmarks.engine_memory import memory_mb
from benchmarks.engine_table import markdown, shown
from benchmarks.engine_timing import Effort, back_to_back, paced, speed_ratio
from benchmarks.loop import machine
from calibration.site import usable_ranges
from engine.cuda.probe import cuda_here
from engine.package import Package, load_package, trusted_keys
from engine.plans.extremes import typical
from engine.plans.identity import read_machine
from firmware.device import DeviceReading, read_device
from models.shipped import KEYS, PACKAGES, package_folder

SCHEMA = "bench/engine/1"

RESULTS = Path(__file__).parent / "results"

_LEFT_OUT = {"smooth"}
"""Packages that only prove that a package runs."""

_FULL, _QUICK = Effort(60.0, 200), Effort(2.0, 20)
_PACED, _QUICK_PACED = Effort(30.0, 100), Effort(1.0, 10)
_OVERHEAD, _QUICK_OVERHEAD = Effort(20.0, 200), Effort(1.0, 20)
_BEAT_S = 0.025
_STATE = Path("state")

_CHANGING = (
    "governor",
    "load",
    "gpu_mhz",
    "gpu_max_mhz",
    "temperatures",
    "power_w",
    "throttled_by",
    "over_current_events",
    "gpu_below_max",
)
"""What is told of the device with each row."""


def run(
    *, json_output: bool, quick: bool, models: Sequence[str] = (), state: Path = _STATE, table: bool = False
) -> int:
    """Prints the document or the table; 1 where a goal is missed; raises PackageRefused (1 as well)."""
    if table:
        print(markdown(json.loads(path.read_text()) for path in sorted(RESULTS.glob("*/engine.json"))))
        return 0
    document = measure(quick, models, state)
    if json_output:
        print(json.dumps(document, indent=1))
    else:
        talk = Console(highlight=False)
        for one in shown(document):
            talk.print(one, soft_wrap=isinstance(one, str), end="\n" if isinstance(one, str) else "\n\n")
    return 0 if all(goal["reached"] is not False for goal in document["goals"]) else 1


def shipped() -> list[str]:
    """Names of the packages that come with the appliance and do something."""
    return sorted(
        path.name for path in PACKAGES.iterdir() if (path / "manifest.toml").exists() and path.name not in _LEFT_OUT
    )


def measure(quick: bool, models: Sequence[str], state: Path) -> dict[str, Any]:
    """Of `models`, or all that are shipped, in one run on one machine; raises PackageRefused for one that is none."""
    before = read_device()
    identity = read_machine(cuda_here(), before.power_mode or "")
    packages = [load_package(package_folder(name), trusted_keys(KEYS)) for name in models or shipped()]
    not_used = {one.manifest.name: why for one in packages if (why := usable_ranges(state, one)[1])}
    missing: list[Missing] = missing_runners()
    rows: list[dict[str, Any]] = []
    paced_rows: list[dict[str, Any]] = []
    overheads = []
    for package in packages:
        found = list(candidates(package, state, identity))
        missing += [one for one in found if isinstance(one, Missing)]
        loaded = [one for one in found if isinstance(one, Candidate)]
        saturated, beaten = _timed(package, loaded, quick)
        rows += saturated
        paced_rows += beaten
        overheads.append(overhead(package, typical(package), _QUICK_OVERHEAD if quick else _OVERHEAD))
    return {
        "schema": SCHEMA,
        "machine": machine(),
        "identity": identity.document(),
        "device": _known(before),
        "quick": quick,
        "threads": 1,
        "baseline": " ".join(BASELINE),
        "method": "batches of one frame of the typical size; rows: called back to back in interleaved turns; "
        f"paced: one call every {1e3 * _BEAT_S:g} ms in turns. The two are not comparable.",
        "rows": rows,
        "paced": paced_rows,
        "site_tables_not_used": not_used,
        "missing": [{name: value for name, value in asdict(one).items() if value} for one in missing],
        "overhead": overheads,
        "goals": list(goals(rows, missing, overheads, identity.flags)),
        "command": _command(quick, models, state),
    }


def _command(quick: bool, models: Sequence[str], state: Path) -> str:
    """What prints this document."""
    named = [word for name in models for word in ("--model", name)]
    where = ["--state", str(state)] if state != _STATE else []
    return shlex.join(["scanside", "bench", "engine", "--json", *["--quick"] * quick, *named, *where])


def _timed(
    package: Package, loaded: Sequence[Candidate], quick: bool
) -> tuple[list[dict[str, Any]], list[dict[str, Any]]]:
    """Rows back to back, and rows at a beat, each with how the device was at their end."""
    frame = typical(package)
    calls = [lambda one=one: one.runner.run(frame) for one in loaded]
    times = back_to_back(calls, (_QUICK if quick else _FULL).calls(calls))
    device = _now(read_device())
    base = next(seen for one, seen in zip(loaded, times, strict=True) if (one.name, one.form.name) == BASELINE)
    saturated = []
    for one, seen in zip(loaded, times, strict=True):
        wall, cpu = speed_ratio(base.wall, seen.wall), speed_ratio(base.cpu, seen.cpu)
        on_gpu = one.runner.backend.real_gpu
        ratio = wall if on_gpu else cpu  # one thread on a CPU never waits, and what else runs does not count
        saturated.append(
            {
                **_what(one, frame.shape),
                **seen.percentiles_ms(),
                "cpu_ms": seen.cpu_ms(),
                "frames_per_s": seen.frames_per_s(len(frame)),
                "speed_ratio_to_ort_fp32": ratio["ratio"],
                "speed_ratio_low": ratio["low"],
                "speed_ratio_high": ratio["high"],
                "speed_ratio_by": "wall time" if on_gpu else "CPU time",
                "speed_ratio_wall_time": wall["ratio"],
                **_worth(one),
                "memory_mb": memory_mb(one),
                "build_s": one.build_s,
                **device,
            }
        )
    beat = paced(calls, (_QUICK_PACED if quick else _PACED).calls(calls, _BEAT_S), _BEAT_S)
    device = _now(read_device())
    return saturated, [
        {**_what(one, frame.shape), **seen.percentiles_ms(), **device} for one, seen in zip(loaded, beat, strict=True)
    ]


def _what(one: Candidate, shape: tuple[int, ...]) -> dict[str, Any]:
    """Which row this is, and what really ran."""
    backend = one.runner.backend
    return {
        "model": one.model,
        "version": one.package.manifest.version,
        "task": one.package.manifest.task,
        "package_sha256": one.package.sha256,
        "form": one.form.name,
        "form_sha256": one.form.sha256,
        "ranges_sha256": one.ranges.sha256 if one.ranges else None,
        "ranges_from": None if one.ranges is None else "package" if one.ranges is one.package.ranges else "site",
        "runner": one.name,
        "requested": backend.requested,
        "actual": backend.actual,
        "real_gpu": backend.real_gpu,
        "shape": list(shape),
    }


def _worth(one: Candidate) -> dict[str, Any]:
    """What the form costs on golden frames, in dB where the network's task has it so, and whether the gate lets it."""
    report, lost = one.report, one.report.golden
    said: dict[str, Any] = {"gate_passed": report.passed, "quality_loss": None, "quality_loss_unit": ""}
    if report.reasons:
        said["gate_reasons"] = list(report.reasons)
    if lost is None:
        return said
    value = round(lost.value, 5) if np.isfinite(lost.value) else None
    said |= {"quality_loss": value, "quality_loss_unit": lost.unit, "quality_loss_limit": lost.limit}
    said |= {"quality_loss_output": lost.output, "quality_loss_against": lost.against}
    if lost.unit.startswith("dB"):
        said["quality_loss_db"] = value
    return said | ({} if lost.agreement is None else {"verdict_agreement": lost.agreement})


def _now(reading: DeviceReading) -> dict[str, Any]:
    """Of a device right after its work: the mode, and what changes from one moment to the next."""
    known = _known(reading)
    return {"power_mode": reading.power_mode, "device": {name: known[name] for name in _CHANGING if name in known}}


def _known(reading: DeviceReading) -> dict[str, Any]:
    """What is known of the device; a field that is not there is unknown."""
    told = {**asdict(reading), "gpu_below_max": reading.gpu_below_max}
    return {name: value for name, value in told.items() if value is not None}
