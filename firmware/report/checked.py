"""A scan judged offline as a report says it."""

from collections.abc import Iterator

from engine.decide.moment import Moment
from firmware.offline import ScanReport
from firmware.pictures.files import Plane
from firmware.pictures.planes import image_plane
from firmware.report.story import Story
from firmware.report.telling import tell
from firmware.scan_record import begun, ended
from firmware.sinks.payloads import DecisionPayload, Flag, decision_payload, flag_payload


def story_of(report: ScanReport, name: str) -> Story:
    """The same story that the journal tells of a live scan."""
    images = {frame.decision.number: frame.image for frame in report.frames}

    def picture(number: int) -> Plane | None:
        image = images.get(number)
        return image_plane(image) if image is not None else None

    ended_by = str(report.series.details.get("ended_by", ""))
    record = ended(begun(report.scan, Moment(0.0)), report.series, ended_by, Moment(0.0), len(report.frames))
    return tell(record, _decisions(report), _flags(report), (), picture, name)


def _decisions(report: ScanReport) -> Iterator[DecisionPayload]:
    for frame in report.frames:
        yield decision_payload(frame.decision, report.scan, {})
    yield decision_payload(report.series, report.scan, {})


def _flags(report: ScanReport) -> Iterator[Flag]:
    for decision in [*(frame.decision for frame in report.frames), report.series]:
        for finding in decision.changes:
            yield flag_payload(finding, report.scan)
