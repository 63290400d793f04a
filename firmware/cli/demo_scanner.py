"""The demo's scanner, a process of its own: `python -m firmware.cli.demo_scanner` with its wishes as JSON on stdin."""

import json
import sys
from dataclasses import asdict
from pathlib import Path

from firmware.sources.player import load_scan, play, series_messages
from models.simulate.coil import CoilFailure


def main() -> None:
    """Plays one series; prints what came back as JSON."""
    wishes = json.load(sys.stdin)
    file = load_scan(Path(wishes["scan"]))
    elements = wishes["elements"]
    fault = CoilFailure(tuple(elements), wishes["fault_at"]) if elements else None
    blocks = series_messages(file, wishes["repetitions"], wishes["seed"], fault)
    answers = play(iter(list(blocks)), "127.0.0.1", wishes["port"], seconds_per_block=wishes["seconds_per_frame"])
    print(json.dumps(asdict(answers)))


if __name__ == "__main__":
    main()
