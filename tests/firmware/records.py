"""A journal to write into, a clock that stands still, and small values to record."""

import threading
from dataclasses import replace

from firmware.journal import Entry, Journal, Outgoing
from firmware.record import ScanRecord
from firmware.sinks import topics
from firmware.sinks.payloads import DecisionPayload, Head

APPLIANCE = "a"


class Clock:
    def __init__(self, now: float = 1_800_000_000.0) -> None:
        self.time = now
        self.ran = 0.0

    def monotonic(self) -> float:
        return self.ran

    def now(self) -> float:
        return self.time

    def go_on(self, seconds: float) -> None:
        self.time += seconds
        self.ran += seconds


def keep(journal: Journal, entry: Entry) -> None:
    """Append and wait until it is on disk."""
    told = threading.Event()
    journal.append(replace(entry, on_commit=told.set))
    assert told.wait(10)


def decision(scan: str, number: int | None, text: str = "") -> Outgoing:
    payload = DecisionPayload(
        schema="decision/1",
        scan=scan,
        stratum="",
        scope="series" if number is None else "frame",
        verdict="ok",
        sentence=text,
        number=number,
        index=None,
        findings=[],
        measurements=[],
        missing_rows=[],
        reasons=[],
        alerting=True,
        limits_version="",
        latency_ms={},
    )
    return Outgoing(topics.decision(APPLIANCE, scan), payload)


def flag(scan: str, finding: str) -> Outgoing:
    """Something on a flag's topic; what it says does not matter here."""
    return Outgoing(topics.flag(APPLIANCE, scan, finding), Head(schema="head/1", newest=0, boot=""))


def scan_record(scan: str, began: float = 1_800_000_000.0, **said: object) -> ScanRecord:
    return ScanRecord(scan=scan, began=began, **said)  # type: ignore[arg-type]
