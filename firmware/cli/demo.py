"""`scanside demo`: the whole appliance on one machine, with a real scan and a simulated fault."""

import argparse
import json
import os
import subprocess
import sys
import tempfile
import threading
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import msgspec
from rich.console import Console

from engine.errors import ConfigError, Unavailable
from firmware.appliance import BACKEND, Appliance, raise_priority
from firmware.broker import Broker, start_broker
from firmware.config import default_config
from firmware.loop import Judged
from firmware.sinks.payloads import decision_payload
from firmware.sinks.terminal import Terminal
from firmware.sources.player import load_scan
from models.scans import BRAIN16
from models.simulate.coil import connector

REPETITIONS = 20
FAULTS = ("connector", "none")
_SECONDS_PER_FRAME = {"real": 1.0, "fast": 0.0}
_SERIES_S = 120.0


@dataclass(frozen=True, slots=True)
class Injected:
    """The simulated fault, known beforehand."""

    kind: str
    first_frame: int | None
    elements: tuple[int, ...]


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "--once",
        action="store_true",
        default=bool(os.environ.get("SCANSIDE_DEMO_ONCE")),
        help="one series, then end (also: SCANSIDE_DEMO_ONCE=1)",
    )
    parser.add_argument("--json", action="store_true", help="one JSON document on standard output; implies --once")
    parser.add_argument("--seed", type=int, default=0, help="seed of noise and fault")
    parser.add_argument("--fault", choices=FAULTS, default="connector", help="what is simulated (default: %(default)s)")
    parser.add_argument("--fault-at", type=int, metavar="N", default=REPETITIONS // 2, help="repetition it begins with")
    parser.add_argument("--fault-element", metavar="E[,E]", help="coil elements that fail instead of a whole connector")
    parser.add_argument("--scan", type=Path, default=BRAIN16, metavar="PATH", help="another fully sampled MRD scan")
    parser.add_argument("--pace", choices=tuple(_SECONDS_PER_FRAME), help="about one frame a second, or flat out")


def run(options: argparse.Namespace) -> int:
    once = options.once or options.json
    pace = options.pace or ("fast" if options.json else "real")
    console = Console(stderr=options.json, highlight=False)
    file = load_scan(options.scan)
    injected = _injected(options, len(file.kspace))
    raised = raise_priority()
    broker = start_broker()
    try:
        with tempfile.TemporaryDirectory(prefix="scanside-demo-") as folder:
            demo = _Demo(console, broker, folder, raised)
            demo.appliance.start()
            try:
                _introduce(console, options.scan, injected, broker, demo.appliance.scanner_port)
                document = demo.series(options, injected, _SECONDS_PER_FRAME[pace])
                while not once:
                    document = demo.series(options, injected, _SECONDS_PER_FRAME[pace])
            finally:
                demo.appliance.stop()
    finally:
        broker.close()
    if options.json:
        print(json.dumps(document, indent=2))
    return 0


def _injected(options: argparse.Namespace, coils: int) -> Injected:
    if options.fault == "none":
        return Injected("none", None, ())
    try:
        chosen = options.fault_element.split(",") if options.fault_element else connector(coils, options.seed)
        elements = tuple(sorted({int(element) for element in chosen}))
    except ValueError:
        elements = (-1,)
    if not all(0 <= element < coils for element in elements):
        raise ConfigError(f"takes numbers from 0 to {coils - 1}, separated by commas", "--fault-element")
    if not 0 <= options.fault_at < REPETITIONS:
        raise ConfigError(f"takes a number from 0 to {REPETITIONS - 1}", "--fault-at")
    return Injected("coil_element", options.fault_at, elements)


def _introduce(console: Console, scan: Path, injected: Injected, broker: Broker, port: int) -> None:
    name = "the bundled in-vivo brain, 16 coil elements, Siemens Cima.X" if scan == BRAIN16 else scan.name
    console.print(f"[bold]real[/bold]       the scan: {name}; the TCP connection, the reconstruction, the broker")
    console.print(
        f"[bold]simulated[/bold]  {REPETITIONS} repetitions (the scan's own k-space with fresh noise of the covariance "
        "measured in its side air)"
    )
    if injected.kind == "none":
        console.print("[bold]simulated[/bold]  no fault")
    else:
        elements = ", ".join(map(str, injected.elements))
        console.print(
            f"[bold]simulated[/bold]  the fault: coil elements {elements} fail from image {injected.first_frame} on"
        )
    console.print(
        f"scanner port {port}; MQTT broker {broker.name} on port {broker.port}: scanside watch --port {broker.port}\n"
    )


class _Demo:
    """One appliance, and what it decided about the series that is running."""

    def __init__(self, console: Console, broker: Broker, folder: str, raised: bool) -> None:
        config = default_config()
        config.appliance.name, config.appliance.state_dir = "demo", folder
        config.scanner.port, config.mqtt.host, config.mqtt.port = 0, broker.host, broker.port
        self._broker = broker
        self._terminal = Terminal(console)
        self._frames: list[Judged] = []
        self._series: list[Judged] = []
        self._done = threading.Event()
        self.appliance = Appliance(config, listener=self._hear, priority_raised=raised)

    def _hear(self, judged: Judged) -> None:
        self._terminal.decision(msgspec.to_builtins(decision_payload(judged.decision, judged.scan, judged.latency_ms)))
        if judged.decision.scope == "series":
            self._series.append(judged)
            self._done.set()
        else:
            self._frames.append(judged)

    def series(self, options: argparse.Namespace, injected: Injected, seconds_per_frame: float) -> dict[str, Any]:
        """Play one series and wait for its verdict; raises Unavailable when it does not come."""
        self._frames, self._series = [], []
        self._done.clear()
        wishes = {
            "scan": str(options.scan.resolve()),
            "repetitions": REPETITIONS,
            "seed": options.seed,
            "elements": list(injected.elements),
            "fault_at": injected.first_frame,
            "port": self.appliance.scanner_port,
            "seconds_per_frame": seconds_per_frame,
        }
        scanner = subprocess.run(
            [sys.executable, "-m", "firmware.cli.demo_scanner"],
            input=json.dumps(wishes),
            capture_output=True,
            text=True,
            timeout=_SERIES_S,
            check=False,
        )
        if scanner.returncode or not self._done.wait(_SERIES_S):
            raise Unavailable(f"the simulated scanner failed: {scanner.stderr.strip()[-300:]}")
        return self._document(json.loads(scanner.stdout), injected, self._series[0])

    def _document(self, answers: dict[str, Any], injected: Injected, series: Judged) -> dict[str, Any]:
        decision = series.decision
        last = self._frames[-1].decision
        return {
            "schema": "demo/1",
            "frames": len(self._frames),
            "images_returned": answers["images"],
            "verdict": decision.verdict.value,
            "sentence": decision.sentence,
            "findings": [
                {
                    "kind": finding.kind,
                    "severity": finding.severity.value,
                    "first_frame": finding.first_frame,
                    "where": {"coils": list(finding.where.coils), "lines": list(finding.where.lines)},
                    "advice": finding.action,
                    "message": finding.message,
                    "caused_by": finding.caused_by,
                }
                for finding in decision.findings
            ],
            "injected": asdict(injected),
            "measurements": [
                {
                    "row": m.row,
                    "name": m.name,
                    "value": m.value,
                    "unit": m.unit,
                    "why_missing": m.why_missing,
                }
                for m in last.measurements
            ],
            "latency_ms": self.appliance.latencies.summary(),
            "backend": BACKEND,
            "broker": self._broker.name,
        }
