"""What the journal keeps besides messages: the scans, and what people said of them."""

from typing import Literal

import msgspec

NoteKind = Literal["acknowledge", "opinion", "new_exam", "dropped"]


class ScanRecord(msgspec.Struct, frozen=True, kw_only=True):
    """One scan, written when it begins and again when it ends."""

    scan: str
    exam: str = ""
    """Pseudonym of the examination; empty: the header states none."""
    exam_is_study: bool = False
    """The pseudonym is that of a study."""
    began: float
    """s since 1970-01-01 UTC."""
    ended: float | None = None
    run: int = 0
    """Start of the appliance in which it began; 0: not known."""
    began_up: float = 0.0
    """s of the clock that never jumps, in that run."""
    ended_up: float | None = None
    """None: it has not ended, or ended with the run."""
    ended_by: str = ""
    protocol: str = ""
    body_part: str = ""
    scanner: str = ""
    stratum: str = ""
    role: str = "imaging"
    modality: str = "MR"
    prescription: str = ""
    """Digest of what must agree for one series to be the repeat of another."""
    coils: int = 0
    coil_labels: tuple[str, ...] = ()
    frames: int = 0
    """Images received; filled in at the end."""
    frames_expected: int | None = None
    """None: the header promises no number."""
    verdict: str = ""
    """Of the series; empty while it runs."""
    sentence: str = ""
    alerting: bool = True


class NoteRecord(msgspec.Struct, frozen=True, kw_only=True):
    """One thing that a person said, or that the appliance must say of its own record."""

    kind: NoteKind
    scan: str = ""
    finding: str = ""
    """Of an acknowledgement."""
    opinion: Literal["", "fine", "bad"] = ""
    text: str = ""
    """Of what was dropped: one sentence."""
    time: float = 0.0
    """s since 1970-01-01 UTC; filled in at the commit."""
    run: int = 0
    """Start of the appliance in which it was said; 0: not known."""
    up: float = 0.0
    """s of the clock that never jumps, in that run."""
    sequence: int = 0
    """Counts notes without gaps; filled in at the commit."""
