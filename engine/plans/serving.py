"""The plan that a runner is to execute: the current one of its slot, if it was made from what is here now."""

from engine.errors import PlanRefused
from engine.forms import Form
from engine.forms.make import make_form
from engine.forms.ranges import Ranges
from engine.package import Package
from engine.plans.build import ask_compiler
from engine.plans.identity import Machine
from engine.plans.inputs import plan_inputs
from engine.plans.store import PlanStore
from engine.plans.target import TARGETS
from engine.seams import Clock


def plan_form(
    store: PlanStore, package: Package, runner: str, form: str, ranges: Ranges | None, machine: Machine, clock: Clock
) -> Form:
    """A form that holds a plan for `runner`, a runner that needs one, made from `form` of `package` on `machine`.

    `ranges` is the site's table, None where there is none. A plan for this device alone comes before one for several.
    Raises PlanRefused (missing, damaged, foreign, other, store) before anything deserialises the plan, and Unavailable
    when its compiler is gone or the form cannot be made.
    """
    target = next(name for name, row in TARGETS.items() if row.runner == runner)
    made, compiler = make_form(package, form, ranges), ask_compiler(target, clock)
    refused: list[PlanRefused] = []
    for sms in _sms_kept(store, package.manifest.name, target, form, machine.sm):
        inputs = plan_inputs(package, made, ranges or package.ranges, target, sms, compiler.version, machine)
        try:
            return Form(form, store.serving(inputs).data)
        except PlanRefused as error:
            refused.append(error)
    raise refused[0]


def _sms_kept(store: PlanStore, package: str, target: str, form: str, sm: str) -> list[tuple[str, ...]]:
    """Compute capabilities of the slots that a device of `sm` may be served from, its own first."""
    begins, ends = f"{package}/{target}-", f"/{form}"
    slots = (slot for slot in store.slots() if slot.startswith(begins) and slot.endswith(ends))
    several = (tuple(slot.removeprefix(begins).removesuffix(ends).split("+")) for slot in slots)
    return [(sm,), *(sms for sms in several if sm in sms and len(sms) > 1)]
