"""One pass over the decisions of a scan; of the frames only numbers are kept."""

from array import array
from collections import Counter
from dataclasses import dataclass, field

from engine.types import VERDICTS
from firmware.sinks.payloads import DecisionPayload, FindingPayload, MeasurementPayload

_MOST_FINDINGS = 10_000
"""That are followed; a fault that comes and goes is a new one each time."""

_MOST_SENTENCES = 200
"""Different sentences about what was not judged that are counted."""


class RowNumbers:
    """One row of measurements: frame and value where there is one."""

    def __init__(self, name: str, unit: str) -> None:
        self.name, self.unit = name, unit
        self.numbers = array("l")
        self.values = array("d")
        self.limits = array("d")
        """Limit of each value that follows from its frame's statistics; NaN: none."""
        self.estimated = 0
        self.missing: Counter[str] = Counter()

    def take(self, number: int, measurement: MeasurementPayload) -> None:
        """The measurement of one more frame."""
        if measurement.value is None:
            self.missing[measurement.why_missing] += 1
            return
        self.numbers.append(number)
        self.values.append(measurement.value)
        limit = measurement.detect_limit
        self.limits.append(float("nan") if limit is None else limit)
        self.estimated += measurement.estimated


@dataclass(slots=True)
class Sighting:
    """A finding in the frames in which it was alive."""

    first: int
    last: int
    frames: int


@dataclass(slots=True)
class Gathered:
    """What the decisions say together."""

    rows: dict[str, RowNumbers] = field(default_factory=dict)
    verdicts: Counter[str] = field(default_factory=Counter)
    unjudged: Counter[str] = field(default_factory=Counter)
    """Sentence -> frames that were not judged for it."""
    sightings: dict[str, Sighting] = field(default_factory=dict)
    """By finding."""
    alive: list[FindingPayload] = field(default_factory=list)
    """In the last frame."""
    sentence: str = ""
    """Of the last frame with the worst verdict so far."""
    frames: int = 0
    first: int | None = None
    last: int | None = None
    limits_version: str = ""
    series: DecisionPayload | None = None
    """None: it runs."""

    @property
    def worst(self) -> str:
        """Verdict of the worst frame; empty: none came."""
        return max(self.verdicts, key=VERDICTS.index, default="")

    def take(self, decision: DecisionPayload) -> None:
        """One more decision."""
        self.limits_version = decision.limits_version
        number = decision.number
        if number is None:
            self.series = decision
            return
        if not self.verdicts or VERDICTS.index(decision.verdict) >= VERDICTS.index(self.worst):
            self.sentence = decision.sentence
        self.frames += 1
        self.verdicts[decision.verdict] += 1
        self.first = number if self.first is None else self.first
        self.last = number
        self.alive = decision.findings
        if decision.verdict == "cannot_judge" and (
            decision.sentence in self.unjudged or len(self.unjudged) < _MOST_SENTENCES
        ):
            self.unjudged[decision.sentence] += 1
        for finding in decision.findings:
            if finding.finding in self.sightings or len(self.sightings) < _MOST_FINDINGS:
                seen = self.sightings.setdefault(finding.finding, Sighting(number, number, 0))
                seen.last, seen.frames = number, seen.frames + 1
        for measurement in decision.measurements:
            row = self.rows.setdefault(measurement.row, RowNumbers(measurement.name, measurement.unit))
            row.take(number, measurement)
