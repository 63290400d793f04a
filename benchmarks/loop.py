"""`scanside bench loop`: from a frame's last readout to the image back and to the verdict at a subscriber."""

import contextlib
import json
import os
import platform
import shutil
import socket
import struct
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import psutil
from rich.console import Console
from rich.table import Table

from benchmarks import floors
from benchmarks.phantom import LINES, Phantom, make_phantom, save, temporary_folder
from engine.errors import Unavailable
from firmware.appliance import raise_priority
from firmware.broker import start_broker
from firmware.version import VERSION

PACE = 1000.0
_ROUNDS = 5


@dataclass
class Timed:
    """One way of sending, one server."""

    image_ms: list[float] = field(default_factory=list)
    verdict_ms: list[float] = field(default_factory=list)
    wall_s: float = 0.0
    cpu_s: float = 0.0
    frames: int = 0

    def row(self) -> dict[str, Any]:
        row: dict[str, Any] = {"image_ms": percentiles(self.image_ms), "frames": self.frames}
        if self.verdict_ms:
            row["verdict_mqtt_ms"] = percentiles(self.verdict_ms)
        if self.cpu_s:
            row["cpu_us_per_readout"] = round(1e6 * self.cpu_s / (self.frames * LINES), 1)
        return row


def percentiles(values: Sequence[float]) -> dict[str, float]:
    """p50, p99 and the largest, rounded; empty when there are no values."""
    if not values:
        return {}
    array = np.asarray(values)
    return {
        "p50": round(float(np.percentile(array, 50)), 2),
        "p99": round(float(np.percentile(array, 99)), 2),
        "max": round(float(array.max()), 2),
        "n": len(values),
    }


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


@contextlib.contextmanager
def appliance(
    folder: Path, broker_port: int, *, refuse_priority: bool = False, networks: bool = True
) -> Iterator[tuple[int, psutil.Process]]:
    """`scanside run` in a process of its own: (scanner port, process)."""
    port = free_port()
    state = folder / f"state{port}"
    config = folder / f"{port}.toml"
    config.write_text(
        f'[appliance]\nname = "bench"\nstate_dir = "{state}"\n[scanner]\nport = {port}\n[mqtt]\nport = {broker_port}\n'
        + ("" if networks else '[models]\ndenoise = ""\nquality = ""\n')
    )
    command = [sys.executable, "-m", "firmware.cli", "run", "--config", str(config)]
    if refuse_priority:
        command = ["setpriv", "--bounding-set=-sys_nice", "--inh-caps=-sys_nice", *command]
    log = (folder / f"{port}.log").open("w")
    process = subprocess.Popen(command, stdout=log, stderr=subprocess.STDOUT)
    try:
        wait_for_port(port, process)
        wait_for_networks(Path(log.name), 2 if networks else 0)
        yield port, psutil.Process(process.pid)
    finally:
        process.terminate()
        process.wait(20)
        log.close()


def wait_for_port(port: int, process: "subprocess.Popen[Any]") -> None:
    """Until a server of this machine takes connections; raises Unavailable after some seconds."""
    end = time.monotonic() + 20
    while time.monotonic() < end and process.poll() is None:
        with contextlib.suppress(OSError), socket.create_connection(("127.0.0.1", port), timeout=1):
            return
        time.sleep(0.02)
    raise Unavailable("the server under test did not start")


def wait_for_networks(log: Path, count: int) -> None:
    """Until an appliance's log names so many that serve; raises Unavailable after a minute."""
    end = time.monotonic() + 60
    while log.read_text().count(" serves in ") < count:
        if time.monotonic() > end:
            raise Unavailable("the networks under test do not serve", str(log))
        time.sleep(0.02)


def _send(base: Path, port: int, pace: float) -> "subprocess.Popen[str]":
    return subprocess.Popen(
        [sys.executable, "-m", "benchmarks.sender", str(base), str(port), str(pace)], stdout=subprocess.PIPE, text=True
    )


def timed(
    base: Path, port: int, pace: float, broker_port: int = 0, process: psutil.Process | None = None, scanners: int = 1
) -> Timed:
    """Send the series once from each scanner; broker_port 0: a server without verdicts."""
    subscriber = _subscriber(broker_port) if broker_port else None
    cpu = _cpu(process)
    senders = [_send(base, port, pace) for _ in range(scanners)]
    results = [json.loads(sender.communicate(timeout=240)[0]) for sender in senders]
    out = Timed(cpu_s=_cpu(process) - cpu)
    for result in results:
        out.image_ms += [1e3 * (i - s) for s, i in zip(result["sent"], result["images"], strict=True)]
        out.frames += len(result["sent"])
        out.wall_s = max(out.wall_s, result["images"][-1] - result["began"])
    if subscriber is not None:
        out.verdict_ms = _verdicts(subscriber, results)
    return out


