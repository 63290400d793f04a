"""From a model to a plan in the store: form, lint, gate, build, gate on the device, promotion."""

import contextlib
import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from calibration.site import usable_ranges
from engine.cuda.probe import cuda_here
from engine.errors import PlanRefused, Unavailable
from engine.forms import FP16, FP32, INT8_S8, MIXED, Form, fp32
from engine.forms.make import make_form
from engine.lint import advise, check_lint
from engine.package import Package
from engine.plans.build import Facts, Limits, ask_compiler, build
from engine.plans.extremes import typical
from engine.plans.gate import LEAST_LOW, GateReport, gate
from engine.plans.identity import Machine, read_machine
from engine.plans.inputs import PlanInputs, plan_inputs
from engine.plans.messages import Progress
from engine.plans.store import PlanStore
from engine.plans.target import check_sms
from engine.runners import reference
from engine.runners.plan import load_plan
from engine.seams import Clock
from firmware.cli.compile_source import UNSIGNED
from firmware.compiling import BUILDING, QUEUED, READY, VALIDATING, JobFile, wait_until_idle
from firmware.device import read_device

PRECISIONS = {"fp32": FP32, "fp16": FP16, "int8": INT8_S8, "mixed": MIXED}
"""What is said -> form."""

NOT_RUN = "not run: no device"

_RUNS = 10
"""Of the gate's timing in ONNX Runtime, which decides nothing here."""


@dataclass(frozen=True, slots=True)
class Wish:
    """What to compile for what."""

    package: Package
    precision: str
    target: str
    sms: tuple[str, ...]
    """Empty: the device here."""
    state: Path
    now: bool
    """Even while a scan is open."""
    limits: Limits


def compile_model(wish: Wish, store: PlanStore, clock: Clock, told: Callable[[str, float], None]) -> dict[str, Any]:
    """Everything about the plan, as JSON; `told` hears what is done and how far, 0 to 1.

    The plan of a bare file is kept for looking at: it has no job, is current nowhere, and so no appliance loads it.
    Raises PackageRefused and PlanRefused when lint, gate or compiler refuse, Unavailable for what is not there.
    """
    name, signed = wish.package.manifest.name, wish.package.key_id != UNSIGNED
    job = JobFile(wish.state, name, PRECISIONS[wish.precision], wish.target, clock) if signed else None

    def tell(state: str, says: str = "", done: float = 0.0) -> None:
        if job:
            job.tell(state, says, done=done)
        told(says or state, done)

    def make_way(then: str) -> None:
        """Wait while a scan is open, unless that is not wished; `then` is what is done next."""
        if not wish.now:
            wait_until_idle(wish.state, lambda says: tell(QUEUED, says))
        tell(then)

    with job.failing() if job else contextlib.nullcontext():
        make_way(VALIDATING)
        made = _prepare(wish, clock)
        with store.building(made.inputs, lambda says: tell(QUEUED, says)):
            reused = store.has(made.inputs)
            if not reused:
                _build(wish, made, store, clock, tell, make_way)
            plan = store.read(made.inputs.key, made.inputs.document())
            make_way(VALIDATING)
            on_device = _gate_on_device(wish, made, Form(made.form.name, plan.data), store, clock)
            if job:
                store.promote(made.inputs)
        if job:
            job.tell(READY, plan=plan.key)
    facts: dict[str, Any] = plan.meta["facts"]
    return {
        "model": name,
        "signed": signed,
        "form": made.form.name,
        "target": wish.target,
        "sm": made.inputs.sm,
        "key": plan.key,
        "reused": reused,
        "site_table_not_used": made.site_table_not_used,
        "size_bytes": len(plan.data),
        **facts,
        "advice": [str(one) for one in advise(made.form.data, made.form.name)],
        "gate": {"cpu": plan.meta["gate"]["cpu"], "device": on_device},
    }


@dataclass(frozen=True, slots=True)
class _Made:
    """What is known before anything is built."""

    form: Form
    inputs: PlanInputs
    machine: Machine
    site_table_not_used: str
    """Why the site's table was not; empty: it was, or there is none."""


def _prepare(wish: Wish, clock: Clock) -> _Made:
    """The form, linted, and everything its plan depends on; raises PackageRefused, PlanRefused, Unavailable."""
    package = wish.package
    site, not_used = usable_ranges(wish.state, package)
    compiler, probe = ask_compiler(wish.target, clock), cuda_here()
    check_sms(compiler.version, compiler.sms, wish.sms)
    machine = read_machine(probe, read_device().power_mode or "")
    if not wish.sms and not machine.sm:
        mend = "name the compute capability to build for, for example --sm 86" if compiler.sms else "docs/jetson.md"
        raise Unavailable(f"there is no GPU here to build for ({probe.why})", wish.target, mend)
    form = make_form(package, PRECISIONS[wish.precision], site)
    check_lint(form.data, wish.target, f"{package.manifest.name} {form.name}")
    sms, ranges = wish.sms or (machine.sm,), site or package.ranges
    inputs = plan_inputs(package, form, ranges, wish.target, sms, compiler.version, machine, wish.limits)
    return _Made(form, inputs, machine, not_used)


