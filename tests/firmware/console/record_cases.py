"""Rows of the record for tests: decisions, scans, findings."""

from collections.abc import Iterable
from typing import Any

from firmware.record import NoteRecord, ScanRecord
from firmware.sinks import topics
from firmware.sinks.payloads import (
    DecisionPayload,
    FindingPayload,
    Flag,
    IndexPayload,
    MeasurementPayload,
    WherePayload,
)

BEGAN = 1_800_000_000.0


def scan_record(scan: str = "s1-1", **given: Any) -> ScanRecord:
    said: dict[str, Any] = {"began": BEGAN, "protocol": "t2_tse", "stratum": "x/16ch/t2_tse", "frames_expected": 20}
    return ScanRecord(scan=scan, **{**said, **given})


def finding(kind: str = "coil-loss", severity: str = "rescan", first_frame: int = 0) -> FindingPayload:
    return FindingPayload(
        finding=f"s1-1-{kind}-{first_frame}",
        kind=kind,
        severity=severity,
        where=WherePayload(coils=(4, 5)),
        first_frame=first_frame,
        advice=kind,
        message="2 coil elements lost their signal: 4, 5",
        action="Reseat the coil plug, then repeat this series",
        evidence="24.1 dB where 6 dB is the limit",
        place="coil elements 4 and 5",
        learned=False,
        caused_by="",
    )


def decision(number: int | None, verdict: str = "ok", *, scan: str = "s1-1", **given: Any) -> DecisionPayload:
    """About a frame; about the series when there is no number."""
    said: dict[str, Any] = {
        "schema": "decision/1",
        "scan": scan,
        "stratum": "x/16ch/t2_tse",
        "scope": "series" if number is None else "frame",
        "verdict": verdict,
        "sentence": f"{verdict}: said of {number}",
        "number": number,
        "index": index(number),
        "findings": [finding()] if verdict == "rescan" else [],
        "measurements": [],
        "missing_rows": [],
        "reasons": [],
        "alerting": True,
        "limits_version": "abc",
        "latency_ms": {"image": 3.0},
    }
    return DecisionPayload(**{**said, **given})


def index(number: int | None) -> IndexPayload | None:
    if number is None:
        return None
    return IndexPayload(encoding=0, slice=0, contrast=0, phase=0, repetition=number, set=0)


def measurement(row: str, value: float | None, **given: Any) -> MeasurementPayload:
    why = {} if value is not None else {"why_missing": "first_frame"}
    return MeasurementPayload(row=row, name=f"name_{row}", value=value, unit="dB", **{**why, **given})


def flag(kind: str = "coil-loss", life: str = "new", *, scan: str = "s1-1", **given: Any) -> Flag:
    said: dict[str, Any] = {
        "schema": "flag/1",
        "scan": scan,
        "finding": f"{scan}-{kind}-0",
        "kind": kind,
        "life": life,
        "severity": "rescan",
        "where": WherePayload(coils=(4, 5)),
        "first_frame": 0,
        "last_frame": 0,
        "measurement": measurement("m04", 24.0, impact=30.0, impact_unit="%"),
        "limit": 6.0,
        "limit_source": "measured",
        "caused_by": "",
        "advice": kind,
        "message": "2 coil elements lost their signal: 4, 5",
        "action": "Reseat the coil plug, then repeat this series",
        "evidence": "",
        "place": "",
        "learned": False,
        "end_reason": "",
    }
    return Flag(**{**said, **given})


class Known:
    """What a record holds, as `Asks` wants to know it."""

    def __init__(self, *scans: ScanRecord, flags: Iterable[str] = (), notes: Iterable[NoteRecord] = ()) -> None:
        self.scans, self.flags, self.notes = {one.scan: one for one in scans}, set(flags), list(notes)
        self.closed = 0

    def scan(self, scan: str) -> ScanRecord | None:
        return self.scans.get(scan)

    def has_flag(self, scan: str, finding: str) -> bool:
        return finding in self.flags

    def notes_of(self, scan: str) -> list[NoteRecord]:
        return [note for note in self.notes if note.scan == scan]

    def close(self) -> None:
        self.closed += 1


def decision_topic(scan: str = "s1-1", appliance: str = "stage") -> str:
    return topics.decision(appliance, scan)
