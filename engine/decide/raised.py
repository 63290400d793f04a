"""What a series has raised, in bounded room: however often a fault comes and goes, its decision stays small."""

from collections import Counter
from dataclasses import replace

from engine.decide.life import Seen
from engine.types import Finding, Verdict

_OF_A_RULE = 3
"""Findings of one kind that are kept: the first one, and the worst of the others."""

_RULES, _LEARNED = 16, 8
"""Findings that a decision holds; at some 400 bytes each, 1,600 where 64 coil elements are named, it fits a message."""

_Source = tuple[str, bool]
"""Kind, and whether a network saw it."""


class RaisedFindings:
    """Of what rules measured the first and the worst of each kind; of what a network saw the worst of each kind."""

    def __init__(self) -> None:
        self._kept: dict[_Source, list[Finding]] = {}
        self._first: dict[_Source, Seen] = {}
        self.counts: Counter[str] = Counter()
        """Times that each kind was raised, by its name; `learned-<kind>` of those that a network saw."""

    def add(self, finding: Finding) -> None:
        """A finding that was just raised."""
        source = finding.kind, finding.learned
        first = Seen(finding.first_frame, finding.first_number)
        self._first[source] = min(self._first.get(source, first), first)
        self.counts[f"learned-{finding.kind}" if finding.learned else finding.kind] += 1
        self.update(finding)

    def update(self, finding: Finding) -> None:
        """A raised finding as it is now; takes the place of itself or of one that costs less."""
        kept = self._kept.setdefault((finding.kind, finding.learned), [])
        for place, known in enumerate(kept):
            if known.id == finding.id:
                kept[place] = finding
                return
        kept.append(finding)
        if len(kept) > (1 if finding.learned else _OF_A_RULE):
            spared = 0 if finding.learned else 1
            kept.remove(min(reversed(kept[spared:]), key=_cost))

    def told(self) -> list[Finding]:
        """Those that the series' decision holds: of every kind one before any second, costly before cheap.

        What a network saw takes no room from what rules measured; its finding tells since when the kind was seen.
        """
        rules, learned = [], []
        for (kind, by_network), kept in self._kept.items():
            worst_first = sorted(kept, key=_cost, reverse=True)
            if by_network:
                frame, number = self._first[kind, by_network]
                learned += [replace(finding, first_frame=frame, first_number=number) for finding in worst_first]
            else:
                rules += list(enumerate(worst_first))
        rules.sort(key=lambda ranked: (-ranked[0], _cost(ranked[1])), reverse=True)
        learned.sort(key=_cost, reverse=True)
        return [finding for _, finding in rules[:_RULES]] + learned[:_LEARNED]


def _cost(finding: Finding) -> tuple[bool, float]:
    """What a fault costs: a repeat or not, then its impact."""
    return finding.severity is Verdict.RESCAN, finding.measurement.impact or 0.0
