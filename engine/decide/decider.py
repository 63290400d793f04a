"""Measurements of one scan's frames to decisions."""

from collections import Counter
from collections.abc import Sequence
from dataclasses import replace

from engine.decide.advice import words
from engine.decide.cause import name_causes
from engine.decide.life import TRANSITIONS, Action, Debounce, Event, State
from engine.decide.limits import Judgement, Limits, RowLimits, shipped_limits
from engine.decide.sentence import sentence
from engine.types import (
    Decision,
    Finding,
    Frame,
    FrameIndex,
    Life,
    Measurement,
    Scan,
    ScanRole,
    Unreconstructed,
    Verdict,
    Where,
)

ORDER = (Verdict.OK, Verdict.WARN, Verdict.CANNOT_JUDGE, Verdict.RESCAN)
"""From good to bad: what is known to need a repeat outranks what is unknown."""

ABORTED = ("eof", "timeout", "stopped")

_Place = tuple[str, FrameIndex]


class _Tracked:
    """One kind of fault in one stratum (slice, contrast, phase, set)."""

    def __init__(self, row: RowLimits) -> None:
        self.debounce = Debounce(row.needed, row.window)
        self.state = State.CLEAR
        self.finding: Finding | None = None


class Decider:
    """Follows one scan; `frame` for each judged frame in order, then `close`."""

    def __init__(self, scan: Scan, limits: Limits | None = None) -> None:
        self._scan, self._limits = scan, limits or shipped_limits()
        self._tracked: dict[_Place, _Tracked] = {}
        self._raised: dict[str, Finding] = {}
        self._verdicts: Counter[Verdict] = Counter()
        self._reasons: Counter[str] = Counter()
        self._details: dict[str, str] = {}
        self._frames = 0

    @property
    def _alerting(self) -> bool:
        return self._scan.role is ScanRole.IMAGING

    def frame(self, frame: Frame, measurements: Sequence[Measurement]) -> Decision:
        """Verdict of one frame; never ok when it is incomplete or a mandatory row is missing."""
        known = [m for m in measurements if m.row in self._limits.rows]
        judged = {m.row: (m, self._limits.judge(m)) for m in known}
        stratum = replace(frame.index, repetition=0)
        number = frame.index.repetition
        changes: list[Finding] = []
        for row, (measurement, judgement) in judged.items():
            if change := self._follow(self._limits.rows[row], stratum, number, measurement, judgement):
                changes.append(change)
        alive = name_causes([t.finding for (_, s), t in self._tracked.items() if t.finding and s == stratum])
        missing = self._missing_rows({row: j for row, (_, j) in judged.items()})
        reasons = list(missing)
        if frame.completeness.non_finite:
            reasons.insert(0, "non_finite")
        unfinished = not frame.completeness.complete
        severities = [finding.severity for finding in alive]
        if reasons:
            severities.append(Verdict.CANNOT_JUDGE)
        if unfinished:
            severities.append(Verdict.WARN)
            reasons.append("incomplete")
        return self._decide(frame, severities, alive, tuple(changes), tuple(measurements), missing, tuple(reasons))

    def unjudged(self, frame: Unreconstructed | Frame, reason: str, detail: str) -> Decision:
        """A frame of which nothing can be said, with why."""
        self._details.setdefault(reason, detail)
        return self._decide(frame, [Verdict.CANNOT_JUDGE], (), (), (), (), (reason,))

    def close(self, ended_by: str) -> Decision:
        """Verdict of the series; ends every finding that is still alive."""
        aborted = ended_by in ABORTED
        changes, unconfirmed = [], []
        for (kind, _), tracked in self._tracked.items():
            _, action = TRANSITIONS[tracked.state, Event.SCAN_END]
            if action is Action.END and tracked.finding is not None:
                changes.append(replace(tracked.finding, life=Life.END, end_reason="scan_ended"))
            elif tracked.state is State.CANDIDATE and tracked.debounce.undecided:
                unconfirmed.append(kind)
            tracked.state, tracked.finding = State.CLEAR, None
        findings = name_causes(list(self._raised.values()))
        severities = [finding.severity for finding in findings]
        severities += [verdict for verdict, count in self._verdicts.items() if count]
        reasons = [reason for reason, _ in self._reasons.most_common(3)]
        if aborted or ended_by in ("refused", "fault"):
            severities.append(Verdict.CANNOT_JUDGE)
            reasons.insert(0, ended_by)
        if unconfirmed:
            severities.append(Verdict.WARN)
            reasons.insert(0, "unconfirmed")
            self._details["unconfirmed"] = f"signs of {', '.join(unconfirmed)}, but too few images to be sure"
        if not self._frames:
            severities.append(Verdict.CANNOT_JUDGE)
            reasons.append("no_frames")
        verdict = max(severities, key=ORDER.index)
        return Decision(
            scope="series",
            scan=self._scan.id,
            verdict=verdict,
            sentence=sentence(verdict, findings, reasons, self._details),
            index=None,
            number=None,
            findings=findings,
            changes=tuple(changes),
            measurements=(),
            missing_rows=(),
            reasons=tuple(reasons),
            alerting=self._alerting and not aborted,
            limits_version=self._limits.version,
            details={"frames": self._frames, "ended_by": ended_by},
        )

    # --- inside ------------------------------------------------------------------------------------

    def _follow(
        self, row: RowLimits, stratum: FrameIndex, number: int, measurement: Measurement, judgement: Judgement
    ) -> Finding | None:
        """Advance one finding's life by a frame; the finding if its life changed."""
        tracked = self._tracked.setdefault((row.kind, stratum), _Tracked(row))
        event = tracked.debounce.take(judgement.severity, judgement.clear, number)
        tracked.state, action = TRANSITIONS[tracked.state, event]
        if action is Action.RAISE:
            return self._raise(tracked, row, stratum, number, measurement, judgement)
        if action is Action.KEEP:
            return self._update(tracked, row, number, measurement, judgement)
        if action is Action.END and tracked.finding is not None:
            ended = replace(tracked.finding, life=Life.END, end_reason="cleared")
            tracked.finding = None
            return ended
        return None

    def _raise(
        self,
        tracked: _Tracked,
        row: RowLimits,
        stratum: FrameIndex,
        number: int,
        measurement: Measurement,
        judgement: Judgement,
    ) -> Finding:
        first = tracked.debounce.first_bad
        message, action = words(row.advice, self._scan, measurement, judgement.severity, first)
        place = f"{stratum.encoding}.{stratum.slice}.{stratum.contrast}.{stratum.phase}.{stratum.set}"
        finding = Finding(
            id=f"{self._scan.id}-{row.kind}-{place}-{first}",
            kind=row.kind,
            life=Life.NEW,
            severity=judgement.severity,
            where=measurement.where,
            first_frame=first,
            last_frame=number,
            measurement=measurement,
            limit=judgement.limit,
            limit_source=judgement.source,
            advice=row.advice,
            message=message,
            action=action,
        )
        tracked.finding = finding
        self._raised[finding.id] = finding
        return finding

    def _update(
        self, tracked: _Tracked, row: RowLimits, number: int, measurement: Measurement, judgement: Judgement
    ) -> Finding | None:
        """Keep the worst of a living finding; told to others only when it grew."""
        old = tracked.finding
        assert old is not None, "a raised state always holds a finding"
        severity = max(old.severity, judgement.severity, key=ORDER.index)
        where = Where(
            coils=tuple(sorted({*old.where.coils, *measurement.where.coils})),
            lines=measurement.where.lines or old.where.lines,
            samples=measurement.where.samples or old.where.samples,
            columns=measurement.where.columns or old.where.columns,
            box=measurement.where.box or old.where.box,
        )
        grew = severity is not old.severity or where.coils != old.where.coils
        if not grew:
            tracked.finding = self._raised[old.id] = replace(old, last_frame=number)
            return None
        message, action = words(row.advice, self._scan, replace(measurement, where=where), severity, old.first_frame)
        new = replace(
            old,
            life=Life.UPDATE,
            severity=severity,
            where=where,
            last_frame=number,
            measurement=measurement,
            message=message,
            action=action,
        )
        tracked.finding = self._raised[old.id] = new
        return new

    def _missing_rows(self, judged: dict[str, Judgement]) -> tuple[str, ...]:
        """Mandatory rows without a number and without an excuse."""
        missing = []
        for row, excuses in self._limits.mandatory.items():
            judgement = judged.get(row)
            why = judgement.why_missing if judgement is not None else "not_measured"
            if why and why not in excuses:
                missing.append(row)
        return tuple(missing)

    def _decide(
        self,
        frame: Frame | Unreconstructed,
        severities: list[Verdict],
        findings: tuple[Finding, ...],
        changes: tuple[Finding, ...],
        measurements: tuple[Measurement, ...],
        missing: tuple[str, ...],
        reasons: tuple[str, ...],
    ) -> Decision:
        verdict = max([Verdict.OK, *severities], key=ORDER.index)
        self._frames += 1
        self._verdicts[verdict] += 1
        self._reasons.update(reasons)
        return Decision(
            scope="frame",
            scan=self._scan.id,
            verdict=verdict,
            sentence=sentence(verdict, findings, reasons, self._details),
            index=frame.index,
            number=frame.number,
            findings=findings,
            changes=changes,
            measurements=measurements,
            missing_rows=missing,
            reasons=reasons,
            alerting=self._alerting,
            limits_version=self._limits.version,
        )
