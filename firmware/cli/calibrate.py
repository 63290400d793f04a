"""`scanside calibrate int8`: the table of ranges of which a network's int8 forms are made, from frames of this site."""

import argparse
import json
from collections.abc import Mapping
from math import isfinite
from pathlib import Path
from typing import TYPE_CHECKING, Any

from rich.console import Console
from rich.markup import escape
from rich.table import Table

from engine.errors import Unavailable
from engine.package import trusted_keys
from firmware.clock import SystemClock
from models.shipped import KEYS, load_named

if TYPE_CHECKING:
    from calibration.comparison import Compared
    from calibration.int8 import Calibration, KindReport
    from engine.plans.parity import Loss

SCHEMA = "calibrate/1"


def add_arguments(parser: argparse.ArgumentParser) -> None:
    actions = parser.add_subparsers(dest="action", metavar="ACTION", required=True)
    int8 = actions.add_parser("int8", help="ranges for a network in int8, and which of its layers stay in float")
    int8.add_argument("model", metavar="MODEL", help="a shipped package's name, or a package")
    paths: dict[str, Any] = {"nargs": "+", "type": Path, "default": [], "metavar": "PATH"}
    kinds = "MRD files, .npz or .npy in the network's unit, folders of them, a folder of anatomy with FILES.csv"
    int8.add_argument("--frames", help=f"what to calibrate on: {kinds} (default: the bundled scan)", **paths)
    int8.add_argument("--held-out", help="what to judge on (default: every third file or frame)", **paths)
    int8.add_argument(
        "--out", type=Path, metavar="DIR", help="where the files go, good or not (default: STATE/calibration/NAME)"
    )
    int8.add_argument("--state", type=Path, default=Path("state"), metavar="DIR", help="the appliance's state folder")
    int8.add_argument("--keys", type=Path, metavar="DIR", help="public keys to trust besides the release keys")
    int8.add_argument("--json", action="store_true", help="one JSON document")


def run(options: argparse.Namespace) -> int:
    from calibration.comparison import compare
    from calibration.int8 import calibrate
    from calibration.site import ranges_folder, usable_ranges
    from firmware.cli.calibrate_frames import find_frames

    package = load_named(options.model, trusted_keys(KEYS, *([options.keys] if options.keys else [])))
    clock = SystemClock()
    begin = clock.monotonic()
    frames = find_frames(package.manifest, options.frames, options.held_out)
    with _Bar() as bar:
        found = calibrate(package, frames.calibrated, frames.held_out, bar.tell)
        bar.tell("beside the table in use", 1.0)
        used, _ = usable_ranges(options.state, package)
        compared = compare(package, found, used, clock)
    why_not = _why_not_write(found, compared, asked=options.out is not None)
    written = [] if why_not else _write(options.out or ranges_folder(options.state, package), found)
    document = {
        "schema": SCHEMA,
        "model": package.manifest.name,
        "sha256": package.sha256,
        "ranges_sha256": found.ranges.sha256,
        "source": frames.source,
        "frames": len(frames.calibrated),
        "held_out": len(frames.held_out),
        "fp32_bytes": len(package.model),
        "forms": {form: _form(one, len(found.forms[form]), compared[form]) for form, one in found.reports.items()},
        "written": [str(path) for path in written],
        "not_written": why_not,
        "seconds": round(clock.monotonic() - begin, 1),
    }
    print(json.dumps(document, indent=2)) if options.json else _show(document)
    return 1 if any(one.problems for one in compared.values()) else 0


def _why_not_write(found: "Calibration", compared: Mapping[str, "Compared"], *, asked: bool) -> str:
    """Where the appliance looks nothing may get worse; what a person `asked` for is written if it can be read again."""
    from calibration.comparison import why_not_replace

    broken = [form for form, one in found.reports.items() if not isfinite(one.loss.value)]
    if broken:
        return f"{' and '.join(broken)}: its answers cannot be used"
    why = "" if asked else why_not_replace(compared)
    return f"{why}; give --out to have the files all the same" if why else ""


class _Bar:
    """Progress on a terminal."""

    def __init__(self) -> None:
        from rich.progress import BarColumn, Progress, TextColumn, TimeElapsedColumn

        console = Console(stderr=True)
        columns = (TextColumn("{task.description}"), BarColumn(), TimeElapsedColumn())
        self._progress = Progress(*columns, console=console, disable=not console.is_terminal, transient=True)
        self._task = self._progress.add_task("", total=1.0)

    def __enter__(self) -> "_Bar":
        self._progress.start()
        return self

    def __exit__(self, *error: object) -> None:
        self._progress.stop()

    def tell(self, what: str, done: float) -> None:
        self._progress.update(self._task, description=what, completed=done)


