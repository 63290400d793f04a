"""`scanside doctor`: what this machine can do, and the mend for what it cannot."""

import argparse
import importlib
import importlib.util
import json
import os
import platform
import subprocess
import sys
import tempfile
from collections.abc import Callable
from dataclasses import asdict, dataclass
from pathlib import Path

from rich.console import Console

from engine.errors import ScansideError
from engine.package import load_package, trusted_keys
from firmware.broker import find_mosquitto
from firmware.version import VERSION
from models.shipped import DENOISER, KEYS, PACKAGES, QUALITY


@dataclass(frozen=True, slots=True)
class Finding:
    """One check. `needed` ones make the command fail."""

    name: str
    good: bool
    says: str
    mend: str = ""
    needed: bool = False


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--json", action="store_true", help="one JSON document")


def run(options: argparse.Namespace) -> int:
    findings = [check() for check in CHECKS]
    if options.json:
        print(json.dumps({"schema": "doctor/1", "version": VERSION, "checks": [asdict(f) for f in findings]}, indent=2))
    else:
        console = Console(highlight=False)
        for finding in findings:
            mark = "[green]●" if finding.good else ("[red]■" if finding.needed else "[yellow]▲")
            console.print(f"{mark}[/] {finding.name:<18} {finding.says}")
            if finding.mend and not finding.good:
                console.print(f"  {'':<18} {finding.mend}")
    return 1 if any(f.needed and not f.good for f in findings) else 0


def _python() -> Finding:
    good = (3, 11) <= sys.version_info[:2] <= (3, 13)
    return Finding("python", good, platform.python_version(), "install Python 3.11, 3.12 or 3.13", needed=True)


def _cores() -> Finding:
    cores = os.cpu_count() or 1
    return Finding("processor", cores >= 2, f"{cores} cores", "give it two cores: one receives, one judges")


def _priority() -> Finding:
    code = "import os; os.nice(-10)"
    refused = subprocess.run([sys.executable, "-c", code], capture_output=True, check=False).returncode != 0
    return Finding(
        "priority",
        not refused,
        "refused" if refused else "granted",
        "grant CAP_SYS_NICE: latencies halve on a busy machine",
    )


def _journal() -> Finding:
    with tempfile.TemporaryDirectory() as folder:
        import apsw

        db = apsw.Connection(str(Path(folder) / "probe.db"))
        mode = next(iter(db.execute("PRAGMA journal_mode = WAL")))[0]
        db.close()
    return Finding(
        "journal", mode == "wal", f"SQLite {apsw.sqlite_lib_version()}, {mode} mode", "use a local disk", needed=True
    )


def _mosquitto() -> Finding:
    found = find_mosquitto()
    return Finding(
        "broker",
        bool(found),
        "mosquitto" if found else "mosquitto not found: the demo uses amqtt (MQTT 3.1.1)",
        "apt install mosquitto",
    )


def _opencv() -> Finding:
    try:
        cv2 = importlib.import_module("cv2")
    except ImportError as error:
        return Finding("pictures", False, f"OpenCV cannot be loaded ({error})", "apt install libgl1 libglib2.0-0")
    return Finding("pictures", True, f"OpenCV {cv2.__version__}")


def _packages() -> Finding:
    from firmware.cli.model_states import find_packages, state_of

    try:
        keys = trusted_keys(KEYS)
    except ScansideError as error:
        return Finding("packages", False, str(error), "install again")
    states = [state_of(path, keys) for path in find_packages([PACKAGES])]
    says = "; ".join(state.refused or f"{state.name} {state.version}, {state.signature}" for state in states)
    good = all(state.usable for state in states)
    return Finding("packages", good, says, "install again; `scanside models verify` says what changed")


def _runners() -> Finding:
    """Each runner with the shipped networks, held to its golden frames."""
    from engine.runners import RUNNERS, load_runner
    from engine.runners.golden import check_golden

    told = []
    try:
        packages = [load_package(PACKAGES / name, trusted_keys(KEYS)) for name in (DENOISER, QUALITY)]
        for name in RUNNERS:
            for package in packages:
                runner = load_runner(name, package)
                check_golden(runner, package)
            told.append(f"{name} on {runner.backend.actual}")
    except ScansideError as error:
        return Finding("runners", False, str(error), "verdicts go on without networks; install the lock file again")
    return Finding("runners", True, f"{', '.join(told)}: golden frames of {DENOISER} and {QUALITY} come out right")


def _tensorrt() -> Finding:
    found = importlib.util.find_spec("tensorrt") is not None
    says = "installed; no plan is used by this version" if found else "not installed; nothing here needs it yet"
    return Finding("tensorrt", found, says, "on a machine with an NVIDIA GPU: pip install 'scanside[gpu]'")


CHECKS: tuple[Callable[[], Finding], ...] = (
    _python,
    _cores,
    _priority,
    _journal,
    _mosquitto,
    _opencv,
    _packages,
    _runners,
    _tensorrt,
)
