"""Everything that a plan depends on: it makes the plan's key, and is compared again before the plan is loaded."""

import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any

from engine.forms import INT8_S8, INT8_U8, MIXED, Form, half, int8
from engine.forms.ranges import Ranges
from engine.package import Package
from engine.plans import builder
from engine.plans.build import Limits, profiles_of
from engine.plans.device_key import canonical
from engine.plans.identity import Machine

SCHEMA = 1

VITAL = ("package", "package_sha256", "form", "target", "sm", "backend", "device", "system")
"""What must be equal even for a plan that was gone back to by hand: the rest only made it another plan."""


@dataclass(frozen=True, slots=True)
class PlanInputs:
    """Plain data, in the order in which differences are told."""

    package: str
    package_sha256: str
    """Weights included."""
    form: str
    form_sha256: str
    ranges_sha256: str
    """Of the table of ranges that the form was made with; empty: none."""
    makers: Mapping[str, int]
    """Versions of what makes and checks forms and asks the compiler."""
    target: str
    sm: str
    """Compute capabilities, "86+89"; empty: those of the device here."""
    backend: str
    """Compiler and its full version."""
    device: str
    system: str
    """Operating system and processor architecture."""
    power_mode: str
    """Tactics are chosen by timing under it."""
    profiles: Mapping[str, Sequence[Sequence[int]]]
    workspace_mib: int

    @property
    def key(self) -> str:
        """The plan's address: SHA-256 over all of it."""
        return hashlib.sha256(canonical({"schema": SCHEMA, **self.document()})).hexdigest()

    @property
    def slot(self) -> str:
        """What the plan is for: one plan is current in each slot."""
        return f"{self.package}/{self.target}-{self.sm or 'here'}/{self.form}"

    def document(self) -> dict[str, Any]:
        """As JSON gives it back."""
        profiles = {name: [list(shape) for shape in shapes] for name, shapes in self.profiles.items()}
        return {**asdict(self), "makers": dict(self.makers), "profiles": profiles}


def plan_inputs(
    package: Package,
    form: Form,
    ranges: Ranges | None,
    target: str,
    sms: Sequence[str],
    backend: str,
    machine: Machine,
    limits: Limits | None = None,
) -> PlanInputs:
    """The inputs of the plan of `form` of `package`, compiled by `backend` on `machine`."""
    from engine import lint

    makers = {"quantiser": int8.VERSION, "half": half.VERSION, "lint": lint.VERSION, "builder": builder.VERSION}
    return PlanInputs(
        package=package.manifest.name,
        package_sha256=package.sha256,
        form=form.name,
        form_sha256=form.sha256,
        ranges_sha256=ranges.sha256 if ranges and form.name in (INT8_S8, INT8_U8, MIXED) else "",
        makers=makers,
        target=target,
        sm="+".join(sms),
        backend=backend,
        device=machine.device,
        system=machine.system,
        power_mode=machine.power_mode,
        profiles=profiles_of(package.manifest),
        workspace_mib=(limits or Limits()).workspace_mib,
    )
