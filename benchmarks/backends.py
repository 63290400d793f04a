"""`scanside bench backends`: does what people are told depend on what runs the networks?

Each simulated series is reconstructed and measured once; then every runner and form answers its frames, and a decider
of its own judges them. Each fault is played at its natural strength and, where a row has a limit for it, at that limit,
where the least change turns a verdict. Verdicts hardly depend on the networks, so what these answer is compared, too:
every probability, and every picture. Simulated faults on the bundled scan.
"""

import json
import tempfile
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from math import isfinite
from pathlib import Path
from typing import Any

from rich.console import Console
from rich.progress import track
from rich.table import Table

from benchmarks.backends_replay import Told, denoised_apart, probability_apart, replay
from benchmarks.faults import StillClock
from engine.forms.make import make_form
from engine.package import load_package, trusted_keys
from engine.plans.choose import choose
from engine.plans.parity import MOST_PROBABILITY
from engine.plans.store import open_store
from engine.runners import RUNNERS, load_runner
from engine.seams import Runner
from firmware.clock import SystemClock
from firmware.offline import judge_source
from firmware.sources.simulated import SimulatedScan, load_scan
from models.scans import BRAIN16
from models.shipped import DENOISER, KEYS, PACKAGES, QUALITY
from models.simulate import make_fault

REFERENCE = "onnxruntime-cpu:fp32"

MOST_RMS_SD, MOST_SHIFT_SD = 0.8, 0.05
"""By which a denoised picture may differ, root mean square and in the mean, in noise sd. int8 rounds by up to 0.4 where
the signal is 250 noise sd, by 0.6 where interference lies over it, and shifts by 0.01."""

Backends = Mapping[str, tuple[Runner, Runner]]
"""Backend -> denoiser and quality network."""


@dataclass(frozen=True, slots=True)
class Case:
    """One series to play."""

    fault: str
    frames: int
    times_limit: float | None = None
    """None: of its natural strength."""


NATURAL = ("coil-loss", "motion", "ghost", "spike", "wrap", "low-snr", "rf-interference", "gibbs")
AT_THE_LIMIT = NATURAL[:-1]  # no row has a limit for gibbs: only the network sees it
FRAMES, QUICK_FRAMES, AT_THE_LIMIT_FRAMES = 100, 20, 20
CASES = (
    *(Case(kind, FRAMES) for kind in NATURAL),
    *(Case(kind, AT_THE_LIMIT_FRAMES, 1.0) for kind in AT_THE_LIMIT),
)


@dataclass(frozen=True, slots=True)
class Agreement:
    """One series on one runner and form, beside the reference."""

    case: Case
    backend: str
    different: tuple[int, ...]
    """Frames whose verdict or kinds differ."""
    series: Told
    same_series: bool
    probability: float
    """Largest difference of any, 0 to 1."""
    rms_sd: float
    """Largest difference of a denoised picture, root mean square, noise sd."""
    shift_sd: float
    """The same of its mean."""
    shown_differently: int
    """Frames whose denoised picture only one of them shows, as rounding decides near the bounds of the guard. The other
    goes on with the picture as it was reconstructed: told here, and not judged."""

    @property
    def good(self) -> bool:
        """Nothing else is told, and what the networks answer is near enough."""
        near = self.probability <= MOST_PROBABILITY and self.rms_sd <= MOST_RMS_SD and self.shift_sd <= MOST_SHIFT_SD
        return self.same_series and not self.different and near


def run(*, json_output: bool, quick: bool) -> int:
    """Prints a table or JSON; 1 where a backend tells anything else than the reference, or answers too far from it."""
    talk = Console(stderr=True)
    cases = [Case(case.fault, min(case.frames, QUICK_FRAMES), case.times_limit) for case in CASES] if quick else CASES
    shown = track(cases, "judging", console=talk, disable=not talk.is_terminal, transient=True)
    results = list(compare(shown, load_pairs()))
    if json_output:
        print(json.dumps({"schema": "bench/backends/1", "data": "simulated", "rows": rows(results)}, indent=2))
    else:
        Console(highlight=False).print(table(results))
    return 0 if all(result.good for result in results) else 1


