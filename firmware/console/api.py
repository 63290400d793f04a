"""What the page and its HTTP interface say, as types: the OpenAPI description is generated from here.

Times are ISO 8601, UTC, milliseconds, or empty; what the engine calls a frame's `number` counts from 0.
"""

from typing import Annotated, Literal

import msgspec
from msgspec import Meta

from engine.types import ScanRole, Verdict
from firmware.sinks.payloads import (
    DecisionPayload,
    FindingPayload,
    Flag,
    HealthPayload,
    MeasurementPayload,
    ModelState,
    VerdictSoFar,
    WherePayload,
)

SeriesStatus = Literal[
    "running", "done", "accepted", "repeat_advised", "repeated", "not_judged", "incomplete", "not_needed"
]

_Role = Annotated[str, Meta(extra_json_schema={"enum": [*ScanRole]})]


class Learning(msgspec.Struct, kw_only=True):
    """How many series of this protocol the appliance has seen, of those it wants before it knows the protocol."""

    seen: int
    """Series that ended before this one began."""
    needed: int


class Series(msgspec.Struct, kw_only=True):
    """One scan as it stands: running or ended."""

    scan: str
    exam: str
    """Pseudonym; empty: not stated by the header."""
    protocol: str
    body_part: str
    scanner: str
    stratum: str
    """What limits are kept apart by."""
    role: _Role
    """What it is for; all but imaging raise no alert."""
    began: str
    ended: str
    """Empty while it runs."""
    ended_by: str
    """Why it ended, in one word."""
    frames: int
    """Received."""
    frames_expected: int | None
    """None: the header promises no number."""
    verdict: VerdictSoFar
    """Of the series; while it runs the worst of its frames so far. Empty: no frame yet."""
    sentence: str
    """Of the decision that gave the verdict."""
    latest_verdict: VerdictSoFar
    """Of the newest frame; empty: none yet."""
    latest_number: int | None
    """Of the newest frame; None: none yet."""
    findings: list[FindingPayload]
    """Alive now or, at the end, of the whole series; causes first, worst first."""
    acknowledged: list[str]
    """Findings that a person has acknowledged."""
    opinion: str
    """What a person last said of the series: fine, bad or nothing."""
    alerting: bool
    """False: it raises no alert."""
    learning: Learning | None
    """None: the protocol is known here."""


class FrameSummary(msgspec.Struct, kw_only=True):
    """One frame of the filmstrip."""

    scan: str
    number: int
    """Counted from 0 over the whole scan."""
    slice: int
    contrast: int
    phase: int
    repetition: int
    set: int
    verdict: Verdict
    sentence: str
    kinds: list[str]
    """Of the findings alive in it."""
    time: str
    picture: bool
    """There is one to show."""


class ExamSeries(msgspec.Struct, kw_only=True):
    """One series in the list of the examination."""

    scan: str
    protocol: str
    status: SeriesStatus
    """done: ok or warn; accepted: a person said it was fine; incomplete: fewer images came than the header promised;
    not_needed: localizers, prescans, calibration, aborted."""
    verdict: VerdictSoFar
    """Empty: none yet."""
    sentence: str
    """Why, or what to do; empty where nothing is."""
    repeats: str
    """Scan that this one repeats; empty: none."""
    compared: Literal["", "better", "worse", "same"]
    """With the one it repeats."""
    keep: bool
    """Of a series and its repeats this is the one to keep."""
    began: str
    ended: str
    frames: int
    frames_expected: int | None


class Exam(msgspec.Struct, kw_only=True):
    """May the patient leave? One line, then every series."""

    exam: str
    """Pseudonym; empty: the header states none, or there is no series yet."""
    answer: Literal["yes", "no", "look", "wait", "nothing"]
    """yes; no: repeat something; look: something was not judged or not recorded, or lacks images; wait: something runs;
    nothing: no series yet."""
    line: str
    series: list[ExamSeries]


