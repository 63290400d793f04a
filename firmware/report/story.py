"""What a report says of a scan, whether it comes from a file or from the journal."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Mark:
    """A part of a picture, in pixels as displayed."""

    left: float
    top: float
    width: float
    height: float


@dataclass(frozen=True, slots=True)
class Shown:
    """One picture, turned as on the scanner's console."""

    caption: str
    source: str
    """data: address of a PNG file."""
    width: int
    """Pixels as displayed."""
    height: int
    aspect: float
    """Width over height of what it shows."""
    edges: tuple[str, str, str, str]
    """Patient directions left, right, top, bottom; empty: unknown."""
    why_unknown: str
    """Why there are no directions."""
    marks: tuple[Mark, ...]
    alt: str


@dataclass(frozen=True, slots=True)
class Chart:
    """One row over the frames of a scan, as paths of an SVG of `WIDTH` x `HEIGHT` (firmware/report/chart.py)."""

    paths: tuple[str, ...]
    """Of the values, one for each stretch without a gap."""
    band: str
    """Path around the least and greatest values that each point stands for; empty: one frame a point."""
    limit: str
    """Path of the detection limit; empty: none, or far outside."""
    limit_text: str
    least: str
    greatest: str
    first: int
    last: int
    """Frames at the ends."""
    alt: str


@dataclass(frozen=True, slots=True)
class FoundFault:
    """One finding."""

    message: str
    action: str
    evidence: str
    place: str
    severity: str
    number: str
    """Measured value with its unit; empty: the record no longer holds it."""
    costs: str
    """What it costs the image."""
    limit_source: str
    frames: str
    cause: str
    """Message of the finding that explains it; empty: none does."""
    acknowledged: bool
    learned: bool
    """Seen by a network."""
    picture: Shown | None
    chart: Chart | None


@dataclass(frozen=True, slots=True)
class MeasuredRow:
    """One row of measurements over the whole scan."""

    row: str
    name: str
    worst: str
    last: str
    limits: tuple[str, ...]
    """Each limit with what passes it."""
    sources: tuple[str, ...]
    """Where each limit comes from."""
    missing: str
    """In how many images it is missing, and why; empty: in none."""
    mandatory: bool
    chart: Chart | None


@dataclass(frozen=True, slots=True)
class Story:
    """One scan."""

    name: str
    facts: tuple[tuple[str, str], ...]
    """What was prescribed and what came, in words."""
    verdict: str
    so_far: bool
    """It still runs."""
    what: str
    act: str
    said: tuple[str, ...]
    """By people."""
    faults: tuple[FoundFault, ...]
    seen: tuple[FoundFault, ...]
    """By networks: research use."""
    pictures: tuple[Shown, ...]
    """Beside those of the findings."""
    rows: tuple[MeasuredRow, ...]
    network_rows: tuple[MeasuredRow, ...]
    unjudged: tuple[str, ...]
    """What was not judged and why, each with the number of images."""
    unknown: str
    """Why it cannot be said that every image was judged; empty: it can."""
    limits_version: str


@dataclass(frozen=True, slots=True)
class Refused:
    """A file that could not be read."""

    name: str
    why: str
