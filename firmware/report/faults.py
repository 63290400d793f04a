"""The findings of a scan with their numbers, the image in which each began, and its course."""

from collections.abc import Callable, Mapping

from engine.decide.evidence import with_unit
from firmware.pictures.files import PictureGone, Plane
from firmware.report.gather import Gathered, Sighting
from firmware.report.measured import row_chart
from firmware.report.picture import shown
from firmware.report.story import FoundFault, Shown
from firmware.sinks.payloads import FindingPayload, Flag, WherePayload

MOST_PICTURES = 8

_NOWHERE = WherePayload()


class Album:
    """The pictures of one report: few, and none twice."""

    def __init__(self, picture: Callable[[int], Plane | None]) -> None:
        self._picture = picture
        self._taken: dict[int, list[WherePayload]] = {}
        self.pictures = 0
        """Taken so far."""

    def take(self, number: int, caption: str, where: WherePayload = _NOWHERE) -> Shown | None:
        """The image of a frame; None: it is not kept, or shows nothing that is not in the report already."""
        marked = where if _is_marked(where) else _NOWHERE
        known = self._taken.setdefault(number, [])
        if self.pictures >= MOST_PICTURES or marked in known or (known and marked == _NOWHERE):
            return None
        try:
            plane = self._picture(number)
        except PictureGone:
            plane = None
        if plane is None:
            return None
        known.append(marked)
        self.pictures += 1
        return shown(plane, caption, marked)


def found_faults(
    gathered: Gathered, flags: Mapping[str, Flag], acknowledged: set[str], album: Album
) -> list[FoundFault]:
    """Those of the series, or of its last image while it runs; causes first. `flags`: the last word on each finding."""
    findings = gathered.series.findings if gathered.series is not None else gathered.alive
    by_id = {finding.finding: finding for finding in findings}
    return [
        _fault(finding, flags.get(finding.finding), by_id, gathered, acknowledged, album)
        for finding in sorted(findings, key=lambda one: one.learned)
    ]


def _fault(
    finding: FindingPayload,
    flag: Flag | None,
    findings: Mapping[str, FindingPayload],
    gathered: Gathered,
    acknowledged: set[str],
    album: Album,
) -> FoundFault:
    seen = gathered.sightings.get(finding.finding)
    cause = findings.get(finding.caused_by)
    row = flag.measurement if flag is not None else None
    costs = ""
    if row is not None and row.impact is not None and row.impact_unit:
        costs = with_unit(row.impact, row.impact_unit)
    return FoundFault(
        message=finding.message,
        action=finding.action,
        evidence=finding.evidence,
        place=finding.place,
        severity=finding.severity,
        number=f"{row.name.replace('_', ' ')}: {with_unit(row.value, row.unit)}"
        if row and row.value is not None
        else "",
        costs=costs,
        limit_source=flag.limit_source if flag is not None else "",
        frames=_frames(seen.first, seen.last, seen.frames)
        if seen is not None
        else f"since image {finding.first_number}",
        cause=cause.message if cause is not None else ("another finding" if finding.caused_by else ""),
        acknowledged=finding.finding in acknowledged,
        learned=finding.learned,
        picture=_picture(finding, seen, album),
        chart=row_chart(gathered, row.row) if row is not None else None,
    )


def _is_marked(where: WherePayload) -> bool:
    """Whether it is a place in the image."""
    return where.box is not None or bool(where.columns)


def _picture(finding: FindingPayload, seen: Sighting | None, album: Album) -> Shown | None:
    """The image in which its place was measured; one without a place in the image where it was found."""
    if _is_marked(finding.where):
        number = finding.placed_number
        return album.take(number, f"Image {number}, in which it was measured", finding.where)
    if seen is None:
        return None
    return album.take(seen.first, f"Image {seen.first}, in which it was found")


def _frames(first: int, last: int, count: int) -> str:
    if first == last:
        return f"image {first}"
    return f"images {first} to {last}" + (f", in {count} of them" if count < last - first + 1 else "")