class Now(msgspec.Struct, kw_only=True):
    """Everything that the page needs to begin, or to begin again."""

    appliance: str
    room: str
    version: str
    session: int
    """Counts the appliance's starts."""
    time: str
    """When this was put together."""
    newest: int
    """Sequence of the newest recorded message."""
    token: str
    """To be sent back as header `X-Scanside-Token` with a note."""
    running: list[Series]
    """Scans that run, and the one that ended last."""
    frames: dict[str, list[FrameSummary]]
    """Scan -> its last frames, oldest first."""
    exam: Exam
    health: HealthPayload | None
    models: list[ModelState]
    loop_silent_s: float
    """s since the loop last gave a sign of life."""
    problem: str = ""
    """What is wrong with the record: it cannot be read now, or rows of it are damaged; empty: nothing."""


class Beat(msgspec.Struct, kw_only=True):
    """The loop lives. Comes at least once a second; its absence is what the page watches for."""

    newest: int
    """Sequence of the newest recorded message."""
    time: str


class Place(msgspec.Struct, kw_only=True):
    """How a picture is turned for display, and what its edges are."""

    transpose: bool
    """Rows become columns, before anything is flipped."""
    flip_rows: bool
    """After the transposition."""
    flip_columns: bool
    """After the transposition."""
    left: str
    """Patient direction at this edge as displayed: R, L, A, P, H, F, or two of them; empty: unknown."""
    right: str
    """As `left`."""
    top: str
    """As `left`."""
    bottom: str
    """As `left`."""
    view: str
    """axial, coronal, sagittal, oblique or unknown."""
    why_unknown: str
    """Why no directions are named; empty: they are."""


class PictureInfo(msgspec.Struct, kw_only=True):
    """Which pictures there are of a frame, and how to show the image."""

    width: int
    """Pixels as stored."""
    height: int
    """Pixels as stored."""
    pixel_mm: tuple[float, float]
    """mm between the columns and between the rows."""
    low: float
    """Shown black in the window that shows it well, in the unit of the image."""
    high: float
    """Shown white in that window."""
    unit: str
    """snr or arbitrary."""
    place: Place
    kinds: list[Literal["image", "processed", "kspace", "elements"]]
    """That can be shown."""
    processed_by: str
    """Network that made the processed image; empty: there is none."""
    elements: int
    """Coil elements in the strip."""
    element_labels: list[str] = []
    """Of the coil elements, as the header names them; empty: it does not."""
    kspace_size: tuple[int, int] = (0, 0)
    """Lines and samples of the acquired matrix that the k-space picture stands for; zeros: none."""


class FrameDetail(msgspec.Struct, kw_only=True):
    """One frame: its decision and what can be shown of it."""

    frame: FrameSummary
    findings: list[FindingPayload]
    measurements: list[MeasurementPayload]
    missing_rows: list[str]
    """Mandatory rows that could not be computed."""
    reasons: list[str]
    """Why not ok, in single words."""
    latency_ms: dict[str, float]
    """Stage -> ms."""
    picture: PictureInfo | None
    """None: `why_no_picture` says why."""
    why_no_picture: str


class RowInfo(msgspec.Struct, kw_only=True):
    """One row of measurements and its limits."""

    row: str
    """For example m04."""
    name: str
    unit: str
    kind: str
    """Of the finding that it raises; empty: it raises none."""
    high_is_bad: bool
    """False: what lies below a limit passes it."""
    detect: float | None
    """None: follows from each frame's statistics."""
    detect_source: str
    warn: float | None
    """None: it never warns."""
    warn_unit: str
    warn_source: str
    """Where the limit comes from; so for the others."""
    rescan: float | None
    """None: it never asks for a repeat."""
    rescan_unit: str
    rescan_source: str
    learned: bool
    """A network sees it, no rule has measured it."""
    mandatory: bool
    """Without a value the frame is not judged."""
    warn_of_value: bool = False
    """The limit is of the value that a trend shows, not of its impact."""
    rescan_of_value: bool = False
    """As `warn_of_value`."""


