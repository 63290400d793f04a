"""`scanside bench console`: how soon a verdict is on the screen, and what the page costs the loop and the memory."""

from pathlib import Path
from typing import Any

from rich.table import Table

from benchmarks.chromium import chromium
from benchmarks.console_delay import measure_delay
from benchmarks.console_loop import measure_loop
from benchmarks.console_memory import measure_memory
from benchmarks.loop import machine, on_machine, tell, wait_for_networks
from benchmarks.phantom import make_phantom, save
from benchmarks.site import Site
from firmware.broker import start_broker

_NETWORKS = 2


def measure(folder: Path, quick: bool) -> dict[str, Any]:
    """Everything, in one run on one machine."""
    frames, rounds, many = (30, 1, 300) if quick else (240, 5, 10_000)
    base = save(make_phantom(folder, 8, 6 if quick else 20), folder)
    broker = start_broker()
    site = Site(folder, settings=f"[mqtt]\nport = {broker.port}\n")
    try:
        site.start()
        wait_for_networks(folder / "log.txt", _NETWORKS)
        with chromium() as browser:
            delay = measure_delay(site, browser, frames)
            loop = measure_loop(site, browser, base, broker.port, rounds)
            memory = measure_memory(site, browser, many)
    finally:
        site.stop()
        broker.close()
    return {
        "schema": "bench-console/1",
        **delay,
        "loop": loop,
        "memory": memory,
        "machine": machine(),
        "command": "scanside bench console" + (" --quick" if quick else ""),
    }


def run(*, json_output: bool, quick: bool) -> int:
    return tell(measure, table, json_output=json_output, quick=quick)


def table(result: dict[str, Any]) -> Table:
    """The same for people."""
    out = on_machine(result["machine"])
    for name in ("ms", "p50", "p99", "max", "n"):
        out.add_column(name, justify="left" if name == "ms" else "right")
    delays = {
        "decision in the journal -> on the screen": result["decision_to_screen_ms"],
        "floor: event made -> at a bare reader": result["floor_bare_event_ms"],
        "peer: event made -> on a bare page": result["peer_bare_starlette_page_ms"],
    }
    for viewers, row in result["loop"].items():
        delays[f"last readout -> image, {viewers}"] = row["image_ms"]
        delays[f"last readout -> verdict at a subscriber, {viewers}"] = row["verdict_mqtt_ms"]
    for name, row in delays.items():
        out.add_row(name, *(f"{row[key]:.1f}" for key in ("p50", "p99", "max")), str(row["n"]))
    images = result["images"]
    out.add_row("images seen of those recorded", f"{images['seen']} of {images['recorded']}")
    for name, value in result["memory"].items():
        out.add_row(f"memory: {name.replace('_', ' ')}", str(value))
    return out
