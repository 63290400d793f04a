"""The demo's scanner, a process of its own: `python -m firmware.cli.demo_scanner` with its wishes as JSON on stdin."""

import json
import sys
from dataclasses import asdict
from pathlib import Path

from firmware.cli.demo_fault import FaultWishes, demo_scan, wished_fault
from firmware.sources.player import play
from firmware.sources.simulated import SimulatedScan


def main() -> None:
    """Plays one series; prints what came back as JSON."""
    wishes = json.load(sys.stdin)
    fault_wishes = FaultWishes(**wishes["fault"])
    file = demo_scan(Path(wishes["scan"]), fault_wishes)
    fault = wished_fault(file.base, fault_wishes)
    series = SimulatedScan(file, wishes["repetitions"], wishes["seed"], fault)
    blocks = iter(list(series.messages()))
    answers = play(blocks, "127.0.0.1", wishes["port"], seconds_per_block=wishes["seconds_per_frame"])
    print(json.dumps(asdict(answers)))


if __name__ == "__main__":
    main()
