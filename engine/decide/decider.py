"""Measurements of one scan's frames to decisions."""

from collections import Counter
from collections.abc import Sequence
from dataclasses import replace

from engine.decide.advice import words
from engine.decide.cause import name_causes
from engine.decide.evidence import evidence
from engine.decide.life import TRANSITIONS, Action, Event, Seen, State
from engine.decide.limits import Judgement, Limits, shipped_limits
from engine.decide.place import place
from engine.decide.raised import RaisedFindings
from engine.decide.sentence import sentence
from engine.decide.tracked import Judged, Tracked, joined, speaking
from engine.prescribed import frames_expected
from engine.types import (
    VERDICTS,
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
)

ABORTED = ("eof", "timeout", "stopped")

_RAW = ("m01", "m02")
"""Rows that do not look at the picture."""

_NAMED = 3
"""Slices that a sentence names."""

_Source = tuple[str, bool]
"""Kind of fault, and whether a network sees it: what it says never moves the finding of a rule."""


class Decider:
    """Follows one scan; `frame` for each judged frame in order, then `close`."""

    def __init__(self, scan: Scan, limits: Limits | None = None) -> None:
        self._scan, self._limits = scan, limits or shipped_limits()
        self._tracked: dict[FrameIndex, dict[_Source, Tracked]] = {}
        self._raised = RaisedFindings()
        self._verdicts: Counter[Verdict] = Counter()
        self._reasons: Counter[str] = Counter()
        self._details: dict[str, str] = {}
        self._images: Counter[FrameIndex] = Counter()
        self._frames = 0

    @property
    def _alerting(self) -> bool:
        return self._scan.role is ScanRole.IMAGING

    def frame(self, frame: Frame, measurements: Sequence[Measurement]) -> Decision:
        """Verdict of one frame; never ok when it is incomplete or a mandatory row is missing."""
        known = [m for m in measurements if m.row in self._limits.rows]
        if frame.reservations:  # the picture is not to be trusted: what it shows may warn, but ask for no repeat
            known = [m if m.row in _RAW else replace(m, estimated=True) for m in known]
        judged = [Judged(self._limits.rows[m.row], m, self._limits.judge(m)) for m in known]
        stratum = replace(frame.index, repetition=0)
        sources: dict[_Source, list[Judged]] = {}
        for row in judged:
            sources.setdefault((row.limits.kind, row.limits.learned), []).append(row)
        followed = [self._follow(source, rows, stratum, frame) for source, rows in sources.items()]
        changes = [change for change in followed if change is not None]
        alive = name_causes([t.finding for t in self._tracked.get(stratum, {}).values() if t.finding])
        missing = self._missing_rows({row.measurement.row: row.judgement for row in judged})
        reasons = [*missing, *frame.reservations]
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
        for (kind, _), tracked in (pair for sources in self._tracked.values() for pair in sources.items()):
            _, action = TRANSITIONS[tracked.state, Event.SCAN_END]
            if action is Action.END and tracked.finding is not None:
                changes.append(replace(tracked.finding, life=Life.END, end_reason="scan_ended"))
            elif tracked.state is State.CANDIDATE and tracked.undecided:
                unconfirmed.append(kind)
            tracked.state, tracked.finding = State.CLEAR, None
        findings = name_causes(self._raised.told())
        severities = [finding.severity for finding in findings]
        severities += [verdict for verdict, count in self._verdicts.items() if count]
        reasons = [reason for reason, _ in self._reasons.most_common(3)]
        if aborted or ended_by in ("refused", "fault"):
            severities.append(Verdict.CANNOT_JUDGE)
            reasons.insert(0, ended_by)
        if (absent := self._absent_images()) and ended_by == "close":
            severities.append(Verdict.WARN)
            reasons.insert(0, "absent_images")
            self._details["absent_images"] = absent
        if unconfirmed:
            severities.append(Verdict.WARN)
            reasons.insert(0, "unconfirmed")
            self._details["unconfirmed"] = (
                f"signs of {', '.join(dict.fromkeys(unconfirmed))}, but too few images to be sure"
            )
        if not self._frames:
            severities.append(Verdict.CANNOT_JUDGE)
            reasons.append("no_frames")
        verdict = max(severities, key=VERDICTS.index)
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
            details={"frames": self._frames, "ended_by": ended_by, "raised": dict(self._raised.counts)},
        )

    # --- inside ------------------------------------------------------------------------------------

    def _follow(self, source: _Source, rows: Sequence[Judged], stratum: FrameIndex, frame: Frame) -> Finding | None:
        """Advance one finding's life by a frame; the finding if its life changed."""
        tracked = self._tracked.setdefault(stratum, {}).setdefault(source, Tracked())
        event = tracked.take(rows, Seen(frame.index.repetition, frame.number))
        tracked.state, action = TRANSITIONS[tracked.state, event]
        worst = speaking(rows)
        if action is Action.RAISE:
            return self._raise(tracked, worst, frame)
        if action is Action.KEEP:
            return self._update(tracked, worst, frame)
        if action is Action.END and tracked.finding is not None:
            ended = replace(tracked.finding, life=Life.END, end_reason="cleared")
            tracked.finding = None
            return ended
        return None

    def _raise(self, tracked: Tracked, worst: Judged, frame: Frame) -> Finding:
        (first, first_number), kind, judgement = tracked.first_bad, worst.limits.kind, worst.judgement
        message, action = words(worst.limits.advice, self._scan, worst.measurement, judgement.severity, first_number)
        source = f"learned-{kind}" if worst.limits.learned else kind
        index = frame.index
        image = f"{index.encoding}.{index.slice}.{index.contrast}.{index.phase}.{index.set}"
        finding = Finding(
            id=f"{self._scan.id}-{source}-{image}-{first}",
            kind=kind,
            life=Life.NEW,
            severity=judgement.severity,
            where=worst.measurement.where,
            first_frame=first,
            first_number=first_number,
            last_frame=index.repetition,
            measurement=worst.measurement,
            limit=judgement.limit,
            limit_source=judgement.source,
            advice=worst.limits.advice,
            message=message,
            action=action,
            learned=worst.limits.learned,
            evidence=evidence(worst.limits, worst.measurement, judgement.severity),
            place=place(worst.measurement.where, frame, self._scan),
            placed_number=frame.number,
        )
        tracked.finding = finding
        self._raised.add(finding)
        return finding

    def _update(self, tracked: Tracked, worst: Judged, frame: Frame) -> Finding | None:
        """Keep the worst of a living finding; told to others only when it grew."""
        old, measurement, number = tracked.finding, worst.measurement, frame.index.repetition
        assert old is not None, "a raised state always holds a finding"
        severity = max(old.severity, worst.judgement.severity, key=VERDICTS.index)
        where = joined(measurement.where, old.where)
        grew = severity is not old.severity or where.coils != old.where.coils
        if not grew:
            self._raised.update(replace(old, last_frame=number))
            tracked.finding = self._placed(replace(old, last_frame=number), worst, frame)
            return None
        advice = worst.limits.advice
        message, action = words(advice, self._scan, replace(measurement, where=where), severity, old.first_number)
        new = replace(
            old,
            life=Life.UPDATE,
            severity=severity,
            where=where,
            last_frame=number,
            measurement=measurement,
            limit=worst.judgement.limit,
            limit_source=worst.judgement.source,
            advice=advice,
            message=message,
            action=action,
            evidence=evidence(worst.limits, measurement, worst.judgement.severity),
            place=place(where, frame, self._scan),
            placed_number=frame.number,
        )
        tracked.finding = new
        self._raised.update(new)
        return new

    def _placed(self, finding: Finding, worst: Judged, frame: Frame) -> Finding:
        """The finding where it lies in this frame: spikes move. As it was where this frame does not show it."""
        if worst.judgement.severity not in (Verdict.WARN, Verdict.RESCAN):
            return finding
        where = replace(worst.measurement.where, coils=finding.where.coils)
        return replace(finding, where=where, place=place(where, frame, self._scan), placed_number=frame.number)

    def _absent_images(self) -> str:
        """Images that were promised and never came, in words; empty where none lacks.

        Slices that lack some are named; where all lack as many, only the header's promise tells.
        """
        groups: dict[FrameIndex, dict[int, int]] = {}
        for stratum, images in self._images.items():
            groups.setdefault(replace(stratum, slice=0), {})[stratum.slice] = images
        lacking = {
            number: most - count
            for images in groups.values()
            for most in (max(images.values()),)
            for number, count in images.items()
            if count < most
        }
        whole = {n for group, images in groups.items() for n in self._promised(group, max(images)) if n not in images}
        parts = [f"slice {number} lacks {count}" for number, count in sorted(lacking.items())[:_NAMED]]
        parts += [f"slice {number} never came" for number in sorted(whole)[:_NAMED]]
        expected = frames_expected(self._scan) or 0
        if not parts and self._frames < expected:
            parts = [f"{self._frames} of {expected} came"]
        return "images are missing: " + ", ".join(parts) if parts else ""

    def _promised(self, group: FrameIndex, last: int) -> range:
        """Slices of the header's limits; those up to the last one that came where it states none or fewer."""
        limits = self._scan.encodings[group.encoding].limits.get("slice") if self._scan.encodings else None
        return range(limits.minimum, limits.maximum + 1) if limits and limits.maximum >= last else range(last)

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
        verdict = max([Verdict.OK, *severities], key=VERDICTS.index)
        self._frames += 1
        self._images[replace(frame.index, repetition=0)] += 1
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
