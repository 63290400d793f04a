"""The report of one scan, made from the record when it is asked for."""

from collections.abc import Iterator

from starlette.responses import Response

from firmware.console.asked import OneScan
from firmware.console.console import Console
from firmware.console.follow import ROWS, decoded, flags
from firmware.console.past import known
from firmware.journal_reader import JournalReader
from firmware.pictures import files
from firmware.sinks.payloads import DecisionPayload

_POLICY = "default-src 'none'; style-src 'unsafe-inline'; img-src data:; frame-ancestors 'none'; base-uri 'none'"
"""It carries its style and pictures with it; there is no script in it, and none would run."""


def report(console: Console, wanted: OneScan) -> Response:
    from firmware.report.page import render_report  # they load jinja2 and cv2
    from firmware.report.telling import tell, utc

    record, reader = known(console, wanted.scan), console.reader
    story = tell(
        record,
        _decisions(reader, record.scan),
        flags(reader, record.scan),
        reader.notes_of(record.scan),
        lambda number: files.read(console.pictures, record.scan, number, "image"),
    )
    page = render_report([story], utc(console.live.clock.now()))
    return Response(page, media_type="text/html", headers={"Content-Security-Policy": _POLICY})


def _decisions(reader: JournalReader, scan: str) -> Iterator[DecisionPayload]:
    """All of them, a bite at a time."""
    after = 0
    while rows := reader.decisions(scan, after, ROWS):
        yield from (decision for row in rows if (decision := decoded(row)) is not None)
        after = rows[-1].sequence
