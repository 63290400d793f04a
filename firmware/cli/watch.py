"""`scanside watch`: live verdicts of every appliance on a broker."""

import argparse
import json

from rich.console import Console

from firmware.sinks.subscriber import messages
from firmware.sinks.terminal import Terminal


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--host", default="127.0.0.1", help="broker (default: %(default)s)")
    parser.add_argument("--port", type=int, default=1883, help="its port (default: %(default)s)")
    parser.add_argument("--json", action="store_true", help="one JSON document per line")


def run(options: argparse.Namespace) -> int:
    console = Console(highlight=False)
    terminal = Terminal(console)
    networks: dict[str, tuple[object, ...]] = {}
    for topic, payload in messages(options.host, options.port):
        if options.json:
            print(json.dumps({"topic": topic, **payload}), flush=True)
        elif topic.endswith("/decision"):
            terminal.decision(payload)
        elif payload.get("schema") == "model_state/1":
            # Published again with each health report; told when it changes.
            now = tuple(payload[key] for key in ("state", "reason", "restarts", "sha256"))
            if networks.get(topic) != now:
                terminal.model(payload)
            networks[topic] = now
        elif topic.endswith("/state") and "state" in payload:
            console.print(f"{topic.split('/')[1]} is [bold]{payload['state']}[/bold]")
    return 0
