"""`scanside check`: judges scans in files, offline, the same way as live ones."""

import argparse
import json
import os
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from rich.console import Console
from rich.markup import escape
from rich.progress import track
from rich.table import Table

from engine.assess.selection import ExamMemory
from engine.errors import ScansideError, Unavailable
from engine.types import Verdict
from firmware.clock import SystemClock
from firmware.offline import ScanReport, judge_source
from firmware.sinks.terminal import LOOK
from firmware.sources.array_file import SUFFIXES, ArrayFile
from firmware.sources.mrd_file import MrdFile

MRD_SUFFIXES = (".h5", ".mrd")


@dataclass(frozen=True, slots=True)
class Checked:
    """One file: a report, or the sentence why there is none."""

    path: Path
    report: ScanReport | None
    refused: str = ""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "paths", nargs="+", type=Path, metavar="PATH", help="MRD files (.h5, .mrd), arrays (.npy, .mat), folders"
    )
    parser.add_argument("--json", action="store_true", help="one JSON document")
    parser.add_argument("--report", type=Path, metavar="FILE", help="write one HTML file that needs no network")
    parser.add_argument("--pictures", type=Path, metavar="DIR", help="write each image as PNG into this folder")


def run(options: argparse.Namespace) -> int:
    files = list(_files(options.paths))
    if not files:
        raise ScansideError("no scan files found", ", ".join(map(str, options.paths)), "give .h5, .mrd, .npy or .mat")
    if options.report:
        refuse_unwritable(options.report)
    talk = Console(stderr=True)
    exam = ExamMemory()
    checked = [
        check_file(path, exam)
        for path in track(files, "judging", console=talk, disable=not talk.is_terminal, transient=True)
    ]
    if options.pictures:
        for one in checked:
            write_pictures(one, options.pictures)
    if options.report:
        write_report(checked, options.report)
    if options.json:
        print(json.dumps({"schema": "check/1", "scans": [document(one) for one in checked]}, indent=2))
    else:
        Console(highlight=False).print(table(checked))
    bad = any(one.report is None or one.report.series.verdict is not Verdict.OK for one in checked)
    return 1 if bad else 0


def _files(paths: list[Path]) -> Iterator[Path]:
    for path in paths:
        if path.is_dir():
            yield from sorted(p for p in path.rglob("*") if p.suffix in (*MRD_SUFFIXES, *SUFFIXES) and p.is_file())
        else:
            yield path


def check_file(path: Path, exam: ExamMemory | None = None) -> Checked:
    """Judge one file, beside those already in `exam`; what cannot be read is said, not raised."""
    source = ArrayFile(path) if path.suffix in SUFFIXES else MrdFile(path)
    try:
        return Checked(path, judge_source(source, SystemClock(), exam=exam))
    except ScansideError as error:
        return Checked(path, None, str(error))


def document(checked: Checked) -> dict[str, object]:
    """One scan as JSON."""
    if checked.report is None:
        return {"path": str(checked.path), "verdict": None, "refused": checked.refused}
    report = checked.report
    return {
        "path": str(checked.path),
        "verdict": report.series.verdict.value,
        "sentence": report.series.sentence,
        "frames": len(report.frames),
        "findings": [
            {"kind": f.kind, "severity": f.severity.value, "first_frame": f.first_frame, "message": f.message}
            for f in report.series.findings
        ],
        "reasons": list(report.series.reasons),
        "measurements": [
            {
                "frame": frame.decision.number,
                "row": m.row,
                "name": m.name,
                "value": m.value,
                "unit": m.unit,
                "estimated": m.estimated,
                "why_missing": m.why_missing,
            }
            for frame in report.frames
            for m in frame.decision.measurements
        ],
        "counters": report.counters,
    }


def table(checked: list[Checked]) -> Table:
    """One row per scan."""
    out = Table(box=None, pad_edge=False)
    for name in ("scan", "verdict", "frames", "SNR", "findings, or why not judged"):
        out.add_column(name, overflow="fold")
    for one in checked:
        if one.report is None:
            out.add_row(_shown(one.path.name), "[bold magenta]refused", "", "", _shown(one.refused))
            continue
        report = one.report
        shape, word, style = LOOK[report.series.verdict.value]
        value = next((m for m in report.measurements if m.row == "m05" and m.value is not None), None)
        level = f"{value.value:.0f}{' (estimated)' if value.estimated else ''}" if value and value.value else "unknown"
        said = report.series.sentence.partition(": ")[2] if report.series.verdict is not Verdict.OK else ""
        out.add_row(_shown(one.path.name), f"[{style}]{shape} {word}", str(len(report.frames)), level, escape(said))
    return out


def _shown(text: str) -> str:
    """Names of files are any bytes, and a terminal takes what is text."""
    return escape(text.encode("utf-8", "replace").decode())


def write_pictures(checked: Checked, folder: Path) -> None:
    """Each image scaled to its own 99.5th percentile, for the eye only."""
    if checked.report is None:
        return
    import cv2
    import numpy as np

    folder.mkdir(parents=True, exist_ok=True)
    for frame in checked.report.frames:
        if frame.image is None:
            continue
        data = frame.image.data[0]
        top = float(np.percentile(data, 99.5)) or 1.0
        name = f"{checked.path.stem.removesuffix('.mrd')}-{frame.decision.number:03d}.png"
        cv2.imwrite(str(folder / name), np.clip(data / top * 255, 0, 255).astype(np.uint8))


def refuse_unwritable(path: Path) -> None:
    """Before anything is judged: where a report cannot be, it is not begun."""
    if path.is_dir():
        raise Unavailable("it is a folder", str(path), "give --report a file name")
    if not path.absolute().parent.is_dir():
        raise Unavailable("its folder does not exist", str(path), "make the folder first, or give another name")


def write_report(checked: list[Checked], path: Path) -> None:
    """All scans in one HTML file, those that were refused with the reason; raises Unavailable."""
    from firmware.report.checked import story_of
    from firmware.report.page import render_report
    from firmware.report.story import Refused
    from firmware.report.telling import utc

    stories = [
        Refused(one.path.name, one.refused) if one.report is None else story_of(one.report, one.path.name)
        for one in checked
    ]
    page = render_report(stories, utc(SystemClock().now())).encode("utf-8", "replace")
    try:
        _put(page, path.resolve())
    except OSError as error:
        raise Unavailable(f"the report cannot be written ({error.strerror})", str(path), "give another file") from error


def _put(content: bytes, path: Path) -> None:
    """All of it or, on a full disk, the file as it was; what is no file (a pipe) is written into."""
    if path.exists() and not path.is_file():
        path.write_bytes(content)
        return
    unfinished = path.with_name(f".scanside-report-{os.getpid()}")
    try:
        unfinished.write_bytes(content)
        os.replace(unfinished, path)
    except OSError:
        unfinished.unlink(missing_ok=True)
        raise
