"""`scanside doctor`: what this machine can do, and the mend for what it cannot."""

import argparse
import importlib
import json
import os
import platform
import subprocess
import sys
import tempfile
from collections.abc import Callable, Iterator, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path

from rich.console import Console
from rich.markup import escape

from engine.errors import ScansideError
from engine.package import trusted_keys
from firmware.broker import find_mosquitto
from firmware.cli.doctor_backends import BackendState, backends, choices, document, lines
from firmware.config import default_config
from firmware.console.reach import free
from firmware.version import VERSION
from models.shipped import KEYS, PACKAGES


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
    parser.add_argument(
        "--state", type=Path, default=Path("state"), metavar="DIR", help="the appliance's folder (default: state)"
    )


def run(options: argparse.Namespace) -> int:
    states = backends()
    findings = [*(check() for check in CHECKS), *_backends(states)]
    chosen = choices(options.state)
    if options.json:
        checks = {"schema": "doctor/1", "version": VERSION, "checks": [asdict(f) for f in findings]}
        print(json.dumps({**checks, **document(states, chosen)}, indent=2))
    else:
        console = Console(highlight=False)
        for finding in findings:
            mark = "[green]●" if finding.good else ("[red]■" if finding.needed else "[yellow]▲")
            console.print(f"{mark}[/] {finding.name:<18} {escape(finding.says)}", soft_wrap=True)
            if finding.mend and not finding.good:
                console.print(f"  {'':<18} {escape(finding.mend)}", soft_wrap=True)
        console.print("\nWhat runs the networks, timed beside each other just now or at an earlier start:")
        for line in lines(chosen):
            console.print(line, markup=False, soft_wrap=True)
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
        mend = "apt install libgl1 libglib2.0-0; until then the page and reports have no pictures"
        return Finding("pictures", False, f"OpenCV cannot be loaded ({error})", mend)
    return Finding("pictures", True, f"OpenCV {cv2.__version__}")


def _page() -> Finding:
    config = default_config().console
    if free(config.listen, config.port):
        return Finding("page", True, f"port {config.port} is free")
    return Finding(
        "page",
        False,
        f"port {config.port} is taken",
        "by the appliance itself when it runs; else stop the program that has it, or choose another console.port",
    )


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


def _backends(states: Sequence[BackendState]) -> Iterator[Finding]:
    for state in states:
        yield Finding(state.name, state.available, state.why_not or "works here", state.install)


CHECKS: tuple[Callable[[], Finding], ...] = (
    _python,
    _cores,
    _priority,
    _journal,
    _mosquitto,
    _opencv,
    _page,
    _packages,
)
