"""Answers from the record: scans, their decisions, findings and frames."""

from pathlib import Path

from firmware.console import asked, said
from firmware.console.api import (
    DecisionList,
    FindingList,
    FrameDetail,
    FrameList,
    FrameSummary,
    PictureInfo,
    ScanList,
    ScanPage,
    Series,
    Trends,
)
from firmware.console.console import Console
from firmware.console.follow import decoded, flags, learning, pictured
from firmware.console.placing import pixel_mm, place
from firmware.console.refusals import Refused
from firmware.pictures import files
from firmware.record import ScanRecord
from firmware.sinks.payloads import DecisionPayload


def search(console: Console, wanted: asked.Search) -> ScanList:
    found, following = console.reader.search(
        wanted.protocol, wanted.verdict, wanted.after, wanted.before, wanted.cursor, wanted.limit
    )
    dropped = console.reader.last_note("dropped")
    shown = [(record.ended is None, _series(console, record)) for record in found]
    return ScanList(
        # Of a scan that runs only its decisions say how it stands.
        scans=[one for running, one in shown if not running or wanted.verdict in ("", one.verdict)],
        next=following,
        dropped=[said.note_payload(dropped)] if dropped is not None else [],
    )


def scan(console: Console, wanted: asked.OneScan) -> ScanPage:
    record = known(console, wanted.scan)
    numbers = len(files.numbers(console.pictures, wanted.scan))
    shown = _series(console, record)
    return ScanPage(
        series=shown,
        timeline=flags(console.reader, wanted.scan),
        notes=[said.note_payload(note) for note in console.reader.notes_of(wanted.scan)],
        pictures=numbers,
        without_picture=max(0, shown.frames - numbers),
    )


def decisions(console: Console, wanted: asked.Decisions) -> DecisionList:
    known(console, wanted.scan)
    rows = console.reader.decisions(wanted.scan, wanted.after, wanted.limit)
    found = [decision for row in rows if (decision := decoded(row)) is not None]
    return DecisionList(decisions=found, next=rows[-1].sequence if len(rows) == wanted.limit else None)


def findings(console: Console, wanted: asked.OneScan) -> FindingList:
    known(console, wanted.scan)
    return FindingList(findings=flags(console.reader, wanted.scan))


def frames(console: Console, wanted: asked.Frames) -> FrameList:
    """The frames of highest number below `before`."""
    known(console, wanted.scan)
    if wanted.before == 0:
        return FrameList(frames=[])
    rows = console.reader.frames(wanted.scan, wanted.before, wanted.limit)
    found = [decision for row in rows if (decision := decoded(row)) is not None]
    return FrameList(frames=[summary for one in found if (summary := _summary(console, one)) is not None])


def frame(console: Console, wanted: asked.OneFrame) -> FrameDetail:
    record = known(console, wanted.scan)
    row = console.reader.decision(wanted.scan, wanted.number)
    decision = decoded(row) if row is not None else None
    summary = _summary(console, decision) if decision is not None else None
    if decision is None or summary is None:
        raise Refused(
            404,
            f"scan {wanted.scan} has no image {wanted.number}",
            "choose another; those there are stand at .../frames",
        )
    why_none = ""
    try:
        picture = _picture(console, record, wanted.number)
    except files.PictureGone as gone:
        picture, why_none = None, f"{gone.what}; {gone.mend}" if gone.mend else gone.what
    return FrameDetail(
        frame=summary,
        findings=decision.findings,
        measurements=decision.measurements,
        missing_rows=decision.missing_rows,
        reasons=decision.reasons,
        latency_ms=decision.latency_ms,
        picture=picture,
        why_no_picture=why_none,
    )


def trends(console: Console, wanted: asked.Points) -> Trends:
    known(console, wanted.scan)
    return console.trends.trends(wanted.scan, wanted.points)


def known(console: Console, name: str) -> ScanRecord:
    """A scan on record; raises Refused."""
    record = console.reader.scan(name)
    if record is None:
        raise Refused(404, f"there is no scan {name}", "it may be older than the record is kept, or than this version")
    return record


def _series(console: Console, record: ScanRecord) -> Series:
    """From the board; else from the last two decisions, about the series and about its newest frame.

    A scan that runs has its worst frame in place of the former.
    """
    standing = console.live.board.scan(record.scan)
    if standing is not None:
        return standing
    reader = console.reader
    rows = reader.decisions(record.scan, 0, 2, newest_first=True)
    found = [decision for row in rows if (decision := decoded(row)) is not None]
    latest = next((one for one in found if one.number is not None), None)
    whole = next((one for one in found if one.number is None), None)
    if whole is None and record.ended is None and (row := reader.worst(record.scan)) is not None:
        whole = decoded(row)
    return said.series(
        record,
        frames=(latest.number or 0) + 1 if latest is not None else 0,
        speaks=whole or latest,
        latest=latest,
        notes=reader.notes_of(record.scan),
        learning=learning(reader, record),
    )


def _summary(console: Console, decision: DecisionPayload) -> FrameSummary | None:
    seen = decision.number is not None and pictured(console.pictures, decision.scan, decision.number)
    return said.frame_summary(decision, seen)


def _picture(console: Console, record: ScanRecord, number: int) -> PictureInfo:
    folder = console.pictures
    plane = files.read(folder, record.scan, number, "image")
    beside: dict[files.Kind, files.Plane | None] = {
        "processed": _beside(folder, record.scan, number, "processed"),
        "kspace": _beside(folder, record.scan, number, "kspace"),
    }
    there = files.kinds(folder, record.scan, number)
    processed, kspace = beside["processed"], beside["kspace"]
    geometry = plane.geometry
    if geometry is None:
        raise files.PictureGone("the picture does not say where it lies")
    height, width = plane.shape
    return PictureInfo(
        width=width,
        height=height,
        pixel_mm=pixel_mm(plane.shape, geometry),
        low=plane.low,
        high=plane.high,
        unit=plane.unit,
        place=place(geometry),
        kinds=[kind for kind in there if beside.get(kind, plane) is not None],
        processed_by=processed.processed_by if processed is not None else "",
        elements=plane.elements,
        element_labels=list(record.coil_labels),
        kspace_size=kspace.acquired if kspace is not None else (0, 0),
    )


def _beside(folder: Path, scan: str, number: int, kind: files.Kind) -> files.Plane | None:
    """A picture that the image can do without; None: there is none, or it is damaged."""
    try:
        return files.read(folder, scan, number, kind)
    except files.PictureGone:
        return None
