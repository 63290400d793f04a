"""What is said on each topic, and how it is made from the engine's values. The JSON Schemas are generated from here."""

from collections.abc import Mapping
from typing import Any

import msgspec
import numpy as np

from engine.types import Decision, Finding, Measurement, Scan, Where


class Envelope(msgspec.Struct, kw_only=True):
    """What every payload carries; filled in when it is recorded or sent."""

    schema: str
    id: str = ""
    """Idempotency key: the same message sent again has the same id."""
    session: int = 0
    """Counts the appliance's starts."""
    sequence: int = 0
    """Counts recorded messages without gaps; 0 for what is not recorded."""
    time: str = ""
    """UTC, milliseconds."""
    historical: bool = False
    """Sent again from the record, or later than it could be."""


class WherePayload(msgspec.Struct, kw_only=True, omit_defaults=True):
    """Where in a frame; empty = the whole frame."""

    coils: tuple[int, ...] = ()
    lines: tuple[int, ...] = ()
    samples: tuple[int, ...] = ()
    columns: tuple[int, ...] = ()
    box: tuple[int, int, int, int] | None = None


class MeasurementPayload(msgspec.Struct, kw_only=True, omit_defaults=True):
    """One number with its unit, or why there is none."""

    row: str
    name: str
    value: float | None
    unit: str
    impact: float | None = None
    impact_unit: str = ""
    estimated: bool = False
    why_missing: str = ""


class IndexPayload(msgspec.Struct, kw_only=True):
    """Which image of the scan."""

    encoding: int
    slice: int
    contrast: int
    phase: int
    repetition: int
    set: int


class Flag(Envelope, kw_only=True):
    """A finding's life: new, update, end."""

    scan: str
    finding: str
    kind: str
    life: str
    severity: str
    where: WherePayload
    first_frame: int
    last_frame: int
    measurement: MeasurementPayload
    limit: float
    limit_source: str
    caused_by: str
    advice: str
    message: str
    action: str
    end_reason: str


class FindingPayload(msgspec.Struct, kw_only=True):
    """A finding inside a decision."""

    finding: str
    kind: str
    severity: str
    where: WherePayload
    first_frame: int
    advice: str
    message: str
    action: str
    caused_by: str


class DecisionPayload(Envelope, kw_only=True):
    """Verdict of a frame or series. Never expires."""

    scan: str
    stratum: str
    scope: str
    verdict: str
    sentence: str
    number: int | None
    index: IndexPayload | None
    findings: list[FindingPayload]
    measurements: list[MeasurementPayload]
    missing_rows: list[str]
    reasons: list[str]
    alerting: bool
    limits_version: str
    latency_ms: dict[str, float]


class FrameHint(Envelope, kw_only=True):
    """One frame in passing."""

    scan: str
    number: int
    index: IndexPayload
    verdict: str
    latency_ms: dict[str, float]


class State(Envelope, kw_only=True):
    """online, offline (the will) or stopped."""

    state: str
    version: str


class Head(Envelope, kw_only=True):
    """The newest recorded message: shows a gap to whoever was away."""

    newest: int
    boot: str


class HealthPayload(Envelope, kw_only=True):
    """Stages, counters, latencies, problems."""

    backend: str
    seconds_since_progress: dict[str, float]
    counters: dict[str, int]
    latency_ms: dict[str, dict[str, float]]
    problems: dict[str, str]
    priority_raised: bool


class AlertEntry(msgspec.Struct, kw_only=True):
    """One raised finding."""

    scan: str
    finding: str
    kind: str
    severity: str
    message: str
    action: str


class Alert(Envelope, kw_only=True):
    """Everything raised now over all scans."""

    raised: list[AlertEntry]


class ScanStatePayload(Envelope, kw_only=True):
    """A running scan."""

    scan: str
    frames: int
    frames_expected: int | None
    verdict: str
    ended: bool


class CompileJob(msgspec.Struct, kw_only=True):
    """A plan that is being made for a network, or the last one that was."""

    form: str
    target: str
    state: str
    """queued, building, validating, ready or failed."""
    done: float
    """Of building, 0 to 1."""
    says: str
    """What it waits for or why it failed, one sentence."""
    plan: str
    """Key of the plan when it is ready."""


