"""From the loop to the record: what a scan and each decision become on disk, and who is told once they are there."""

from collections.abc import Callable

import msgspec

from engine.decide.moment import Moment
from engine.seams import Clock
from engine.types import Decision, Scan
from firmware.alerts import Alerts
from firmware.health import Health
from firmware.journal import Entry, Journal, Outgoing
from firmware.latency import Latencies
from firmware.loop import Judged
from firmware.record import ScanRecord
from firmware.scan_record import begun, ended, without_verdict
from firmware.sinks import topics
from firmware.sinks.payloads import Envelope, ScanStatePayload, decision_payload, flag_payload, frame_hint

Retain = Callable[[str, Envelope | None], None]
"""What stands on a retained topic from now on; None: it is cleared. Must not block."""
Hint = Callable[[str, Envelope], None]
"""Said once, unrecorded. Must not block."""
Listener = Callable[[Judged], None]
"""Told of each decision once it is on disk; must not block."""


class Recorder:
    """Called by the loop's threads; tells from the journal's."""

    def __init__(
        self,
        appliance: str,
        journal: Journal,
        clock: Clock,
        health: Health,
        latencies: Latencies,
        *,
        retain: Retain,
        hint: Hint,
        listener: Listener | None = None,
    ) -> None:
        self._name, self._journal, self._clock, self._health = appliance, journal, clock, health
        self._latencies = latencies
        self._retain, self._hint, self._listener = retain, hint, listener
        self._alerts = Alerts()
        self._scans: dict[str, ScanRecord] = {}
        """Those that run."""

    def tell_alerts(self) -> None:
        """What is raised now."""
        self._retain(topics.alert(self._name), self._alerts.payload())

    def begin(self, scan: Scan) -> None:
        """A scan begins: it is on record from its header on, whatever becomes of it."""
        record = self._scans[scan.id] = begun(scan, self._now())
        self._journal.append(Entry((), scan=record))
        self._tell_scan_state(record, 0, "")

    def leave(self, scan: Scan) -> None:
        """Nothing more comes of a scan: if it has no verdict yet, that is its verdict. No scan runs for ever."""
        if (record := self._scans.get(scan.id)) is not None:
            self.record(Judged(scan, without_verdict(scan, record.frames), None, {}), lambda: None)

    def record(self, judged: Judged, committed: Callable[[], None]) -> None:
        """One decision with its flags to the journal; everybody is told from its commit."""
        scan, decision = judged.scan, judged.decision
        if (record := self._scans.get(scan.id)) is not None and decision.number is not None:
            self._scans[scan.id] = msgspec.structs.replace(record, frames=max(record.frames, decision.number + 1))
        messages = [Outgoing(topics.decision(self._name, scan.id), decision_payload(decision, scan, judged.latency_ms))]
        messages += [
            Outgoing(topics.flag(self._name, scan.id, finding.id), flag_payload(finding, scan))
            for finding in decision.changes
            if self._alerts.concerns(finding, decision)
        ]

        def on_commit() -> None:
            self._health.progress("record")
            if judged.timings is not None:
                after = (self._clock.monotonic() - judged.timings.last_readout) * 1e3
                self._latencies.record({**judged.latency_ms, "recorded": after})
            committed()
            self._tell(judged)

        self._journal.append(Entry(tuple(messages), on_commit, scan=self._end(decision)))

    def _end(self, decision: Decision) -> ScanRecord | None:
        """The record of a scan that this decision ends."""
        if decision.scope != "series" or (record := self._scans.pop(decision.scan, None)) is None:
            return None
        details = decision.details
        return ended(record, decision, details["ended_by"], self._now(), details["frames"])

    def _now(self) -> Moment:
        return Moment(self._clock.now(), self._journal.session, self._clock.monotonic())

    def _tell(self, judged: Judged) -> None:
        decision = judged.decision
        if (hint := frame_hint(decision, judged.latency_ms)) is not None:
            self._hint(topics.frame(self._name, decision.scan), hint)
        if self._alerts.take(decision):
            self.tell_alerts()
        if decision.scope == "series":
            self._retain(topics.scan_state(self._name, decision.scan), None)
        elif (record := self._scans.get(decision.scan)) is not None:
            self._tell_scan_state(record, (decision.number or 0) + 1, decision.verdict.value)
        if self._listener is not None:
            self._listener(judged)

    def _tell_scan_state(self, record: ScanRecord, frames: int, verdict: str) -> None:
        self._retain(
            topics.scan_state(self._name, record.scan),
            ScanStatePayload(
                schema="scan_state/1",
                scan=record.scan,
                frames=frames,
                frames_expected=record.frames_expected,
                verdict=verdict,
                ended=False,
            ),
        )
