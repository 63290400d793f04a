"""What is timed: every runner that works here with every form it may serve and that can be had."""

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from calibration.site import usable_ranges
from engine.errors import ScansideError
from engine.forms import FP32, INT8_S8, INT8_U8, MIXED, Form, fp32
from engine.forms.make import make_form
from engine.forms.ranges import Ranges
from engine.package import Package
from engine.plans.gate import GateReport, gate
from engine.plans.identity import Machine
from engine.plans.serving import plan_form
from engine.plans.store import open_store
from engine.runners import RUNNERS, load_runner, low_share, why_not
from engine.seams import Runner
from firmware.clock import SystemClock

BASELINE = ("onnxruntime-cpu", FP32)
"""(runner, form) that every ratio is taken to."""

_RUNS = 3
"""Of the gate's own latency, which is not used here."""


@dataclass(frozen=True, slots=True)
class Candidate:
    """One network in one form on one runner, loaded."""

    package: Package
    name: str
    """Of the runner."""
    form: Form
    runner: Runner
    report: GateReport
    """Beside the network as it is written, on golden frames and extremes."""
    build_s: float | None
    """What making the plan took; None where there is none."""
    ranges: Ranges | None
    """The table that made the form; None where none did."""

    @property
    def model(self) -> str:
        """Name of the network."""
        return self.package.manifest.name


@dataclass(frozen=True, slots=True)
class Missing:
    """A row that cannot be measured, and why."""

    model: str
    """Empty: any."""
    form: str
    """Empty: any."""
    runner: str
    why_missing: str


def missing_runners() -> list[Missing]:
    """Runners that do not work here."""
    return [Missing("", "", name, why) for name in RUNNERS if (why := why_not(name))]


def candidates(package: Package, state: Path, machine: Machine) -> Iterator[Candidate | Missing]:
    """One for each form of each runner that works here, the baseline first."""
    from engine.runners import reference  # here: whoever measures memory must not have a runner's library already

    written = reference.load(package, fp32(package))
    ranges, _ = usable_ranges(state, package)
    for name, row in RUNNERS.items():
        if why_not(name):
            continue
        for form_name in row.forms:
            try:
                form, build_s = _loadable(package, name, form_name, ranges, state, machine)
                runner = load_runner(name, package, form)
                share = low_share(name, package, form)
                report = gate(package, written, runner, form, SystemClock(), precision=share, runs=_RUNS)
            except ScansideError as error:
                yield Missing(package.manifest.name, form_name, name, str(error))
            else:
                yield Candidate(package, name, form, runner, report, build_s, _maker(package, form_name, ranges))


def _maker(package: Package, form: str, ranges: Ranges | None) -> Ranges | None:
    """The table that `make_form` made a form from: the site's, else the package's if it does not carry the form."""
    if form not in (INT8_S8, INT8_U8, MIXED) or (ranges is None and form in package.forms):
        return None
    return ranges or package.ranges


def _loadable(
    package: Package, runner: str, form: str, ranges: Ranges | None, state: Path, machine: Machine
) -> tuple[Form, float | None]:
    """The form's file, or the plan that is kept for it on this device with the seconds that making it took."""
    if not RUNNERS[runner].needs_plan:
        return make_form(package, form, ranges), None
    store = open_store(state)
    plan = plan_form(store, package, runner, form, ranges, machine, SystemClock())
    made = next(one.meta for one in store.kept() if one.meta.get("plan_sha256") == plan.sha256)
    return plan, round(float(made["facts"]["build_s"]), 2)
