"""Whether a form may serve on a runner: accurate, finite, repeatable, in the precision that it claims, and fast."""

import logging
from collections.abc import Sequence
from dataclasses import dataclass, replace
from math import isfinite

import numpy as np
from numpy.typing import NDArray

from engine.denoise import why_no_denoiser
from engine.errors import InputRefused
from engine.forms import FP32, Form
from engine.package import Package
from engine.package.golden import TRUTH
from engine.plans.extremes import extremes, typical
from engine.plans.parity import Loss, loss
from engine.residual import why_not_noise
from engine.runners import RUNNERS
from engine.seams import Clock, Runner

VERSION = 2
"""Of this procedure; part of every key under which a verdict is kept."""

LEAST_LOW = 0.5
"""Share of the convolutions that must run in the precision that the form claims."""

_HIDDEN = "nothing: the reference's answer is not shown"
_REPEATS, _WARM_UP = 3, 3
_QUANTILES = (50, 99, 99.9)

log = logging.getLogger(__name__)

Batch = NDArray[np.float32]
Answers = dict[str, NDArray[np.float32]]


@dataclass(frozen=True, slots=True)
class Latency:
    """Of one batch at the typical size, ms."""

    p50: float
    p99: float
    p999: float
    runs: int


@dataclass(frozen=True, slots=True)
class GateReport:
    """What was found; every field is plain data."""

    runner: str
    form: str
    requested: str
    actual: str
    real_gpu: bool
    package_sha256: str
    form_sha256: str
    golden: Loss | None
    """None: it did not answer."""
    extremes: dict[str, Loss]
    """Name of the frame -> loss."""
    worst: str
    """The extreme that comes nearest to its limit, or is furthest beyond."""
    repeatable: bool
    low_share: float | None
    """Share of the convolutions that run in the form's precision; None: not known."""
    latency: Latency | None
    passed: bool
    reasons: tuple[str, ...]
    """Why it did not pass, a sentence each."""


def gate(
    package: Package,
    reference: Runner,
    candidate: Runner,
    form: Form,
    clock: Clock,
    *,
    precision: float | None = None,
    bar: float | None = None,
    runs: int = 30,
) -> GateReport:
    """Holds `candidate`, which executes `form`, against `reference` on the golden frames and the extremes.

    `precision` is the share of convolutions that the runner says it computes in the form's precision (None: it does not
    say, which a plan of a network with convolutions must), `bar` the p99 in ms that it must be below: that of the
    fastest form that this runner may serve already. Raises nothing that a candidate does: what it raises is a reason.
    """
    reasons: list[str] = []
    golden: Loss | None = None
    hostile: dict[str, Loss] = {}
    repeatable, latency = False, None
    try:
        golden, hostile = (
            _golden_loss(package, reference, candidate, form),
            _extreme_losses(package, reference, candidate, form),
        )
        if golden.problem:
            reasons.append(f"golden frames: {golden.problem}")
        reasons += [f"{name}: {one.problem}" for name, one in hostile.items() if one.problem]
        repeatable = _repeats(candidate, package)
        if not repeatable:
            reasons.append(f"{_REPEATS} runs of the same frame differ")
        if not _refuses_nan(candidate, package):
            reasons.append("it takes NaN, where every runner must refuse")
        latency = measure(candidate, typical(package), clock, runs)
        if bar is not None and not latency.p99 < bar:
            reasons.append(f"p99 is {latency.p99:.3g} ms, and {bar:.3g} ms is served already")
    except Exception as error:
        # The libraries' exceptions share no base class, and nothing that a candidate raises may stop who asks.
        log.exception("gate runner=%s form=%s failed", candidate.backend.runner, form.name)
        reasons.append(f"it fails ({type(error).__name__}: {str(error).strip()[:300]})")
    backend = candidate.backend
    if form.name != FP32:
        reasons += _unproven(package, form, backend.runner, precision)
    return GateReport(
        runner=backend.runner,
        form=form.name,
        requested=backend.requested,
        actual=backend.actual,
        real_gpu=backend.real_gpu,
        package_sha256=package.sha256,
        form_sha256=form.sha256,
        golden=golden,
        extremes=hostile,
        worst=max(hostile, key=lambda name: (hostile[name].against != _HIDDEN, _strain(hostile[name])), default=""),
        repeatable=repeatable,
        low_share=precision,
        latency=latency,
        passed=not reasons,
        reasons=tuple(reasons),
    )


