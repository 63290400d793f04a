"""`scanside demo`: the whole appliance on one machine, with a real scan and a simulated fault."""

import argparse
import json
import os
import subprocess
import sys
import tempfile
import threading
from dataclasses import asdict
from pathlib import Path
from typing import Any

from rich.console import Console

from engine.errors import ConfigError, Unavailable
from engine.runners import AUTO
from firmware.appliance import Appliance, raise_priority
from firmware.broker import Broker, start_broker
from firmware.cli.demo_document import demo_document
from firmware.cli.demo_fault import NONE, FaultWishes, demo_scan, wished_fault
from firmware.cli.demo_networks import Readiness
from firmware.config import default_config
from firmware.console.reach import free
from firmware.loop import Judged
from firmware.sinks.payloads import ModelState, as_mapping, decision_payload
from firmware.sinks.terminal import Terminal
from models.scans import BRAIN16
from models.simulate import FAULTS
from models.simulate.fault import Truth

REPETITIONS = 20
_SECONDS_PER_FRAME = {"real": 1.0, "fast": 0.0}
_SERIES_S = 120.0
_PAGE_S = 20.0
"""For the page before the first series: what is not there by then comes later."""
_VERDICT_S = 30.0
"""After the scanner has ended: no longer than the loop itself waits for the disk."""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "--once",
        action="store_true",
        default=bool(os.environ.get("SCANSIDE_DEMO_ONCE")),
        help="one series, then end (also: SCANSIDE_DEMO_ONCE=1)",
    )
    parser.add_argument("--json", action="store_true", help="one JSON document on standard output; implies --once")
    parser.add_argument("--seed", type=int, default=0, help="seed of noise and fault")
    parser.add_argument(
        "--fault",
        default="coil-loss",
        metavar="KIND[,KIND]",
        help=f"what is simulated: {NONE}, {', '.join(FAULTS)} (default: %(default)s)",
    )
    parser.add_argument(
        "--strength",
        type=float,
        metavar="TIMES",
        help="so many times the impact limit of the row that finds it (default: the fault's natural strength)",
    )
    parser.add_argument("--fault-at", type=int, metavar="N", default=REPETITIONS // 2, help="repetition it begins with")
    parser.add_argument("--fault-element", metavar="E[,E]", help="coil elements that fail instead of a whole connector")
    parser.add_argument("--scan", type=Path, default=BRAIN16, metavar="PATH", help="another fully sampled MRD scan")
    parser.add_argument(
        "--backend",
        default=AUTO,
        metavar="RUNNER[:FORM]",
        help="what runs the networks, as `scanside doctor` names it (default: the fastest that passed the gate)",
    )
    parser.add_argument("--pace", choices=tuple(_SECONDS_PER_FRAME), help="about one frame a second, or flat out")


def run(options: argparse.Namespace) -> int:
    once = options.once or options.json
    pace = options.pace or ("fast" if options.json else "real")
    console = Console(stderr=options.json, highlight=False)
    wishes = _wishes(options)
    file = demo_scan(options.scan, wishes)
    fault = wished_fault(file.base, wishes)
    truths = fault.truths if fault is not None else ()
    raised = raise_priority()
    broker = start_broker()
    try:
        with tempfile.TemporaryDirectory(prefix="scanside-demo-") as folder:
            demo = _Demo(console, broker, folder, raised, options)
            demo.appliance.start()
            try:
                _introduce(console, options.scan, file.base.slices, truths, broker, demo.appliance.scanner_port)
                document = demo.series(options.scan, wishes, truths, _SECONDS_PER_FRAME[pace])
                while not once:
                    document = demo.series(options.scan, wishes, truths, _SECONDS_PER_FRAME[pace])
            finally:
                demo.appliance.stop()
    finally:
        broker.close()
    if options.json:
        print(json.dumps(document, indent=2))
    return 0


def _wishes(options: argparse.Namespace) -> FaultWishes:
    if not 0 <= options.fault_at < REPETITIONS:
        raise ConfigError(f"takes a number from 0 to {REPETITIONS - 1}", "--fault-at")
    return FaultWishes(options.fault, options.seed, options.fault_at, options.strength, options.fault_element)


def _introduce(console: Console, scan: Path, slices: int, truths: tuple[Truth, ...], broker: Broker, port: int) -> None:
    name = "the bundled in-vivo brain, 16 coil elements, Siemens Cima.X" if scan == BRAIN16 else scan.name
    console.print(f"[bold]real[/bold]       the scan: {name}; the TCP connection, the reconstruction, the broker")
    console.print(
        f"[bold]simulated[/bold]  {REPETITIONS} repetitions (the scan's own k-space with fresh noise of the covariance "
        "measured in its side air)"
    )
    for truth in truths:
        elements = f" ({', '.join(map(str, truth.elements))})" if truth.elements else ""
        console.print(
            f"[bold]simulated[/bold]  the fault: {truth.kind} of {truth.strength:.3g} {truth.unit}{elements}, "
            f"from image {truth.first_frame} on"
        )
    if scan == BRAIN16:
        console.print("[bold]simulated[/bold]  the slice's directions (R, L, A, P): the published data state none")
    if slices > 1:
        console.print(f"[bold]simulated[/bold]  {slices} slices, all of them the scan's one")
    if not truths:
        console.print("[bold]simulated[/bold]  no fault")
    console.print(
        f"scanner port {port}; MQTT broker {broker.name} on port {broker.port}: scanside watch --port {broker.port}\n"
    )


class _Demo:
    """One appliance, and what it decided about the series that is running."""

    def __init__(
        self, console: Console, broker: Broker, folder: str, raised: bool, options: argparse.Namespace
    ) -> None:
        config = default_config()
        config.appliance.name, config.appliance.state_dir = "demo", folder
        config.models.backend = options.backend
        config.console.enabled = not options.json  # over before anybody could look
        config.scanner.port, config.mqtt.host, config.mqtt.port = 0, broker.host, broker.port
        self._broker = broker
        self._console, self._terminal = console, Terminal(console)
        self._frames: list[Judged] = []
        self._series: list[Judged] = []
        self._done = threading.Event()
        self._page = threading.Event()
        if options.json:
            self._page.set()
        self._readiness = Readiness(2 if config.models.quality else 1)
        if not free(config.console.listen, config.console.port):
            config.console.port = 0
        self.appliance = Appliance(
            config,
            listener=self._hear,
            model_listener=self._hear_model,
            page_listener=self._hear_page,
            priority_raised=raised,
        )

    def _hear_page(self, address: str) -> None:
        self._page.set()
        if address:
            self._console.print(f"[bold]page[/bold]       {address} in a browser of this machine", soft_wrap=True)

    def _hear_model(self, state: ModelState) -> None:
        self._terminal.model(as_mapping(state))
        self._readiness.hear(state)

    def _hear(self, judged: Judged) -> None:
        self._terminal.decision(as_mapping(decision_payload(judged.decision, judged.scan, judged.latency_ms)))
        if judged.decision.scope == "series":
            self._series.append(judged)
            self._done.set()
        else:
            self._frames.append(judged)

    def series(
        self, scan: Path, fault: FaultWishes, truths: tuple[Truth, ...], seconds_per_frame: float
    ) -> dict[str, Any]:
        """Play one series and wait for its verdict; raises Unavailable when it does not come."""
        self._frames, self._series = [], []
        self._done.clear()
        self._readiness.wait()
        self._page.wait(_PAGE_S)
        self._page.set()  # waited for once: what never comes must not hold up every series
        wishes = {
            "scan": str(scan.resolve()),
            "repetitions": REPETITIONS,
            "seed": fault.seed,
            "fault": asdict(fault),
            "port": self.appliance.scanner_port,
            "seconds_per_frame": seconds_per_frame,
        }
        try:
            scanner = subprocess.run(
                [sys.executable, "-m", "firmware.cli.demo_scanner"],
                input=json.dumps(wishes),
                capture_output=True,
                text=True,
                timeout=_SERIES_S,
                check=False,
            )
        except subprocess.TimeoutExpired as error:
            raise Unavailable(f"the simulated scanner did not end within {_SERIES_S:g} s") from error
        if scanner.returncode:
            raise Unavailable(f"the simulated scanner failed: {scanner.stderr.strip()[-300:]}")
        if not self._done.wait(_VERDICT_S):
            raise Unavailable(f"no verdict of the series came within {_VERDICT_S:g} s; the log says why")
        return {
            **demo_document(self._frames, self._series[0], json.loads(scanner.stdout), truths),
            "latency_ms": self.appliance.latencies.summary(),
            "backend": self.appliance.backend,
            "broker": self._broker.name,
        }
