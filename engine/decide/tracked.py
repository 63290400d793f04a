"""One kind of fault in one stratum, as the rows that look for it have seen it so far."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import reduce

from engine.decide.life import Debounce, Event, Seen, State
from engine.decide.limits import Judgement, RowLimits
from engine.types import Finding, Measurement, Verdict, Where

_SPEAKING = (Verdict.CANNOT_JUDGE, Verdict.OK, Verdict.WARN, Verdict.RESCAN)
"""Of several rows that look for one kind, the one with the worst number speaks; one without a number never does."""


@dataclass(frozen=True, slots=True)
class Judged:
    """One measurement held against its limits."""

    limits: RowLimits
    measurement: Measurement
    judgement: Judgement


def speaking(rows: Sequence[Judged]) -> Judged:
    """Of the rows that look for one kind, the one with the worst number, told where by all that see the fault."""
    worst = max(rows, key=lambda row: _SPEAKING.index(row.judgement.severity))
    seeing = [row.measurement.where for row in rows if row.judgement.severity in (Verdict.WARN, Verdict.RESCAN)]
    where = reduce(joined, seeing, worst.measurement.where)
    return replace(worst, measurement=replace(worst.measurement, where=where))


def joined(one: Where, other: Where) -> Where:
    """All coil elements of both; of the rest what the first says, else the second."""
    return Where(
        coils=tuple(sorted({*one.coils, *other.coils})),
        lines=one.lines or other.lines,
        samples=one.samples or other.samples,
        columns=one.columns or other.columns,
        box=one.box or other.box,
    )


class Tracked:
    """One kind of fault of one source in one stratum (slice, contrast, phase, set); several rows may look for it."""

    def __init__(self) -> None:
        self._debounces: dict[str, Debounce] = {}
        self.state = State.CLEAR
        self.finding: Finding | None = None

    def take(self, rows: Sequence[Judged], frame: Seen) -> Event:
        """One more frame of every row: the strongest of what they say; cleared when all that could measure say so."""
        events = []
        for row in rows:
            debounce = self._debounces.setdefault(row.measurement.row, Debounce(row.limits.needed, row.limits.window))
            event = debounce.take(row.judgement.severity, row.judgement.clear, frame)
            if row.judgement.severity is not Verdict.CANNOT_JUDGE:
                events.append(event)
        for event in (Event.CONFIRMED, Event.BAD, Event.NOTHING):
            if event in events:
                return event
        return Event.CLEARED if events else Event.NOTHING

    @property
    def undecided(self) -> bool:
        """A row has seen a bad frame, and the scan could not say whether it meant anything."""
        return any(debounce.undecided for debounce in self._debounces.values())

    @property
    def first_bad(self) -> Seen:
        """Frame in which any row first measured the fault, of those still remembered."""
        return min(first for debounce in self._debounces.values() if (first := debounce.first_bad) is not None)