def _build(
    wish: Wish, made: _Made, store: PlanStore, clock: Clock, tell: Callable[..., None], make_way: Callable[[str], None]
) -> None:
    """Gate the form, build the plan, and keep it; raises PlanRefused, Unavailable."""
    package, form = wish.package, made.form
    make_way(VALIDATING)
    straight = reference.load(package, fp32(package))
    report = gate(package, straight, reference.load(package, form), form, clock, runs=_RUNS)
    _check(report, f"{package.manifest.name} {form.name} in ONNX Runtime")
    make_way(BUILDING)

    def heard(progress: Progress) -> None:
        tell(BUILDING, done=progress.done)

    timing = store.timing_cache(made.inputs)
    built = build(
        form, package.manifest, wish.target, wish.sms, clock, limits=wish.limits, told=heard, timing_cache=timing
    )
    _check_precision(built.facts, form, f"{package.manifest.name} {form.name}")
    store.put(made.inputs, built, {"cpu": _summary(report), "device": NOT_RUN}, clock.now())


def _check_precision(facts: Facts, form: Form, where: str) -> None:
    """Raises PlanRefused when the parsed network, where it has convolutions, is not what the form claims."""
    if form.name == FP32 or not facts.convolutions:
        return
    half = form.name == FP16
    share, kind = (facts.half_conv_share, "half precision") if half else (facts.int8_conv_share, "int8")
    if share < LEAST_LOW:
        what = f"{share:.0%} of the convolutions are in {kind}, {LEAST_LOW:.0%} are asked"
        mend = f"its values need float32: compile fp32{'' if half else ', or calibrate again'}"
        raise PlanRefused(what, where, mend, "gate")


def _gate_on_device(wish: Wish, made: _Made, form: Form, store: PlanStore, clock: Clock) -> dict[str, Any] | str:
    """The plan's report where it can run; raises PlanRefused, and it does not become current, when it does not pass."""
    if not made.machine.sm or made.machine.sm not in made.inputs.sm.split("+"):
        return NOT_RUN if not made.machine.sm else f"not run: the device here is SM {made.machine.sm}"
    runner = load_plan(wish.target, wish.package, form)
    runner.run(typical(wish.package))
    straight, bar = reference.load(wish.package, fp32(wish.package)), _bar(store, made.inputs)
    report = gate(wish.package, straight, runner, form, clock, precision=runner.low_share(), bar=bar)
    summary = _summary(report)
    held = store.read(made.inputs.key, {}).meta["gate"]
    store.judge(made.inputs.key, {**held, "device": summary})
    _check(report, f"{wish.package.manifest.name} {form.name} on {made.machine.device}")
    return summary


def _bar(store: PlanStore, inputs: PlanInputs) -> float | None:
    """p99 in ms of the fastest current plan of another form of the same network for the same device; None: none.

    A plan that does not pass any more, or was never timed, is no bar.
    """
    rivals = [one.meta["gate"] for one in store.kept() if "current" in one.roles and _rivals(one.meta, inputs)]
    judged = [gate["device"] for gate in rivals if isinstance(gate["device"], dict) and gate["device"]["passed"]]
    return min((one["p99_ms"] for one in judged if one["p99_ms"] is not None), default=None)


def _rivals(meta: Any, inputs: PlanInputs) -> bool:
    held = meta.get("inputs", {})
    same = all(held.get(field) == getattr(inputs, field) for field in ("package_sha256", "target", "sm", "device"))
    return same and held.get("form") != inputs.form


def _summary(report: GateReport) -> dict[str, Any]:
    """What is kept of a report with the plan, as JSON: without numbers that JSON has not."""
    golden, latency = report.golden, report.latency
    return {
        "loss": golden.value if golden and math.isfinite(golden.value) else None,
        "unit": golden.unit if golden else "",
        "limit": golden.limit if golden else None,
        "passed": report.passed,
        "reasons": list(report.reasons),
        "worst": report.worst,
        "repeatable": report.repeatable,
        "low_share": report.low_share,
        "p50_ms": latency.p50 if latency else None,
        "p99_ms": latency.p99 if latency else None,
        "real_gpu": report.real_gpu,
    }


def _check(report: GateReport, where: str) -> None:
    if not report.passed:
        said: Sequence[str] = report.reasons[:3]
        raise PlanRefused(f"does not pass the gate: {'; '.join(said)}", where, "what served before goes on", "gate")
