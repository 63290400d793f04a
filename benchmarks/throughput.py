"""Which packages were measured, and what a frame costs in each on one thread, by the frames in a call."""

import hashlib
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np

from engine.errors import ScansideError
from engine.forms import fp32
from engine.package import Package, load_package, trusted_keys
from engine.runners import load_runner
from models.shipped import KEYS

RUNNER = "onnxruntime-cpu"
BATCHES = (1, 2, 4, 8)

_SIDE, _ROUNDS, _SNR = 256, 20, 20.0


def package_rows(folder: Path, names: tuple[str, ...]) -> list[dict[str, Any]]:
    """Version and identity of each package: of all of it, as the appliance shows it, and of its network alone.

    The first changes with the card too, which quotes what is measured here.
    """
    rows: list[dict[str, Any]] = []
    for name in names:
        try:
            package = _package(folder / name)
        except ScansideError as error:
            rows.append({"package": name, "why_missing": str(error)})
        else:
            network = hashlib.sha256(package.model).hexdigest()
            version = package.manifest.version
            rows.append({"package": name, "version": version, "sha256": package.sha256, "network_sha256": network})
    return rows


def throughput(folder: Path, names: tuple[str, ...]) -> dict[str, Any]:
    """Milliseconds of CPU a frame of 256 x 256 takes in each package, by the frames in a call."""
    rng = np.random.default_rng(0)
    rows: list[dict[str, Any]] = []
    for name in names:
        try:
            package = _package(folder / name)
            runner = load_runner(RUNNER, package, fp32(package))
        except ScansideError as error:
            rows.append({"package": name, "why_missing": str(error)})
            continue
        planes = package.manifest.inputs[0].shape[1]
        assert isinstance(planes, int), "both networks have a fixed number of planes"
        for batch in BATCHES:
            frames = np.abs(rng.standard_normal((batch, planes, _SIDE, _SIDE), np.float32) * _SNR)
            spent = median_seconds(lambda frames=frames, runner=runner: runner.run(frames))  # type: ignore[misc]
            rows.append({"package": name, "batch": batch, "ms_per_frame": round(1e3 * spent / batch, 2)})
    return {"size": [_SIDE, _SIDE], "threads": 1, "time": "CPU", "runner": f"{RUNNER} fp32", "rows": rows}


def median_seconds(work: Callable[[], object]) -> float:
    """Median CPU time of a call, which no other load changes; the first finds its memory and does not count."""
    spent = []
    for _ in range(_ROUNDS + 1):
        began = time.process_time()
        work()
        spent.append(time.process_time() - began)
    return float(np.median(spent[1:]))


def _package(folder: Path) -> Package:
    return load_package(folder, trusted_keys(KEYS))
