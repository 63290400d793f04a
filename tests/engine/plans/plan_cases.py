"""Plans that need no compiler, for the store; and a clock that the test owns."""

from dataclasses import replace
from typing import Any

from engine.plans.build import Built, Facts
from engine.plans.inputs import PlanInputs

KEY = bytes(range(32))

INPUTS = PlanInputs(
    package="gain",
    package_sha256="a" * 64,
    form="fp16",
    form_sha256="b" * 64,
    ranges_sha256="",
    makers={"quantiser": 1, "half": 1, "lint": 1, "builder": 1},
    target="rtx",
    sm="86",
    backend="tensorrt_rtx 1.7.1.116",
    device="no device",
    system="Linux x86_64",
    power_mode="",
    profiles={"image": ((1, 1, 8, 8), (1, 1, 64, 64), (4, 1, 64, 64))},
    workspace_mib=1024,
)

GATE: dict[str, Any] = {"cpu": {"loss": 0.01, "unit": "dB", "passed": True}, "device": "not run: no device"}


def inputs(**changed: Any) -> PlanInputs:
    return replace(INPUTS, **changed)


def built(plan: bytes = b"a plan" * 100, timing: bytes = b"") -> Built:
    return Built(plan, Facts(INPUTS.backend, 8, 1, 0.0, 1.0, 0.3, 200, ("a warning",)), timing)


class Clock:
    """Each look at it takes `step` seconds."""

    def __init__(self, step: float = 0.0) -> None:
        self._step, self._time = step, 1000.0

    def monotonic(self) -> float:
        self._time += self._step
        return self._time

    def now(self) -> float:
        return self.monotonic()
