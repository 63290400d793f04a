"""What is said of pictures that are kept no longer."""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import Literal

from firmware.record import NoteRecord


@dataclass(frozen=True, slots=True)
class Dropped:
    """Pictures of one scan that went."""

    scan: str
    why: Literal["age", "size", "disk"]
    """Too old, over the limit of all pictures, or the disk nearly full of whatever else."""
    whole: bool
    """All of the scan; else the oldest of it."""
    images: int
    bytes: int


def notes(dropped: Sequence[Dropped], retention_s: float, limit_bytes: int) -> Iterator[NoteRecord]:
    """One sentence for all whole scans that went for one reason, and one for each scan that lost its oldest images."""
    reasons = {
        "age": f"they were older than {retention_s / 86400:g} days",
        "size": f"all pictures together had reached {limit_bytes >> 20} MiB",
        "disk": "the disk was nearly full, and the verdicts need the rest of it",
    }
    for why, reason in reasons.items():
        whole = [each for each in dropped if each.whole and each.why == why]
        if not whole:
            continue
        scan = whole[0].scan if len(whole) == 1 else ""
        of = f"scan {scan}" if scan else f"{len(whole)} scans"
        yield _note(scan, f"The pictures of {of} ({_amount(whole)}) are no longer kept: {reason}.")
    for scan, why in dict.fromkeys((each.scan, each.why) for each in dropped if not each.whole):
        parts = [each for each in dropped if (each.scan, each.why, each.whole) == (scan, why, False)]
        said = f"The oldest pictures of scan {scan} ({_amount(parts)}) are no longer kept: {reasons[why]}."
        yield _note(scan, said)


def _amount(dropped: Iterable[Dropped]) -> str:
    each = list(dropped)
    images, size = sum(part.images for part in each), sum(part.bytes for part in each)
    return f"{images} image{'s' if images != 1 else ''}, {size / (1 << 20):.1f} MiB"


def _note(scan: str, text: str) -> NoteRecord:
    return NoteRecord(kind="dropped", scan=scan, text=text)
