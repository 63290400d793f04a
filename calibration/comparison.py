"""New int8 forms beside those of the table in use, as the gate finds both: whether they may take their place."""

from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass

from calibration.int8 import Calibration
from engine.errors import PackageRefused, Unavailable
from engine.forms import INT8_U8, Form, fp32
from engine.forms.make import make_form
from engine.forms.ranges import Ranges
from engine.package import Package
from engine.plans.gate import GateReport, gate
from engine.runners import ort_cpu, reference
from engine.seams import Clock, Runner

_RUNS = 3
"""Timed, and not looked at: what is in int8 and is not fast is found where it is to serve."""


@dataclass(frozen=True, slots=True)
class Compared:
    """One int8 form of a new table."""

    problems: tuple[str, ...]
    """Why it is not good enough, a sentence each: of the held-out frames, and as the gate says it; empty: it is."""
    made: GateReport
    used: GateReport | None
    """The same form of the table in use; None: nothing makes it."""


def compare(package: Package, found: Calibration, used: Ranges | None, clock: Clock) -> dict[str, Compared]:
    """Form -> what is found of it on the package's golden frames and on hostile ones, u8 as CPUs run it, s8 as the file
    says.

    `used` is the site's table, None where the package's own is in use. Raises Unavailable when fp32 cannot run.
    """
    straight = reference.load(package, fp32(package))
    compared = {}
    for name, data in found.forms.items():
        made, before = _examine(package, Form(name, data), straight, clock), None
        with suppress(Unavailable, PackageRefused):  # no table yet, or none that can be used
            before = _examine(package, make_form(package, name, used), straight, clock)
        lost = found.reports[name].loss.problem
        compared[name] = Compared((*([f"held-out frames: {lost}"] if lost else []), *made.reasons), made, before)
    return compared


def why_not_replace(compared: Mapping[str, Compared]) -> str:
    """Why the table in use must stay, in words; empty: the new one may take its place.

    It may when one of its forms is good enough, and none fails that may serve today.
    """
    failing = [name for name, one in compared.items() if one.problems]
    if len(failing) == len(compared):
        return "none of its forms is good enough"
    worse = [name for name in failing if (used := compared[name].used) is not None and used.passed]
    return f"{' and '.join(worse)} may serve with the table in use, and not with this one" if worse else ""


def _examine(package: Package, form: Form, straight: Runner, clock: Clock) -> GateReport:
    runner = (ort_cpu if form.name == INT8_U8 else reference).load(package, form)
    return gate(package, straight, runner, form, clock, runs=_RUNS)
