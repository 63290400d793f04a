"""`scanside bench metrics`: what each row of measurements costs per frame, and per line what streams."""

import json
import time
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
from rich.console import Console
from rich.table import Table

from benchmarks.loop import machine, percentiles
from benchmarks.phantom import LINES, make_phantom, temporary_folder
from engine.acquisition import NOISE_MEASUREMENT, Readouts
from engine.assess import ROWS
from engine.assess.consistency import follow_lines
from engine.assess.memory import SeriesMemory, StratumMemory
from engine.assess.power import follow_power
from engine.assess.view import FrameView
from engine.reconstruct.series import Reconstructed, Reconstruction
from firmware.clock import SystemClock
from firmware.sources.mrd_file import read_mrd
from firmware.sources.mrd_header import parse_header

GROUP = 8
"""Lines that are followed at once, as in the loop."""
_NOISE_READOUTS = 64
_NOISE = 0.05


@dataclass
class Measured:
    """Milliseconds of each row for each frame after the first, and of following each group of lines."""

    frames: list[dict[str, float]] = field(default_factory=list)
    groups: list[float] = field(default_factory=list)


def run(*, json_output: bool, quick: bool) -> int:
    """Time per row on one thread, 16 coils, 256 x 256, twice oversampled; prints a table or JSON."""
    with temporary_folder() as folder:
        document = summary(measure(Path(folder), 16, 6 if quick else 40))
    if json_output:
        print(json.dumps(document, indent=2))
    else:
        Console().print(table(document))
    return 0


def measure(folder: Path, coils: int, repetitions: int) -> Measured:
    """The phantom's frames through the reconstruction, lines followed in groups as they arrive."""
    contents = read_mrd(make_phantom(folder, coils, repetitions).path)
    scan = parse_header(contents.xml, "bench")
    reconstruction = Reconstruction(scan, SystemClock())
    list(reconstruction.add(_noise_readouts(contents.batches[0])))
    memory, measured = SeriesMemory(), Measured()
    for batch in contents.batches:
        for first in range(0, len(batch), GROUP):
            part = slice(first, first + GROUP)
            for done in reconstruction.add(Readouts(batch.head[part], batch.data[part])):
                assert isinstance(done, Reconstructed), "the phantom is an ordinary Cartesian scan"
                known = memory.of(done.frame.index)
                measured.frames.append(time_rows(FrameView(done.kspace, done.frame, scan, known.power), known))
                known.progress = known.power = None
                reconstruction.release(done.kspace)
            if (lines := reconstruction.open_lines) is not None and len(measured.frames):
                known, began = memory.of(lines.index), time.perf_counter()
                follow_lines(lines, known)
                known.power = follow_power(lines, known.power)
                measured.groups.append(1e3 * (time.perf_counter() - began))
    del measured.frames[0]  # it only founds the series' memory
    return measured


def time_rows(view: FrameView, memory: StratumMemory) -> dict[str, float]:
    """Milliseconds of each row in table order; what several rows share is paid by the first that needs it."""
    spent = {}
    for row, (_, _, function) in ROWS.items():
        began = time.perf_counter()
        function(view, memory)
        spent[row] = 1e3 * (time.perf_counter() - began)
    return spent


def summary(measured: Measured) -> dict[str, Any]:
    """p50 and p99 per row, of their sum, and per line."""
    rows = [
        {"row": row, "name": name, "ms": percentiles([frame[row] for frame in measured.frames])}
        for row, (name, _, _) in ROWS.items()
    ]
    return {
        "schema": "bench-metrics/1",
        "machine": machine(),
        "frame": {"coils": 16, "lines": LINES, "samples": 2 * LINES, "columns": LINES},
        "rows": rows,
        "frame_ms": percentiles([sum(frame.values()) for frame in measured.frames]),
        "line_ms": {"lines_at_once": GROUP, **percentiles([group / GROUP for group in measured.groups])},
    }


def table(document: dict[str, Any]) -> Table:
    """The same for people."""
    out = Table("row", "measures", "p50 ms", "p99 ms", box=None)
    for row in document["rows"]:
        out.add_row(row["row"], row["name"], f"{row['ms']['p50']:.2f}", f"{row['ms']['p99']:.2f}")
    frame, line = document["frame_ms"], document["line_ms"]
    out.add_row("", "all rows after the last line", f"{frame['p50']:.2f}", f"{frame['p99']:.2f}")
    out.add_row("", "m11 and power, per line as it arrives", f"{line['p50']:.3f}", f"{line['p99']:.3f}")
    return out


def _noise_readouts(batch: Readouts) -> Readouts:
    """Noise readouts like the phantom's own noise, which its generator does not send."""
    head = batch.head[:1].repeat(_NOISE_READOUTS).copy()
    head["flags"] = NOISE_MEASUREMENT
    rng = np.random.default_rng(0)
    shape = (_NOISE_READOUTS, *batch.data.shape[1:], 2)
    return Readouts(head, (_NOISE * rng.standard_normal(shape)).astype(np.float32).view(np.complex64)[..., 0])
