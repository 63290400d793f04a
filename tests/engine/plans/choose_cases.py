"""A machine with runners of our own, whose speed and faults are set; a clock that only they move; a store of notes."""

import copy
import dataclasses
import sys
from collections.abc import Mapping
from types import ModuleType
from typing import Any

import numpy as np
import pytest

from engine.cuda.probe import Probe
from engine.errors import InputRefused
from engine.forms import FP32, Form, fp32
from engine.package import Package
from engine.plans import candidate
from engine.plans import choose as choosing
from engine.plans.choose import Choice, choose
from engine.plans.identity import Machine, read_machine
from engine.plans.slots import Pointer
from engine.runners import RUNNERS, RunnerRow, reference
from engine.seams import Backend, Runner


class Clock:
    """Only the runners spend time."""

    def __init__(self) -> None:
        self.seconds = 0.0

    def monotonic(self) -> float:
        return self.seconds

    def now(self) -> float:
        return self.seconds


class Notes:
    """Kept in memory, as plain data."""

    def __init__(self) -> None:
        self.documents: dict[str, dict[str, Any]] = {}
        self.pointers: dict[str, Pointer] = {}
        self.whole: list[str] = []
        """Keys of the plans that are kept."""

    def noted(self, name: str) -> dict[str, Any] | None:
        return copy.deepcopy(self.documents.get(name))

    def slots(self) -> dict[str, Pointer]:
        return self.pointers

    def holds(self, key: str) -> bool:
        return key in self.whole

    def note(self, name: str, document: Mapping[str, Any]) -> None:
        self.documents[name] = copy.deepcopy(dict(document))


class ReadOnly(Notes):
    def note(self, name: str, document: Mapping[str, Any]) -> None:
        raise InputRefused("read-only file system", name)


@dataclasses.dataclass
class Timed:
    """The straight answers times `factor`, after `ms`; after so many runs it raises its `fault`."""

    straight: Runner
    clock: Clock
    ms: float
    factor: float
    backend: Backend
    fault: BaseException | None = None
    runs: int = 0

    def run(self, batch: np.ndarray) -> tuple[np.ndarray, ...]:
        if self.fault is not None:
            if self.runs == 0:
                raise self.fault
            self.runs -= 1
        answers = self.straight.run(batch)
        self.clock.seconds += self.ms / 1e3
        return tuple(answer * np.float32(self.factor) for answer in answers)


class Bench:
    """A machine with runners of our own, whose speed and faults are set."""

    def __init__(self, package: Package, monkeypatch: pytest.MonkeyPatch) -> None:
        self.package, self.clock, self.notes, self.loaded = package, Clock(), Notes(), []
        self.library = "1.0"
        self.faults: dict[str, tuple[BaseException, int | None]] = {}
        """Runner -> what it raises, after so many runs; None: when it is loaded."""
        self._patch = monkeypatch
        for name in list(RUNNERS):
            monkeypatch.delitem(RUNNERS, name)
        monkeypatch.setattr(candidate, "make_form", lambda package, name, ranges: Form(name, package.model))
        monkeypatch.setattr(choosing, "cuda_here", lambda: Probe((), "", "", "no device"))
        monkeypatch.setattr(choosing, "read_machine", self._read_machine)
        self.add("onnxruntime-cpu", {FP32: (10.0, 1.0)})

    def _read_machine(self, probe: Probe, power_mode: str) -> Machine:
        return dataclasses.replace(read_machine(probe, power_mode), libraries={"library": self.library})

    def add(
        self,
        name: str,
        forms: dict[str, tuple[float, float]],
        why_not: str = "",
        share: float = 1.0,
        needs_plan: bool = False,
    ) -> None:
        """`forms`: name -> (ms, factor of the answers)."""
        module: Any = ModuleType(f"tests_runner_{name.replace('-', '_')}")
        module.why_not = lambda: why_not
        module.low_share = lambda package, form: share

        def load(package: Package, form: Form) -> Runner:
            self.loaded.append((name, form.name))
            fault, runs = self.faults.get(name, (None, 0))
            if fault is not None and runs is None:
                raise fault
            ms, factor = forms[form.name]
            straight = reference.load(package, fp32(package))
            backend = Backend(name, form.name, "asked", "got")
            return Timed(straight, self.clock, ms, factor, backend, fault, runs or 0)

        module.load = load
        self._patch.setitem(sys.modules, module.__name__, module)
        self._patch.setitem(RUNNERS, name, RunnerRow(module.__name__, tuple(forms), "install it", needs_plan))

    def choose(self, **more: Any) -> Choice:
        return choose(self.package, store=self.notes, clock=self.clock, **more)