def _subscriber(broker_port: int) -> "subprocess.Popen[str]":
    child = subprocess.Popen(
        [sys.executable, "-m", "benchmarks.subscriber", str(broker_port)], stdout=subprocess.PIPE, text=True
    )
    assert child.stdout is not None
    child.stdout.readline()
    return child


def _verdicts(subscriber: "subprocess.Popen[str]", results: list[dict[str, Any]]) -> list[float]:
    """Pairs decisions with sent frames; with two scanners the scans are told apart by which fits."""
    time.sleep(1.0)
    subscriber.terminate()
    stamps = json.loads(subscriber.communicate(timeout=20)[0].splitlines()[-1])
    scans: dict[str, dict[int, float]] = {}
    for scan, number, at in stamps:
        scans.setdefault(scan, {})[number] = at
    out = []
    for result, heard in zip(results, scans.values(), strict=False):
        out += [1e3 * (heard[n] - sent) for n, sent in enumerate(result["sent"]) if n in heard]
    return out


def _cpu(process: psutil.Process | None) -> float:
    if process is None:
        return 0.0
    times = process.cpu_times()
    return float(times.user + times.system)


def _peak_memory_mb(process: psutil.Process) -> float:
    status = Path(f"/proc/{process.pid}/status").read_text()
    line = next(line for line in status.splitlines() if line.startswith("VmHWM"))
    return round(int(line.split()[1]) / 1024, 1)


def _receive(phantom: Phantom) -> dict[str, float]:
    """Ratio to a bare receive at wire speed (best of interleaved runs), and the share of a core at 1000 readouts/s."""
    walls: dict[str, list[float]] = {"bare": [], "decoder": []}
    for _ in range(_ROUNDS):
        for mode, seen in walls.items():
            seen.append(floors.receive_times(phantom, mode, free_port())["wall"])
    paced = floors.receive_times(phantom, "decoder", free_port(), PACE)
    bare = floors.receive_times(phantom, "bare", free_port(), PACE)
    return {
        "receive_ratio": round(min(walls["bare"]) / min(walls["decoder"]), 3),
        "receive_core_share": round(paced["cpu"] / paced["wall"], 4),
        "receive_core_share_bare": round(bare["cpu"] / bare["wall"], 4),
    }


def measure(folder: Path, quick: bool) -> dict[str, Any]:
    """Everything, in one run on one machine."""
    repetitions = 6 if quick else 20
    raised = raise_priority()
    phantom = make_phantom(folder, 8, repetitions)
    base = save(phantom, folder)
    xml_start = phantom.start[1026:]
    xml = xml_start[6 : 6 + struct.unpack("<HI", xml_start[:6])[1]].decode()
    broker = start_broker()
    rows: dict[str, Any] = {}
    try:
        with appliance(folder, broker.port) as (port, process):
            timed(base, port, -1)  # the first series pays for page faults
            paced = timed(base, port, PACE, broker.port, process)
            lockstep = timed(base, port, -1, broker.port, process)
            flat_out = timed(base, port, 0, broker.port, process)
            peak = _peak_memory_mb(process)
            rows["paced 1000 readouts/s"] = paced.row()
            rows["lock-step"] = lockstep.row()
            rows["flat out"] = flat_out.row()
        progressive = _progressive(base)
        if not quick:
            rows.update(_other_rows(folder, base, broker.port, repetitions))
    finally:
        broker.close()
    kernels = floors.kernels_cpu_ms(phantom, xml)
    receive_cpu = 1e3 * floors.receive_times(phantom, "decoder", free_port())["cpu"] / phantom.frames
    return {
        "schema": "bench-loop/1",
        "image_ms": percentiles(paced.image_ms),
        "verdict_mqtt_ms": percentiles(paced.verdict_ms),
        **_receive(phantom),
        "loop_over_kernels": round(1e3 * lockstep.cpu_s / lockstep.frames / (kernels + receive_cpu), 3),
        "frames_per_s": round(flat_out.frames / flat_out.wall_s, 1),
        "peak_memory_mb": peak,
        "peers": {
            "progressive": progressive,
            "ismrmrd_recon_cartesian_2d": {"series_s": round(floors.peer_recon_s(phantom.path), 3), "images": 1},
        },
        "floors": {
            "line_fft_and_rss_ms": round(floors.tail_ms(8), 2),
            "kernels_cpu_ms_per_frame": round(kernels, 2),
            "receive_cpu_ms_per_frame": round(receive_cpu, 2),
        },
        "rows": rows,
        "priority_raised": raised,
        "machine": machine(),
        "command": "scanside bench loop" + (" --quick" if quick else ""),
    }


