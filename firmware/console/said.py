"""Values of the record as the page says them."""

from collections.abc import Sequence
from datetime import UTC, datetime

from engine.types import VERDICTS
from firmware.console.api import FrameSummary, Learning, NotePayload, Series
from firmware.record import NoteRecord, ScanRecord
from firmware.sinks.payloads import DecisionPayload

_FIRST, _LAST = -62_135_596_800.0, 253_402_300_799.0
"""s since 1970-01-01 UTC: the years 1 to 9999."""


def stamp(seconds: float | None) -> str:
    """ISO 8601, UTC, milliseconds; empty for None. A time beyond the calendar is the calendar's first or last."""
    if seconds is None:
        return ""
    time = datetime.fromtimestamp(min(max(seconds, _FIRST), _LAST), UTC)
    return time.isoformat(timespec="milliseconds").replace("+00:00", "Z")


def note_payload(note: NoteRecord) -> NotePayload:
    """As it is told."""
    return NotePayload(
        sequence=note.sequence,
        kind=note.kind,
        scan=note.scan,
        finding=note.finding,
        opinion=note.opinion,
        text=note.text,
        time=stamp(note.time),
    )


def frame_summary(decision: DecisionPayload, picture: bool) -> FrameSummary | None:
    """One frame of the filmstrip; None for the decision about a series."""
    index = decision.index
    if index is None or decision.number is None:
        return None
    return FrameSummary(
        scan=decision.scan,
        number=decision.number,
        slice=index.slice,
        contrast=index.contrast,
        phase=index.phase,
        repetition=index.repetition,
        set=index.set,
        verdict=decision.verdict,
        sentence=decision.sentence,
        kinds=list(dict.fromkeys(finding.kind for finding in decision.findings)),
        time=decision.time,
        picture=picture,
    )


def worse(one: DecisionPayload | None, other: DecisionPayload) -> DecisionPayload:
    """The one with the worse verdict; of equals the newer, whose findings still stand."""
    if one is None:
        return other
    return max(one, other, key=lambda decision: (VERDICTS.index(decision.verdict), decision.sequence))


def series(
    record: ScanRecord,
    *,
    frames: int,
    speaks: DecisionPayload | None,
    latest: DecisionPayload | None,
    notes: Sequence[NoteRecord],
    learning: Learning | None,
) -> Series:
    """A scan as it stands.

    `speaks`: the decision that gives the verdict: of the series at its end, else the worst of its frames.
    `latest`: of the newest frame.
    """
    running = record.ended is None
    alive = latest if running else speaks
    opinions = [note.opinion for note in notes if note.kind == "opinion"]
    return Series(
        scan=record.scan,
        exam=record.exam,
        protocol=record.protocol,
        body_part=record.body_part,
        scanner=record.scanner,
        stratum=record.stratum,
        role=record.role,
        began=stamp(record.began),
        ended=stamp(record.ended),
        ended_by=record.ended_by,
        frames=frames if running else record.frames or frames,
        frames_expected=record.frames_expected,
        verdict=record.verdict or (speaks.verdict if speaks is not None else ""),
        sentence=record.sentence or (speaks.sentence if speaks is not None else ""),
        latest_verdict=latest.verdict if latest is not None else "",
        latest_number=latest.number if latest is not None else None,
        findings=alive.findings if alive is not None else [],
        acknowledged=list(dict.fromkeys(note.finding for note in notes if note.kind == "acknowledge")),
        opinion=opinions[-1] if opinions else "",
        alerting=record.alerting if latest is None else latest.alerting,
        learning=learning,
    )
