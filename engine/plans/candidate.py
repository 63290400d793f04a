"""One runner with one form of a network: loaded, and held against the reference, or why not.

A candidate that has twice crashed the process, or hung in it, while it was examined is left out from then, until
something changes: it is marked before it is loaded, and whatever ends the examination in order takes the mark away.
"""

import contextlib
import logging
import math
from collections.abc import Iterator
from dataclasses import dataclass

from engine.errors import DeviceLost, PlanRefused, ScansideError
from engine.forms import FP32, Form
from engine.forms.make import make_form
from engine.forms.ranges import Ranges
from engine.package import Package
from engine.plans import gate as gates
from engine.plans import parity
from engine.plans.extremes import typical
from engine.plans.gate import GateReport, gate
from engine.plans.identity import Machine
from engine.plans.kept import find, forget, keep, key_of
from engine.plans.serving import plan_form
from engine.plans.store import PlanStore
from engine.runners import RUNNERS, load_runner, low_share
from engine.seams import Clock, Runner

log = logging.getLogger(__name__)

SAFE = ("onnxruntime-cpu", FP32)
"""The reference itself, but optimised: what serves when nothing faster passes. It is never left out."""

_MOST_TRIES = 2
_RUNS = 3
"""Of the gate's own timing; the candidates are timed beside each other afterwards."""


@dataclass(frozen=True, slots=True)
class Examined:
    """What came of a candidate."""

    runner: Runner | None
    """Ready to run; None where it cannot."""
    report: GateReport | None
    why_not: str
    """Why it may not serve, in words; empty: it may."""
    settled: bool = True
    """It would come out the same next time. A device that is lost or full may be back then."""
    lost: bool = False
    """The GPU no longer answers in this process; another process may find it well."""


def examine(
    package: Package,
    pair: tuple[str, str],
    reference: Runner,
    store: PlanStore,
    clock: Clock,
    ranges: Ranges | None,
    machine: Machine,
) -> Examined:
    """The candidate `pair` (runner, form) held against `reference`, or as it was found on the same `machine` before."""
    facts = {"package": package.sha256, "ranges": ranges and ranges.sha256, "machine": machine.document(), "pair": pair}
    mark, started = f"tried-{package.manifest.name}-{pair[0]}-{pair[1]}", key_of(facts)
    tries = find(store, mark, started, int) or 0
    if tries >= _MOST_TRIES:
        return Examined(None, None, f"it crashed or hung {tries} times when it was tried")
    # The safe one is never marked: a stop that looks like a crash must not take it away.
    with contextlib.nullcontext() if pair == SAFE else _marked(store, mark, started, tries):
        return _held(package, pair, reference, store, clock, ranges, machine)


@contextlib.contextmanager
def _marked(store: PlanStore, mark: str, started: str, tries: int) -> Iterator[None]:
    """One more try is on record from here until this is left; only the end of the process leaves it there."""
    keep(store, mark, started, tries + 1)
    try:
        yield
    finally:
        keep(store, mark, started, 0)


def _held(
    package: Package,
    pair: tuple[str, str],
    reference: Runner,
    store: PlanStore,
    clock: Clock,
    ranges: Ranges | None,
    machine: Machine,
) -> Examined:
    name, form_name = pair
    try:
        if RUNNERS[name].needs_plan:
            form = plan_form(store, package, name, form_name, ranges, machine, clock)
        else:
            form = make_form(package, form_name, ranges)
        runner = load_runner(name, package, form)
        report = _report(package, form, runner, reference, store, clock, machine)
    except DeviceLost as error:
        return Examined(None, None, str(error), settled=False, lost=True)
    except PlanRefused as error:
        return Examined(None, None, str(error), settled=error.reason != "store")
    except ScansideError as error:
        return Examined(None, None, str(error), settled=not RUNNERS[name].needs_plan)
    except Exception as error:
        # The libraries' exceptions share no base class, and none of them may stop the others from being tried.
        log.exception("runner=%s form=%s cannot be loaded", name, form_name)
        return Examined(None, None, f"it fails ({type(error).__name__}: {error})", not RUNNERS[name].needs_plan)
    whole = report.latency is not None
    return Examined(runner, report, "; ".join(report.reasons[:3]), whole, not whole and _is_lost(runner, package))


def _is_lost(runner: Runner, package: Package) -> bool:
    """Whether a runner that failed did so because the GPU is lost: then it fails so again."""
    try:
        runner.run(typical(package))
    except DeviceLost:
        return True
    except Exception:
        # The libraries' exceptions share no base class; why it failed is in the gate's report.
        log.info("runner=%s fails again", runner.backend.runner, exc_info=True)
    return False


def _report(
    package: Package,
    form: Form,
    runner: Runner,
    reference: Runner,
    store: PlanStore,
    clock: Clock,
    machine: Machine,
) -> GateReport:
    """The gate's, or the one that was kept for the same form, runner and machine."""
    backend = runner.backend
    facts = {
        "package": package.sha256,
        "form": (form.name, form.sha256),
        "backend": (backend.runner, backend.requested, backend.actual),
        "machine": machine.document(),
        "rules": (gates.VERSION, parity.VERSION),
    }
    note, key = _verdict(package, backend.runner, form.name), key_of(facts)
    if (kept := find(store, note, key, GateReport)) is not None:
        return kept
    share = None if form.name == FP32 else low_share(backend.runner, package, form)
    report = gate(package, reference, runner, form, clock, precision=share, runs=_RUNS)
    losses = [one.value for one in (report.golden, *report.extremes.values()) if one is not None]
    if report.latency is not None and all(map(math.isfinite, losses)):
        keep(store, note, key, report)  # a verdict; what failed on the way may fare better next time
    return report


def forget_verdict(store: PlanStore, package: Package, pair: tuple[str, str]) -> None:
    """Have the candidate go through the gate again when it is next examined."""
    forget(store, _verdict(package, *pair))


def _verdict(package: Package, runner: str, form: str) -> str:
    return f"gate-{package.manifest.name}-{runner}-{form}"
