"""`scanside run`: the appliance until it is told to stop."""

import argparse
import signal
import threading
from pathlib import Path

from rich.console import Console

from firmware.appliance import Appliance, raise_priority
from firmware.config import default_config, load_config
from firmware.loop import Judged
from firmware.sinks.payloads import ModelState, as_mapping, decision_payload
from firmware.sinks.terminal import Terminal


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--config", type=Path, help="TOML file; without it every key has its default")
    parser.add_argument("--record", type=Path, metavar="DIR", help="capture what scanners send into this folder")


def run(options: argparse.Namespace) -> int:
    config = load_config(options.config) if options.config else default_config()
    if options.record:
        config.record.directory = str(options.record)
    console = Console(highlight=False)
    terminal = Terminal(console)

    def show(judged: Judged) -> None:
        terminal.decision(as_mapping(decision_payload(judged.decision, judged.scan, judged.latency_ms)))

    def show_model(state: ModelState) -> None:
        terminal.model(as_mapping(state))

    def show_page(address: str) -> None:
        if address:
            console.print(f"the page for this machine's browser: {address}", soft_wrap=True)

    stop = threading.Event()
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, lambda *_: stop.set())
    raised = raise_priority()
    appliance = Appliance(
        config, listener=show, model_listener=show_model, page_listener=show_page, priority_raised=raised
    )
    appliance.start()
    console.print(f"listening for scanners on {config.scanner.listen} port {appliance.scanner_port}")
    if config.mqtt.enabled:
        console.print(f"verdicts go to the broker at {config.mqtt.host} port {config.mqtt.port}")
    try:
        stop.wait()
    finally:
        console.print("stopping")
        appliance.stop()
    return 0