def compare(cases: Iterable[Case], backends: Backends, seed: int = 0) -> Iterator[Agreement]:
    """Every series on every backend; the first of these is what the others are compared with."""
    file = load_scan(BRAIN16)
    kinds = load_package(PACKAGES / QUALITY, trusted_keys(KEYS)).manifest.outputs[0].labels
    for case in cases:
        fault = make_fault(case.fault, file.base, seed, case.frames // 2, times_limit=case.times_limit)
        report = judge_source(SimulatedScan(file, case.frames, seed, fault), StillClock())
        (wanted, wanted_series), *_ = told = [replay(report, *pair, kinds) for pair in backends.values()]
        for backend, (frames, series) in zip(backends, told, strict=True):
            both = list(zip(frames, wanted, strict=True))
            pictures = [denoised_apart(*pair) for pair in both]
            yield Agreement(
                case,
                backend,
                tuple(n for n, (one, other) in enumerate(both) if one.told != other.told),
                series,
                series == wanted_series,
                max(probability_apart(*pair) for pair in both),
                max(rms for rms, _ in pictures),
                max(shift for _, shift in pictures),
                sum(one.shown != other.shown for one, other in both),
            )


def load_pairs() -> dict[str, tuple[Runner, Runner]]:
    """Every backend that passed the gate with one of the networks; the reference first.

    The network that did not pass runs on the reference then, as in an appliance.
    """
    pair = _passed(DENOISER), _passed(QUALITY)
    names = dict.fromkeys((REFERENCE, *pair[0], *pair[1]))
    denoisers, networks = ({b: passed.get(b, passed[REFERENCE]) for b in names} for passed in pair)
    return {backend: (denoisers[backend], networks[backend]) for backend in names}


def _passed(name: str) -> dict[str, Runner]:
    package = load_package(PACKAGES / name, trusted_keys(KEYS))
    with tempfile.TemporaryDirectory() as state:
        choice = choose(package, store=open_store(Path(state)), clock=SystemClock())
    passed = [(row.runner, row.form) for row in choice.rows if row.p50_ms is not None]
    return {
        f"{runner}:{form}": load_runner(runner, package, make_form(package, form))
        for runner, form in passed
        if not RUNNERS[runner].needs_plan
    }


def rows(results: Sequence[Agreement]) -> list[dict[str, Any]]:
    """One row per series and backend."""
    return [
        {
            "fault": result.case.fault,
            "times_limit": result.case.times_limit,
            "backend": result.backend,
            "frames": result.case.frames,
            "frames_different": list(result.different),
            "verdict": result.series[0].value,
            "kinds": list(result.series[1]),
            "same_series": result.same_series,
            "probability_apart": round(result.probability, 4),
            "probability_limit": MOST_PROBABILITY,
            "denoised_rms_apart": _rounded(result.rms_sd),
            "denoised_rms_limit": MOST_RMS_SD,
            "denoised_mean_apart": _rounded(result.shift_sd),
            "denoised_mean_limit": MOST_SHIFT_SD,
            "denoised_unit": "noise sd",
            "shown_differently": result.shown_differently,
            "good": result.good,
        }
        for result in results
    ]


def _rounded(value: float) -> float | None:
    """None: infinite, which JSON has not."""
    return round(value, 4) if isfinite(value) else None


def table(results: Sequence[Agreement]) -> Table:
    """The same for people."""
    out = Table(box=None, pad_edge=False)
    names = ("fault", "backend", "frames", "told differently", "probability", "picture rms", "mean, noise sd", "series")
    for name in names:
        out.add_column(name, no_wrap=name != "series")
    for result in results:
        case, (verdict, kinds) = result.case, result.series
        said = f"{verdict.value}: {', '.join(kinds)}" + ("" if result.same_series else " (differs)")
        fault = case.fault + (" at its limit" if case.times_limit else "")
        apart = (f"{value:.4f}" for value in (result.probability, result.rms_sd, result.shift_sd))
        mark = "" if result.good else "[red]■[/] "
        out.add_row(mark + fault, result.backend, str(case.frames), str(len(result.different)), *apart, said)
    return out
