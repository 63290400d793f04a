"""What is raised now over all scans: for a lamp or a big screen."""

from engine.types import Decision, Finding, Life
from firmware.sinks.payloads import Alert, AlertEntry


class Alerts:
    """Follows findings through their life; consequences of another finding raise nothing."""

    def __init__(self) -> None:
        self._raised: dict[str, Finding] = {}
        self._scan: dict[str, str] = {}
        self._told: set[str] = set()

    def concerns(self, finding: Finding, decision: Decision) -> bool:
        """The finding's change is to be told: it alerts, or ends one that was told (an aborted scan does, too)."""
        if finding.life is Life.END:
            told = finding.id in self._told
            self._told.discard(finding.id)
            return told
        if decision.alerting:
            self._told.add(finding.id)
        return decision.alerting

    def take(self, decision: Decision) -> bool:
        """True when what is raised has changed."""
        if not decision.alerting and decision.scope == "frame":
            return False
        before = dict(self._raised)
        caused = {finding.id for finding in decision.findings if finding.caused_by}
        for finding in decision.changes:
            if finding.life is Life.END:
                self._raised.pop(finding.id, None)
            elif finding.id not in caused:
                self._raised[finding.id] = finding
                self._scan[finding.id] = decision.scan
        if decision.scope == "series":  # also one that a fault kept from ending its findings
            ended = [key for key in self._raised if self._scan[key] == decision.scan]
            for key in ended:
                del self._raised[key]
        return before != self._raised

    def payload(self) -> Alert:
        entries = [
            AlertEntry(
                scan=self._scan[key],
                finding=key,
                kind=finding.kind,
                severity=finding.severity,
                message=finding.message,
                action=finding.action,
            )
            for key, finding in self._raised.items()
        ]
        return Alert(schema="alert/1", raised=entries)
