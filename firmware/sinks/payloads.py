"""What is said on each topic, and how it is made from the engine's values. The JSON Schemas are generated from here."""

from collections.abc import Mapping
from typing import Annotated, Any

import msgspec
import numpy as np

from engine.types import Decision, Finding, Life, Measurement, Scan, Verdict, Where

VerdictSoFar = Annotated[str, msgspec.Meta(extra_json_schema={"enum": ["", *Verdict]})]
"""One of a scan that runs; empty: it has none yet."""


class Envelope(msgspec.Struct, kw_only=True):
    """What every payload carries; filled in when it is recorded or sent."""

    schema: str
    """Kind of payload and its version, for example decision/1."""
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
    """Coil elements, counted from 0."""
    lines: tuple[int, ...] = ()
    """Of k-space."""
    samples: tuple[int, ...] = ()
    """Along a line of k-space."""
    columns: tuple[int, ...] = ()
    """Of the image as stored."""
    box: tuple[int, int, int, int] | None = None
    """x0, y0, x1, y1 in pixels of the image as stored; the ends lie outside."""


class MeasurementPayload(msgspec.Struct, kw_only=True, omit_defaults=True):
    """One number with its unit, or why there is none."""

    row: str
    """Of the table of limits, for example m04."""
    name: str
    value: float | None
    """None: `why_missing` says why."""
    unit: str
    impact: float | None = None
    """What it costs the image, in `impact_unit`; None: not stated."""
    impact_unit: str = ""
    estimated: bool = False
    """From an incomplete frame, or from part of the data that it asks for."""
    detect_limit: float | None = None
    """Limit that follows from this frame's statistics; the table of limits has the others."""
    why_missing: str = ""
    """Reason in one word; empty: there is a value."""


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
    life: Life
    severity: Verdict
    """warn or rescan."""
    where: WherePayload
    first_frame: int
    """Repetition (frame number where a scan has none) in which it was first measured."""
    last_frame: int
    """As `first_frame`, in which it was last measured."""
    measurement: MeasurementPayload
    limit: float
    """That was passed, in the unit of the measurement."""
    limit_source: str
    """Where the limit comes from."""
    caused_by: str
    """Finding that explains this one; empty: none does."""
    advice: str
    """Code of the advice that `message` and `action` put into words."""
    message: str
    """What is so."""
    action: str
    """What to do."""
    evidence: str = ""
    """How sure: the number that decided beside its limit, as part of a sentence."""
    place: str = ""
    """Where, in words."""
    learned: bool = False
    """A network sees it, no rule has measured it."""
    first_number: int = 0
    """Frame number of the image in which it was first measured; `first_frame` is its repetition."""
    placed_number: int = 0
    """Frame number of the image in which `where` was measured."""
    end_reason: str
    """Why it ended; empty: it has not."""


class FindingPayload(msgspec.Struct, kw_only=True):
    """A finding inside a decision."""

    finding: str
    kind: str
    severity: Verdict
    """warn or rescan."""
    where: WherePayload
    first_frame: int
    """Repetition (frame number where a scan has none) in which it was first measured."""
    advice: str
    """Code of the advice that `message` and `action` put into words."""
    message: str
    """What is so."""
    action: str
    """What to do."""
    evidence: str = ""
    """How sure: the number that decided beside its limit, as part of a sentence."""
    place: str = ""
    """Where, in words."""
    learned: bool = False
    """A network sees it, no rule has measured it."""
    first_number: int = 0
    """Frame number of the image in which it was first measured; `first_frame` is its repetition."""
    placed_number: int = 0
    """Frame number of the image in which `where` was measured."""
    caused_by: str
    """Finding that explains this one; empty: none does."""


class DecisionPayload(Envelope, kw_only=True):
    """Verdict of a frame or series. Never expires."""

    scan: str
    stratum: str
    """What limits are kept apart by: scanner, coil elements, protocol."""
    scope: str
    """frame or series."""
    verdict: Verdict
    sentence: str
    """The verdict, the reason and the first thing to do."""
    number: int | None
    """Of the frame, counted from 0; None: it is about the series."""
    index: IndexPayload | None
    """None: it is about the series."""
    findings: list[FindingPayload]
    """Alive in this frame; of a series the first and the worst of each kind. Causes first, 20 at most."""
    measurements: list[MeasurementPayload]
    missing_rows: list[str]
    """Mandatory rows that could not be computed."""
    reasons: list[str]
    """Why not ok, in single words."""
    alerting: bool
    """False: a prescan, a localizer, calibration or an aborted scan, which raises no alert."""
    limits_version: str
    """Of the table of limits that judged it."""
    latency_ms: dict[str, float]
    """Stage -> ms from the last sample of the frame."""


class FrameHint(Envelope, kw_only=True):
    """One frame in passing."""

    scan: str
    number: int
    """Counted from 0."""
    index: IndexPayload
    verdict: Verdict
    latency_ms: dict[str, float]
    """Stage -> ms from the last sample of the frame."""


class State(Envelope, kw_only=True):
    """online, offline (the will) or stopped."""

    state: str
    version: str


class Head(Envelope, kw_only=True):
    """The newest recorded message: shows a gap to whoever was away."""

    newest: int
    boot: str


class DiskPayload(msgspec.Struct, kw_only=True):
    """Room on the disk of the record."""

    free_mib: float
    journal_mib: float
    pictures_mib: float


class HealthPayload(Envelope, kw_only=True):
    """Stages, counters, latencies, problems."""

    backend: str
    seconds_since_progress: dict[str, float]
    counters: dict[str, int]
    latency_ms: dict[str, dict[str, float]]
    problems: dict[str, str]
    """Part -> what is wrong with it, one sentence."""
    queues: dict[str, int]
    """What waits: entries for the record (journal), recorded messages for the broker (mqtt), pictures."""
    disk: DiskPayload
    broker: str
    """connected, away, or off."""
    priority_raised: bool


class AlertEntry(msgspec.Struct, kw_only=True):
    """One raised finding."""

    scan: str
    finding: str
    kind: str
    severity: Verdict
    message: str
    action: str


class Alert(Envelope, kw_only=True):
    """Everything raised now over all scans."""

    raised: list[AlertEntry]


class ScanStatePayload(Envelope, kw_only=True):
    """A running scan."""

    scan: str
    frames: int
    """Received until now."""
    frames_expected: int | None
    """None: the header promises no number."""
    verdict: VerdictSoFar
    """The worst until now; empty: no frame yet."""
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


_MOST_FINDINGS = 20
"""That a decision names, causes first, so that it fits a message; each of the others has its flag."""


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
        detect_limit=measurement.detect_limit,
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
        verdict=decision.verdict,
        sentence=decision.sentence,
        number=decision.number,
        index=_index(decision),
        findings=[
            FindingPayload(
                finding=f.id,
                kind=f.kind,
                severity=f.severity,
                where=where_payload(f.where),
                first_frame=f.first_frame,
                advice=f.advice,
                message=f.message,
                action=f.action,
                evidence=f.evidence,
                place=f.place,
                learned=f.learned,
                first_number=f.first_number,
                placed_number=f.placed_number,
                caused_by=f.caused_by,
            )
            for f in decision.findings[:_MOST_FINDINGS]
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
        life=finding.life,
        severity=finding.severity,
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
        evidence=finding.evidence,
        place=finding.place,
        learned=finding.learned,
        first_number=finding.first_number,
        placed_number=finding.placed_number,
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
        verdict=decision.verdict,
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
