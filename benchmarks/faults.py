"""`scanside bench faults`: is each simulated fault named first, in the frame it began in, and a clean series ok?

In this process, without a network: the series that the demo's scanner would send goes straight into the judging path.
"""

import json
from collections import Counter
from collections.abc import Iterator
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from rich.console import Console
from rich.progress import track
from rich.table import Table

from benchmarks.data import data_folder
from firmware.offline import ScanReport, judge_source
from firmware.sources.simulated import ScanFile, SimulatedScan, load_scan
from models.scans import BRAIN16
from models.simulate import make_fault

KINDS = (
    "spike",
    "motion",
    "coil-loss",
    "ghost",
    "wrap",
    "low-snr",
    "rf-interference",
    "drop-out",
    "missing-lines",
)
"""The kinds that must be named."""
NONE = "none"
TIMES_LIMIT = (1.0, 3.0)
REPETITIONS, FIRST_FRAME, LATEST = 20, 10, 2
_SEEDS, _QUICK_SEEDS = 20, 3


class StillClock:
    """Time that stands still: nothing is timed here."""

    def monotonic(self) -> float:
        return 0.0

    def now(self) -> float:
        return 0.0


@dataclass(frozen=True, slots=True)
class Case:
    """One series to judge."""

    scan: str
    kind: str
    times_limit: float | None
    seed: int


@dataclass(frozen=True, slots=True)
class Result:
    """What was found beside what was put in."""

    case: Case
    verdict: str
    findings: tuple[tuple[str, int], ...]
    """(kind, first frame), the cause first."""
    first_frame: int | None

    @property
    def named(self) -> bool:
        """The fault came first; a clean series is ok without any finding."""
        if self.case.kind == NONE:
            return self.verdict == "ok" and not self.findings
        return bool(self.findings) and self.findings[0][0] == self.case.kind

    @property
    def in_time(self) -> bool:
        """Named, and at most two frames from where it began."""
        if not self.named or self.first_frame is None:
            return self.named
        return abs(self.findings[0][1] - self.first_frame) <= LATEST


def run(*, json_output: bool, quick: bool) -> int:
    """Prints a table or JSON; 1 where a fault was missed or a clean series was not ok."""
    scans = {name: load_scan(path) for name, path in scan_paths().items()}
    cases = list(make_cases(scans, _QUICK_SEEDS if quick else _SEEDS))
    talk = Console(stderr=True)
    results = [
        judge(scans[case.scan], case)
        for case in track(cases, "judging", console=talk, disable=not talk.is_terminal, transient=True)
    ]
    if json_output:
        print(json.dumps({"schema": "bench_faults/1", "rows": rows(results)}, indent=2))
    else:
        Console(highlight=False).print(table(results))
    return 0 if all(result.in_time for result in results) else 1


def scan_paths() -> dict[str, Path]:
    """The bundled brain, and the phantom of the same scanner where SCANSIDE_DATA has it."""
    phantom = data_folder() / "mr_raw" / "phantom16_cimax" / "phantom_head16.mrd.h5"
    return {"brain16": BRAIN16} | ({"phantom16": phantom} if phantom.is_file() else {})


def make_cases(scans: dict[str, ScanFile], seeds: int) -> Iterator[Case]:
    """Every kind at every strength, and clean series, on every scan."""
    for scan in scans:
        for seed in range(seeds):
            yield Case(scan, NONE, None, seed)
            yield from (Case(scan, kind, times, seed) for kind in KINDS for times in TIMES_LIMIT)


def judge(file: ScanFile, case: Case) -> Result:
    """Make the series of one case and judge it."""
    fault = None
    if case.kind != NONE:
        fault = make_fault(case.kind, file.base, case.seed, FIRST_FRAME, times_limit=case.times_limit)
    report: ScanReport = judge_source(SimulatedScan(file, REPETITIONS, case.seed, fault), StillClock())
    found = tuple((finding.kind, finding.first_frame) for finding in report.series.findings)
    return Result(case, report.series.verdict.value, found, fault.truth.first_frame if fault else None)


def rows(results: list[Result]) -> list[dict[str, Any]]:
    """One row per scan, kind and strength; what went wrong is listed seed by seed."""
    groups: dict[tuple[str, str, float | None], list[Result]] = {}
    for result in results:
        groups.setdefault((result.case.scan, result.case.kind, result.case.times_limit), []).append(result)
    return [
        {
            "scan": scan,
            "kind": kind,
            "times_limit": times,
            "seeds": len(group),
            "named_first": sum(result.named for result in group),
            "in_time": sum(result.in_time for result in group),
            "latest": max(
                (abs(r.findings[0][1] - (r.first_frame or 0)) for r in group if r.named and r.findings), default=None
            ),
            "verdicts": dict(Counter(result.verdict for result in group)),
            "wrong": [asdict(result) for result in group if not result.in_time],
        }
        for (scan, kind, times), group in groups.items()
    ]


def table(results: list[Result]) -> Table:
    """The same for people."""
    out = Table(box=None, pad_edge=False)
    for name in ("scan", "fault", "x limit", "named first", "within 2 frames", "furthest", "verdicts"):
        out.add_column(name)
    for row in rows(results):
        verdicts = ", ".join(f"{verdict} {count}" for verdict, count in sorted(row["verdicts"].items()))
        times = f"{row['times_limit']:g}" if row["times_limit"] else ""
        latest = "" if row["latest"] is None else str(row["latest"])
        out.add_row(
            str(row["scan"]), str(row["kind"]), times, f"{row['named_first']}/{row['seeds']}",
            f"{row['in_time']}/{row['seeds']}", latest, verdicts,
        )  # fmt: skip
    return out