def _write(folder: Path, found: "Calibration") -> list[Path]:
    """The forms, then the table of which they follow; each is there whole or not at all."""
    from engine.forms.ranges import FILE, ranges_bytes
    from engine.plans.files import write_whole

    files = {**{f"{form}.onnx": data for form, data in found.forms.items()}, FILE: ranges_bytes(found.ranges)}
    try:
        for name, data in files.items():
            write_whole(folder / name, data)
    except OSError as error:
        raise Unavailable(f"cannot be written ({error.strerror})", str(folder), "give another --out") from error
    return [folder / name for name in files]


def _form(report: "KindReport", size: int, compared: "Compared") -> dict[str, Any]:
    golden, used = compared.made.golden, compared.used
    return {
        "method": report.method,
        "kept_in_float": list(report.kept),
        **_lost(report.loss),
        "levels": {like: _number(db) for like, db in report.levels.items() if like},
        "golden": golden and _lost(golden),
        "golden_in_use": used and used.golden and _lost(used.golden),
        "problems": list(compared.problems),
        "bytes": size,
        "methods": {
            name: {**_lost(one.loss), "mean_share_of_limit": _number(one.mean)} for name, one in report.methods.items()
        },
        "sensitivity": [
            {
                "layer": one.name,
                "alone": _number(one.alone),
                "gain": _number(one.gain),
                "work": _number(one.work),
                "in_float": one.name in report.kept,
            }
            for one in report.sensitivity
        ],
    }


def _lost(loss: "Loss") -> dict[str, Any]:
    return {"loss": _number(loss.value), "unit": loss.unit, "limit": loss.limit, "output": loss.output}


def _number(value: float) -> float | None:
    """None for what JSON has no number for: a loss without end."""
    return round(value, 4) if isfinite(value) else None


def _show(document: dict[str, Any]) -> None:
    console = Console(highlight=False)
    console.print(
        f"{document['model']}: {document['frames']} frames, {document['held_out']} held out, "
        f"{escape(document['source'])}; {document['seconds']:g} s",
        soft_wrap=True,
    )
    for form, row in document["forms"].items():
        shape, style = ("■", "red") if row["problems"] else ("●", "green")
        kept = ", ".join(row["kept_in_float"]) or "none"
        size = f"{row['bytes'] / 1e3:.0f} kB of {document['fp32_bytes'] / 1e3:.0f}"
        said = f"{form}: {_loses(row)}, {row['limit']:g} allowed; {row['method']}; in float: {kept}; {size}"
        console.print(f"[{style}]{shape}[/] {escape(said)}", soft_wrap=True)
        if row["levels"]:
            levels = ", ".join(f"{like} {db}" for like, db in row["levels"].items())
            console.print(f"  dB lost: {escape(levels)}", soft_wrap=True)
        used = f"; with the table in use: {_loses(row['golden_in_use'])}" if row["golden_in_use"] else ""
        console.print(f"  golden frames: {escape(_loses(row['golden']) + used)}", soft_wrap=True)
        for problem in row["problems"]:
            console.print(f"  not good enough: {escape(problem)}", soft_wrap=True)
        console.print(_methods(row), _layers(row))
    if document["not_written"]:
        console.print(f"nothing is written: {escape(document['not_written'])}", soft_wrap=True)
    for path in document["written"]:
        console.print(escape(path), soft_wrap=True)


def _loses(row: dict[str, Any] | None) -> str:
    return "no answers" if row is None or row["loss"] is None else f"{row['loss']:g} {row['unit']} lost"


def _methods(row: dict[str, Any]) -> Table:
    """Losses as shares of what is allowed: of two ways, another output may be the worst, in another unit."""
    out = Table("ranges by", "all layers in int8, of what is allowed", box=None, pad_edge=False)
    for name, one in row["methods"].items():
        out.add_row(name, _share(one["mean_share_of_limit"]))
    return out


def _layers(row: dict[str, Any]) -> Table:
    """Losses as shares of what is allowed."""
    out = Table("layer", "", "of the work", "lost alone in int8", "gained by float", box=None, pad_edge=False)
    for one in row["sensitivity"]:
        mark = "float" if one["in_float"] else ""
        out.add_row(escape(one["layer"]), mark, f"{one['work']:.1%}", _share(one["alone"]), _share(one["gain"]))
    return out


def _share(value: float | None) -> str:
    return "no answers" if value is None else f"{value:.0%}"