def _progressive(base: Path) -> dict[str, Any]:
    port = free_port()
    server = subprocess.Popen(
        [sys.executable, "-m", "benchmarks.peers.progressive", str(port)], stderr=subprocess.DEVNULL
    )
    try:
        time.sleep(1.0)
        process = psutil.Process(server.pid)
        timed(base, port, -1)
        paced = timed(base, port, PACE, process=process)
        flat_out = timed(base, port, 0)
        return {**paced.row(), "frames_per_s": round(flat_out.frames / flat_out.wall_s, 1)}
    finally:
        server.kill()
        server.wait(10)


def _other_rows(folder: Path, base: Path, broker_port: int, repetitions: int) -> dict[str, Any]:
    rows: dict[str, Any] = {}
    phantom16 = make_phantom(folder, 16, repetitions)
    base16 = save(phantom16, folder)
    del phantom16
    with appliance(folder, broker_port) as (port, process):
        timed(base16, port, -1)
        rows["16 coils, paced"] = timed(base16, port, PACE, broker_port, process).row()
    with appliance(folder, broker_port) as (port, process):
        timed(base, port, -1)
        hog = subprocess.Popen([sys.executable, "-c", "while True: pass"], preexec_fn=lambda: os.nice(10))
        try:
            rows["two scanners and a CPU hog"] = timed(base, port, PACE, broker_port, process, scanners=2).row()
        finally:
            hog.kill()
            hog.wait(10)
    with appliance(folder, broker_port, networks=False) as (port, process):
        timed(base, port, -1)
        rows["without networks, paced"] = timed(base, port, PACE, broker_port, process).row()
    if shutil.which("setpriv") and os.geteuid() == 0:
        with appliance(folder, broker_port, refuse_priority=True) as (port, process):
            timed(base, port, -1)
            rows["priority refused"] = timed(base, port, PACE, broker_port, process).row()
    return rows


def machine() -> dict[str, Any]:
    model = next(
        (
            line.partition(":")[2].strip()
            for line in Path("/proc/cpuinfo").read_text().splitlines()
            if "model name" in line
        ),
        platform.machine(),
    )
    return {
        "processor": model,
        "cores": os.cpu_count(),
        "load": round(os.getloadavg()[0], 1),
        "python": platform.python_version(),
        "numpy": np.__version__,
        "scanside": VERSION,
    }


def run(*, json_output: bool, quick: bool) -> int:
    return tell(measure, table, json_output=json_output, quick=quick)


def tell(
    measure: Callable[[Path, bool], dict[str, Any]],
    table: Callable[[dict[str, Any]], Table],
    *,
    json_output: bool,
    quick: bool,
) -> int:
    """Measure in a folder of its own, then say it as JSON or for people."""
    with temporary_folder() as folder:
        result = measure(Path(folder), quick)
    if json_output:
        print(json.dumps(result, indent=2))
    else:
        Console(highlight=False).print(table(result))
    return 0


def on_machine(machine: dict[str, Any]) -> Table:
    """An empty table under the name of the machine that it is about."""
    return Table(title=f"{machine['processor']}, {machine['cores']} cores, load {machine['load']}", box=None)


def table(result: dict[str, Any]) -> Table:
    """The same for people."""
    out = on_machine(result["machine"])
    for name in ("", "image p50", "p99", "verdict p50", "p99", "CPU us/readout"):
        out.add_column(name, justify="left" if not name else "right")
    rows = {**result["rows"], "peer: progressive server, paced": result["peers"]["progressive"]}
    for name, row in rows.items():
        verdict = row.get("verdict_mqtt_ms", {})
        out.add_row(
            name,
            *(f"{row['image_ms'][key]:.1f}" for key in ("p50", "p99")),
            *(f"{verdict[key]:.1f}" if verdict else "" for key in ("p50", "p99")),
            str(row.get("cpu_us_per_readout", "")),
        )
    for name in ("receive_ratio", "receive_core_share", "loop_over_kernels", "frames_per_s", "peak_memory_mb"):
        out.add_row(name, str(result[name]))
    for name, value in result["floors"].items():
        out.add_row(f"floor: {name}", str(value))
    recon = result["peers"]["ismrmrd_recon_cartesian_2d"]
    out.add_row("peer: ismrmrd_recon_cartesian_2d, s for the series", str(recon["series_s"]))
    return out