class Trend(msgspec.Struct, kw_only=True):
    """One row over the frames of a scan, thinned to what a screen can show."""

    info: RowInfo
    numbers: list[int]
    """Frame of each point, rising."""
    values: list[float | None]
    """None: not measured in that frame."""
    low: list[float | None]
    """Least value that each point stands for."""
    high: list[float | None]
    """Greatest value that each point stands for."""
    limits: list[float | None]
    """Detection limit of that frame, where it follows from statistics."""
    why_missing: dict[str, int]
    """Reason -> frames."""
    latest_why: str
    """Why the newest frame has no value; empty: it has one, or gave no reason."""


class Trends(msgspec.Struct, kw_only=True):
    """Every row of a scan."""

    scan: str
    frames: int
    trends: list[Trend]
    limits_version: str


class NotePayload(msgspec.Struct, kw_only=True):
    """What a person said, or what the record no longer holds."""

    sequence: int
    """Counts notes without gaps."""
    kind: Literal["acknowledge", "opinion", "new_exam", "dropped"]
    scan: str
    """Empty: of no scan."""
    finding: str
    """That was acknowledged."""
    opinion: Literal["", "fine", "bad"]
    text: str
    """Of what was dropped: one sentence."""
    time: str


class ScanPage(msgspec.Struct, kw_only=True):
    """Everything about one scan but its frames."""

    series: Series
    timeline: list[Flag]
    """Life of its findings, oldest first."""
    notes: list[NotePayload]
    pictures: int
    """Frames that have one."""
    without_picture: int
    """Frames that have none: it was never kept, or is gone by age or size."""


class ScanList(msgspec.Struct, kw_only=True):
    """A page of the past, newest first."""

    scans: list[Series]
    next: str
    """To be given as `cursor` for the page after it; empty: that was all."""
    dropped: list[NotePayload]
    """What the record no longer holds."""


class DecisionList(msgspec.Struct, kw_only=True):
    """Decisions of one scan, oldest first, as they were published."""

    decisions: list[DecisionPayload]
    next: int | None
    """To be given as `after` for those that follow; None: that was all."""


class FindingList(msgspec.Struct, kw_only=True):
    """Life of the findings of one scan, oldest first."""

    findings: list[Flag]


class FrameList(msgspec.Struct, kw_only=True):
    """Frames of one scan, oldest first."""

    frames: list[FrameSummary]


class RowList(msgspec.Struct, kw_only=True):
    """The table of limits."""

    rows: list[RowInfo]
    version: str


class HealthState(msgspec.Struct, kw_only=True):
    """How the appliance is."""

    health: HealthPayload | None
    """None: the loop has not said yet."""
    models: list[ModelState]
    loop_silent_s: float
    """s since the loop last gave a sign of life."""
    problem: str
    """What is wrong with the record: it cannot be read now, or rows of it are damaged; empty: nothing."""


class Ready(msgspec.Struct, kw_only=True):
    """For whoever watches this process."""

    ready: bool
    why_not: str
    """Empty: it is."""


class NoteRequest(msgspec.Struct, kw_only=True, forbid_unknown_fields=True):
    """What a person may say."""

    kind: Literal["acknowledge", "opinion", "new_exam"]
    scan: str = ""
    """Of an acknowledgement or opinion."""
    finding: str = ""
    """Of an acknowledgement."""
    opinion: Literal["", "fine", "bad"] = ""
    """Of an opinion: fine or bad."""


class Refusal(msgspec.Struct, kw_only=True):
    """Why there is no answer: what, where, and what to do."""

    what: str
    """What is wrong, and where."""
    mend: str = ""
    """What to do; empty: nothing helps."""


__all__ = [
    "Beat",
    "DecisionList",
    "Exam",
    "ExamSeries",
    "FindingList",
    "FrameDetail",
    "FrameList",
    "FrameSummary",
    "HealthState",
    "Learning",
    "NotePayload",
    "NoteRequest",
    "Now",
    "PictureInfo",
    "Place",
    "Ready",
    "Refusal",
    "RowInfo",
    "RowList",
    "ScanList",
    "ScanPage",
    "Series",
    "Trend",
    "Trends",
    "WherePayload",
]
