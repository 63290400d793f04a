"""Memory of the console and of a browser with a scan of very many frames open."""

import time
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import numpy as np
import psutil

from benchmarks.exposure import Blocks
from benchmarks.site import Site, recorded_at
from firmware.sources.player import play
from firmware.sources.simulated import ScanFile, SimulatedScan, load_scan
from models.scans import BRAIN16
from models.simulate.maps import estimated_maps

if TYPE_CHECKING:
    from playwright.sync_api import Browser

_SIDE, _COILS = 32, 4
_VIEWS = ("", "numbers/{scan}", "look/{scan}/{middle}", "scan/{scan}", "numbers/{scan}")
_VIEW_S = 6.0


def small_series(frames: int) -> Blocks:
    """The centre of the bundled scan's k-space in some of its coils: real decisions at the least cost an image."""
    file = load_scan(BRAIN16)
    base, start = file.base, (len(file.base.lines) - _SIDE) // 2
    kept = slice(start, start + _SIDE)
    lines = np.ascontiguousarray(base.lines[kept, :_COILS, kept])
    small = replace(
        base,
        lines=lines,
        covariance=np.ascontiguousarray(base.covariance[:_COILS, :_COILS]),
        maps=estimated_maps(lines),
        order=np.arange(_SIDE),
        times=base.times[:_SIDE],
    )
    encoding = file.scan.encodings[0]
    space = replace(encoding.encoded, matrix=(_SIDE, _SIDE, 1))
    limits = dict(encoding.limits)
    limits["kspace_encoding_step_1"] = replace(limits["kspace_encoding_step_1"], maximum=_SIDE - 1, center=_SIDE // 2)
    scan = replace(
        file.scan,
        encodings=(replace(encoding, encoded=space, recon=space, limits=limits),),
        coils=_COILS,
        coil_labels=(),
        protocol="many small images",
    )
    heads = file.heads[kept].copy()
    heads["idx"]["kspace_encode_step_1"] = np.arange(_SIDE)
    heads["center_sample"] = _SIDE // 2
    return SimulatedScan(ScanFile(scan, heads, small), frames, 0).messages()


def measure_memory(site: Site, browser: "Browser", frames: int) -> dict[str, Any]:
    """MB of the console's process before, after the scan, and at its largest with each view of it open."""
    console = site.page_process
    before = _resident_mb(console)
    known = recorded_at(site).keys()
    began = time.monotonic()
    play(small_series(frames), "127.0.0.1", site.scanner_port, seconds_per_block=0)
    seconds = time.monotonic() - began
    recorded = recorded_at(site).keys() - known
    (scan,) = {scan for scan, _ in recorded}
    after = _resident_mb(console)
    context = browser.new_context(viewport={"width": 1280, "height": 720})
    page = context.new_page()
    page.goto(site.address)
    page.wait_for_timeout(2e3)
    browser_before = _browser_mb()
    largest, browser_largest = after, browser_before
    for view in _VIEWS:
        page.goto(f"{site.address}/#/{view.format(scan=scan, middle=frames // 2)}")
        page.wait_for_timeout(1e3 * _VIEW_S)
        largest, browser_largest = max(largest, _resident_mb(console)), max(browser_largest, _browser_mb())
    context.close()
    return {
        "frames": len(recorded),
        "series_s": round(seconds, 1),
        "console_before_mb": before,
        "console_after_series_mb": after,
        "console_with_it_open_mb": largest,
        "browser_at_the_glance_mb": browser_before,
        "browser_with_it_open_mb": browser_largest,
    }


def _resident_mb(process: psutil.Process) -> float:
    return round(process.memory_info().rss / 2**20, 1)


def _browser_mb() -> float:
    """Of all processes of the browser that this process has started, what they share counted once."""
    mine = [p for p in psutil.Process().children(recursive=True) if "chrom" in p.name()]
    return round(sum(p.memory_full_info().pss for p in mine) / 2**20, 1)
