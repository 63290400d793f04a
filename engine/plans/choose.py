"""Which runner and which form of a network serve on this machine: the fastest that passed the gate.

Nothing is taken for granted: each candidate is loaded, held against the reference, and timed beside the others. What
was found is kept, and used again as long as nothing that it depends on has changed.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from math import isfinite
from typing import Any

from engine.cuda.probe import cuda_here
from engine.errors import DeviceLost, Unavailable
from engine.forms import fp32, half, int8
from engine.forms.ranges import Ranges
from engine.package import Package
from engine.plans import gate as gates
from engine.plans import parity
from engine.plans.candidate import SAFE, Examined, examine, forget_verdict
from engine.plans.extremes import typical
from engine.plans.gate import Latency
from engine.plans.identity import Machine, read_machine
from engine.plans.kept import find, forget, keep, key_of
from engine.plans.race import race
from engine.plans.store import PlanStore
from engine.runners import AUTO, RUNNERS, named, reference, why_not
from engine.seams import Clock

VERSION = 1
"""Of the way in which is chosen."""

_SECONDS = 3.0
"""For timing the candidates."""
_TIE = 1.03
"""Of the best p50: within it p99 decides."""

Pair = tuple[str, str]
"""(runner, form)."""


@dataclass(frozen=True, slots=True)
class Row:
    """One candidate, as people are told of it."""

    runner: str
    form: str
    """Empty: any."""
    why_not: str
    """Why it may not serve; empty: it may."""
    actual: str = ""
    """What really executes it."""
    real_gpu: bool = False
    p50_ms: float | None = None
    p99_ms: float | None = None
    loss: float | None = None
    loss_unit: str = ""


@dataclass(frozen=True, slots=True)
class Choice:
    """What serves, and why."""

    runner: str
    form: str
    why: str
    """One sentence."""
    rows: tuple[Row, ...]
    cached: bool = False
    """Found at an earlier start, under the same conditions."""


def choose(
    package: Package,
    *,
    store: PlanStore,
    clock: Clock,
    ranges: Ranges | None = None,
    forced: str = AUTO,
    power_mode: str = "",
) -> Choice:
    """The fastest candidate that passed the gate, timed within about three seconds; or what was chosen before.

    `ranges` is the site's table for the int8 forms, where it has one; `power_mode` is what the timing holds for.
    `forced` is a runner, or "runner:form": one of those must then be available and pass. Raises Unavailable naming the
    reason where it does not, or nothing does; DeviceLost where another process may fare better.
    """
    wanted, machine = _wanted(forced), read_machine(cuda_here(), power_mode)
    note, key = _note(package), key_of(_facts(package, store, ranges, forced, machine))
    if (kept := find(store, note, key, Choice)) is not None:
        return replace(kept, cached=True)
    straight = reference.load(package, fp32(package))
    missing = [Row(runner, "", why) for runner in RUNNERS if (why := why_not(runner))]
    pairs = [pair for pair in dict.fromkeys((SAFE, *wanted)) if pair[0] not in {row.runner for row in missing}]
    examined = {pair: examine(package, pair, straight, store, clock, ranges, machine) for pair in pairs}
    passed = {pair: one.runner for pair, one in examined.items() if one.runner is not None and not one.why_not}
    timed, failed = race(passed, typical(package), clock, _SECONDS)
    for pair, error in failed.items():
        why, lost = f"it fails ({type(error).__name__}: {error})", isinstance(error, DeviceLost)
        examined[pair] = replace(examined[pair], why_not=why, settled=False, lost=lost)
    rows = (*(_row(pair, one, timed.get(pair)) for pair, one in examined.items()), *missing)
    able = {pair: latency for pair, latency in timed.items() if pair in wanted}
    if not able:
        kind = DeviceLost if any(one.lost for pair, one in examined.items() if pair in wanted) else Unavailable
        raise kind(_nothing(forced, rows, wanted), package.manifest.name, _mend(forced))
    best = _fastest(able)
    choice = Choice(*best, _why(best, timed, forced, rows), rows)
    if all(one.settled for one in examined.values()):
        keep(store, note, key, choice)
    return choice


def forget_choice(store: PlanStore, package: Package, choice: Choice) -> None:
    """Have the next `choose` try everything again, and the gate look at this choice again: it cannot be loaded."""
    forget(store, _note(package))
    forget_verdict(store, package, (choice.runner, choice.form))


def _note(package: Package) -> str:
    return f"choice-{package.manifest.name}"


def _facts(package: Package, store: PlanStore, ranges: Ranges | None, forced: str, machine: Machine) -> dict[str, Any]:
    """Everything that a choice depends on. A plan that was taken out of use counts again when it is back."""
    ours = f"{package.manifest.name}/"
    return {
        "package": package.sha256,
        "ranges": ranges and ranges.sha256,
        "forced": forced,
        "machine": machine.document(),
        "plans": {
            slot: held.current
            for slot, held in store.slots().items()
            if slot.startswith(ours) and store.holds(held.current)
        },
        "runners": {runner: why_not(runner) for runner in RUNNERS},
        "rules": (VERSION, gates.VERSION, parity.VERSION, int8.VERSION, half.VERSION),
    }


def _wanted(forced: str) -> tuple[Pair, ...]:
    """Every pair that may be chosen; raises Unavailable for a runner or form that is not known."""
    runner, form = named(forced)
    pairs = ((name, served) for name, row in RUNNERS.items() for served in row.forms)
    return tuple(pair for pair in pairs if pair[0] == (runner or pair[0]) and pair[1] == (form or pair[1]))


def _row(pair: Pair, examined: Examined, latency: Latency | None) -> Row:
    report = examined.report
    row = Row(*pair, examined.why_not)
    if report is not None and report.golden is not None:
        golden = report.golden
        lost = golden.value if isfinite(golden.value) else None
        row = replace(row, actual=report.actual, real_gpu=report.real_gpu, loss=lost, loss_unit=golden.unit)
    return row if latency is None else replace(row, p50_ms=latency.p50, p99_ms=latency.p99)


def _fastest(timed: Mapping[Pair, Latency]) -> Pair:
    least = min(latency.p50 for latency in timed.values())
    return min((pair for pair in timed if timed[pair].p50 <= _TIE * least), key=lambda pair: timed[pair].p99)


def _why(best: Pair, timed: Mapping[Pair, Latency], forced: str, rows: Sequence[Row]) -> str:
    if best == SAFE:
        said = "nothing that passed the gate is faster"
    elif SAFE in timed:
        said = f"{timed[SAFE].p50 / timed[best].p50:.1f} times {' '.join(SAFE)}"
    else:
        why = next((row.why_not for row in rows if (row.runner, row.form) in (SAFE, (SAFE[0], ""))), "not known")
        said = f"{' '.join(SAFE)} may not serve ({why})"
    return f"{' '.join(best)}: {said}" if forced == AUTO else f"{' '.join(best)}: asked for; {said}"


def _nothing(forced: str, rows: Sequence[Row], wanted: Sequence[Pair]) -> str:
    said = [f"{row.runner} {row.form}: {row.why_not}" for row in rows if row.why_not and row.runner in dict(wanted)]
    return f"{'nothing can' if forced == AUTO else f'{forced} cannot'} serve here ({'; '.join(said)})"


def _mend(forced: str) -> str:
    return "scanside doctor" if forced == AUTO else f"leave the choice open: {AUTO}"
