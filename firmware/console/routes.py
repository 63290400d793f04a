"""Every address of the interface, in one table: the router and the published description both come from here."""

from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, field
from typing import Any, Literal

import msgspec

from firmware.console import api, asked, now, past, pictures, reporting, telling
from firmware.console.console import Console

Answer = msgspec.Struct | Callable[..., Awaitable[None]]
"""Something of `api`, sent as JSON, or a whole response."""


@dataclass(frozen=True, slots=True)
class Route:
    """One address."""

    path: str
    summary: str
    answer: Callable[[Console, Any], Answer | Awaitable[Answer]]
    asks: type[msgspec.Struct] = asked.Nothing
    gives: type[msgspec.Struct] | str = ""
    """Type of a JSON answer, or media type of another."""
    errors: tuple[int, ...] = ()
    refuses: type[msgspec.Struct] = api.Refusal
    """Type of an answer with one of `errors`."""
    marked: bool = False
    """Has a mark of its content, so that it travels once."""
    numbers: Mapping[str, tuple[str, str]] = field(default_factory=dict)
    """Header of the answer -> type of its value, and what it says."""
    method: Literal["GET", "POST"] = "GET"
    takes: type[msgspec.Struct] | None = None
    """Body of a request."""
    reads_disk: bool = True
    """Answered in a thread of its own; False: from what stands in memory."""
    alone: bool = False
    """One at a time, beside the others: it is long work."""


_SCAN, _PICTURE = (400, 404, 503), (400, 404, 410, 503)
_FRAME = "/api/v1/scans/{scan}/frames/{number}"

ROUTES = (
    Route("/api/v1/now", "Everything that the page begins with.", now.now, gives=api.Now, reads_disk=False),
    Route(
        "/api/v1/events",
        "What changes, as server-sent events.",
        now.events,
        gives="text/event-stream",
        errors=(503,),
        reads_disk=False,
    ),
    Route("/api/v1/exam", "May the patient leave?", now.exam, gives=api.Exam, reads_disk=False),
    Route("/api/v1/limits", "The table of limits.", now.limits, gives=api.RowList, reads_disk=False),
    Route("/api/v1/health", "How the appliance is.", now.health, gives=api.HealthState, reads_disk=False),
    Route("/api/v1/openapi.json", "This description.", now.description, gives="application/json", reads_disk=False),
    Route("/health", "Whether this process answers.", now.alive, gives=api.Ready, reads_disk=False),
    Route(
        "/ready",
        "Whether it has something to show.",
        now.ready,
        gives=api.Ready,
        errors=(503,),
        refuses=api.Ready,
        reads_disk=False,
    ),
    Route("/api/v1/scans", "Scans of the past, newest first.", past.search, asked.Search, api.ScanList, (400, 503)),
    Route("/api/v1/scans/{scan}", "One scan.", past.scan, asked.OneScan, api.ScanPage, _SCAN),
    Route(
        "/api/v1/scans/{scan}/decisions",
        "Its decisions, oldest first.",
        past.decisions,
        asked.Decisions,
        api.DecisionList,
        _SCAN,
    ),
    Route(
        "/api/v1/scans/{scan}/findings",
        "The life of its findings, oldest first.",
        past.findings,
        asked.OneScan,
        api.FindingList,
        _SCAN,
    ),
    Route(
        "/api/v1/scans/{scan}/frames",
        "Its frames, the last ones, oldest first.",
        past.frames,
        asked.Frames,
        api.FrameList,
        _SCAN,
    ),
    Route(
        "/api/v1/scans/{scan}/trends", "Its measurements over its frames.", past.trends, asked.Points, api.Trends, _SCAN
    ),
    Route(_FRAME, "One frame.", past.frame, asked.OneFrame, api.FrameDetail, _SCAN),
    Route(
        _FRAME + "/{kind}.png",
        "A picture as displayed.",
        pictures.png,
        asked.Shown,
        "image/png",
        _PICTURE,
        marked=True,
    ),
    Route(
        _FRAME + "/{kind}.npy",
        "A picture's numbers as stored, for NumPy.",
        pictures.npy,
        asked.Picture,
        "application/octet-stream",
        _PICTURE,
        marked=True,
    ),
    Route(
        _FRAME + "/{kind}.raw",
        "An image as stored: little-endian uint16.",
        pictures.raw,
        asked.Image,
        "application/octet-stream",
        _PICTURE,
        marked=True,
        numbers={
            "X-Scanside-Offset": ("number", "What 0 stands for, in the unit of the image."),
            "X-Scanside-Step": ("number", "What a step of 1 stands for."),
            "X-Scanside-Width": ("integer", "Columns."),
            "X-Scanside-Height": ("integer", "Rows."),
        },
    ),
    Route(
        "/api/v1/scans/{scan}/report.html",
        "A report that needs no network.",
        reporting.report,
        asked.OneScan,
        "text/html",
        _SCAN,
        alone=True,
    ),
    Route(
        "/api/v1/notes",
        "Say something that is to be recorded.",
        telling.note,
        gives=api.NotePayload,
        errors=(400, 403, 404, 408, 409, 413, 415, 503),
        method="POST",
        takes=api.NoteRequest,
        reads_disk=False,
    ),
)
