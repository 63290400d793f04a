"""What viewers of the page cost the loop: last readout to image and verdict, with none, ten and a hundred of them."""

import json
import subprocess
import sys
from contextlib import ExitStack
from pathlib import Path
from typing import TYPE_CHECKING, Any

import psutil

from benchmarks.loop import PACE, Timed, timed
from benchmarks.site import Site

if TYPE_CHECKING:
    from playwright.sync_api import Browser

VIEWERS = {
    "no viewer": (0, False),
    "a browser": (0, True),
    "10 and a browser": (10, True),
    "100 and a browser": (100, True),
}
"""Readers of the stream in another process, and whether a browser draws the page on this machine, too."""


def measure_loop(site: Site, browser: "Browser", base: Path, broker_port: int, rounds: int) -> dict[str, Any]:
    """Interleaved: each round has each number of viewers once."""
    process = psutil.Process(site.running.pid)
    timed(base, site.scanner_port, -1)  # the first series pays for page faults
    rows = {name: Timed() for name in VIEWERS}
    events: dict[str, int] = dict.fromkeys(VIEWERS, 0)
    for _ in range(rounds):
        for name, (count, drawn) in VIEWERS.items():
            with ExitStack() as stack:
                viewers = _viewers(site, count, stack)
                if drawn:
                    page = browser.new_context(viewport={"width": 1280, "height": 720}).new_page()
                    stack.callback(page.context.close)
                    page.goto(site.address)
                    page.wait_for_timeout(1e3)
                once = timed(base, site.scanner_port, PACE, broker_port, process)
                events[name] += least_events(viewers) if viewers else 0
            row = rows[name]
            row.image_ms += once.image_ms
            row.verdict_ms += once.verdict_ms
            row.cpu_s += once.cpu_s
            row.frames += once.frames
    return {
        name: {**row.row(), **({"events_of_the_slowest": events[name]} if VIEWERS[name][0] else {})}
        for name, row in rows.items()
    }


def _viewers(site: Site, count: int, stack: ExitStack) -> "subprocess.Popen[str] | None":
    if not count:
        return None
    command = [sys.executable, "-m", "benchmarks.viewers", str(site.page_port), str(count)]
    child = subprocess.Popen(command, stdout=subprocess.PIPE, text=True)
    stack.callback(child.wait, 10)
    stack.callback(child.kill)
    assert child.stdout is not None
    child.stdout.readline()
    return child


def least_events(viewers: "subprocess.Popen[str]") -> int:
    """Ends the viewers: events of the one that had the fewest, because none may have been left out."""
    viewers.terminate()
    return int(min(json.loads(viewers.communicate(timeout=20)[0].splitlines()[-1])))