def measure(runner: Runner, batch: Batch, clock: Clock, runs: int) -> Latency:
    """Latency of so many runs one after the other, after a warm-up."""
    for _ in range(_WARM_UP):
        runner.run(batch)
    seconds = []
    for _ in range(runs):
        start = clock.monotonic()
        runner.run(batch)
        seconds.append(clock.monotonic() - start)
    return latency_of(seconds)


def latency_of(seconds: Sequence[float]) -> Latency:
    """p99.9 of few runs is their longest."""
    p50, p99, p999 = (float(1e3 * q) for q in np.percentile(seconds, _QUANTILES, method="inverted_cdf"))
    return Latency(round(p50, 4), round(p99, 4), round(p999, 4), len(seconds))


def _golden_loss(package: Package, reference: Runner, candidate: Runner, form: Form) -> Loss:
    manifest = package.manifest
    frames = package.golden[manifest.inputs[0].name].astype(np.float32)
    truth = {o.name: package.golden[o.name + TRUTH] for o in manifest.outputs if o.name + TRUTH in package.golden}
    straight, answers = (_answers(package, runner, frames) for runner in (reference, candidate))
    return loss(manifest, form.name, straight, answers, truth, frames)


def _extreme_losses(package: Package, reference: Runner, candidate: Runner, form: Form) -> dict[str, Loss]:
    losses = {}
    for name, batch in extremes(package).items():
        straight, answers = (_answers(package, runner, batch[None]) for runner in (reference, candidate))
        one = loss(package.manifest, form.name, straight, answers, None, batch[None], hostile=True)
        if isfinite(one.value) and not _is_shown(package, batch, straight):
            one = replace(one, against=_HIDDEN, problem="")
        losses[name] = one
    return losses


def _is_shown(package: Package, batch: Batch, straight: Answers) -> bool:
    """Whether the appliance would show the reference's answer: it keeps a denoiser's from changing more than noise."""
    if why_no_denoiser(package.manifest):
        return True
    (answer,) = straight.values()
    return not why_not_noise(batch[:, 0], answer[0][:, 0])


def _answers(package: Package, runner: Runner, frames: Batch) -> Answers:
    """Output -> `[frame, *shape]`."""
    rows = [[answer.copy() for answer in runner.run(frame)] for frame in frames]
    return {output.name: np.stack([row[k] for row in rows]) for k, output in enumerate(package.manifest.outputs)}


def _repeats(runner: Runner, package: Package) -> bool:
    """Whether the same frame has the same answers to the bit, with another frame between."""
    frames = package.golden[package.manifest.inputs[0].name].astype(np.float32)
    first = [answer.copy() for answer in runner.run(frames[0])]
    for _ in range(_REPEATS - 1):
        runner.run(frames[-1])
        if any(a.tobytes() != b.tobytes() for a, b in zip(first, runner.run(frames[0]), strict=True)):
            return False
    return True


def _refuses_nan(runner: Runner, package: Package) -> bool:
    frame = package.golden[package.manifest.inputs[0].name][0].astype(np.float32)
    frame.flat[frame.size // 2] = np.nan
    try:
        runner.run(frame)
    except InputRefused:
        return True
    return False


def _unproven(package: Package, form: Form, runner: str, precision: float | None) -> list[str]:
    """What speaks against the precision that the form claims."""
    if precision is not None:
        low = f"{precision:.0%} of the convolutions run in {form.name}, {LEAST_LOW:.0%} are asked"
        return [low] if precision < LEAST_LOW else []
    needs_plan = runner in RUNNERS and RUNNERS[runner].needs_plan
    return [f"nothing tells that it runs in {form.name}"] if needs_plan and _has_convolutions(package) else []


def _has_convolutions(package: Package) -> bool:
    """Transposed ones are left out: they stay in float."""
    from onnx import ModelProto

    return any(node.op_type == "Conv" for node in ModelProto.FromString(package.model).graph.node)


def _strain(one: Loss) -> float:
    return one.value / one.limit if one.limit else float("inf")