class ModelState(Envelope, kw_only=True):
    """A network: which form of which package on which runner, and whether it serves."""

    name: str
    task: str
    """denoise or quality."""
    version: str
    sha256: str
    """Of the package's list of checksums."""
    form: str
    """Precision of the network that serves: fp32, fp16, bf16, int8-s8, int8-u8, mixed; empty until it has."""
    runner: str
    requested: str
    """Device asked of the runner."""
    actual: str
    """Device that it uses."""
    real_gpu: bool
    """Whether a real GPU executes it."""
    why: str
    """Why this runner and form, in a sentence."""
    tried: str
    """What else could have served, and how fast: one line each."""
    compile: CompileJob | None
    """None: there never was one."""
    state: str
    """starting, serving, failed, restarting or off."""
    reason: str
    restarts: int
    latency_ms: dict[str, float]
    """p50 and p99 from hand-over to answer, over the last n images."""


TOPIC_PAYLOADS: Mapping[str, type[Envelope]] = {
    "state": State,
    "head": Head,
    "health": HealthPayload,
    "alert": Alert,
    "scan_state": ScanStatePayload,
    "frame": FrameHint,
    "flag": Flag,
    "decision": DecisionPayload,
    "model_state": ModelState,
}
"""Schema name -> type."""


def where_payload(where: Where) -> WherePayload:
    return WherePayload(
        coils=where.coils, lines=where.lines, samples=where.samples, columns=where.columns, box=where.box
    )


def measurement_payload(measurement: Measurement) -> MeasurementPayload:
    return MeasurementPayload(
        row=measurement.row,
        name=measurement.name,
        value=measurement.value,
        unit=measurement.unit,
        impact=measurement.impact,
        impact_unit=measurement.impact_unit,
        estimated=measurement.estimated,
        why_missing=measurement.why_missing,
    )


def _index(decision: Decision) -> IndexPayload | None:
    index = decision.index
    if index is None:
        return None
    return IndexPayload(
        encoding=index.encoding,
        slice=index.slice,
        contrast=index.contrast,
        phase=index.phase,
        repetition=index.repetition,
        set=index.set,
    )


def decision_payload(decision: Decision, scan: Scan, latency_ms: Mapping[str, float]) -> DecisionPayload:
    return DecisionPayload(
        schema="decision/1",
        scan=scan.id,
        stratum=scan.stratum,
        scope=decision.scope,
        verdict=decision.verdict.value,
        sentence=decision.sentence,
        number=decision.number,
        index=_index(decision),
        findings=[
            FindingPayload(
                finding=f.id,
                kind=f.kind,
                severity=f.severity.value,
                where=where_payload(f.where),
                first_frame=f.first_frame,
                advice=f.advice,
                message=f.message,
                action=f.action,
                caused_by=f.caused_by,
            )
            for f in decision.findings
        ],
        measurements=[measurement_payload(m) for m in decision.measurements],
        missing_rows=list(decision.missing_rows),
        reasons=list(decision.reasons),
        alerting=decision.alerting,
        limits_version=decision.limits_version,
        latency_ms={stage: round(value, 3) for stage, value in latency_ms.items()},
    )


def flag_payload(finding: Finding, scan: Scan) -> Flag:
    return Flag(
        schema="flag/1",
        scan=scan.id,
        finding=finding.id,
        kind=finding.kind,
        life=finding.life.value,
        severity=finding.severity.value,
        where=where_payload(finding.where),
        first_frame=finding.first_frame,
        last_frame=finding.last_frame,
        measurement=measurement_payload(finding.measurement),
        limit=finding.limit,
        limit_source=finding.limit_source,
        caused_by=finding.caused_by,
        advice=finding.advice,
        message=finding.message,
        action=finding.action,
        end_reason=finding.end_reason,
    )


def frame_hint(decision: Decision, latency_ms: Mapping[str, float]) -> FrameHint | None:
    """None for a series."""
    index = _index(decision)
    if index is None or decision.number is None:
        return None
    return FrameHint(
        schema="frame/1",
        scan=decision.scan,
        number=decision.number,
        index=index,
        verdict=decision.verdict.value,
        latency_ms={stage: round(value, 3) for stage, value in latency_ms.items()},
    )


def encode(payload: Envelope) -> bytes:
    """As JSON; numbers of numpy's types, too: one of them must not end the thread that records every verdict."""
    return msgspec.json.encode(payload, enc_hook=_plain)


def as_mapping(payload: Envelope) -> dict[str, Any]:
    """What a subscriber reads, without the way over JSON."""
    told: dict[str, Any] = msgspec.to_builtins(payload, enc_hook=_plain)
    return told


def _plain(value: object) -> object:
    return value.item() if isinstance(value, np.generic) else str(value)


def schema_of(name: str) -> dict[str, Any]:
    """JSON Schema of one topic's payload."""
    return msgspec.json.schema(TOPIC_PAYLOADS[name])
