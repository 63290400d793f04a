"""How many images a scan's header promises."""

import math

from engine.types import Encoding, Scan

_COUNTED = ("slice", "repetition", "contrast", "phase", "set")
"""Counters of which each value is an image of its own; averages and segments are folded into one."""
_MOST_EXPECTED = 1_000_000


def frames_expected(scan: Scan) -> int | None:
    """Images that the header's limits promise, over all its encodings.

    None where an encoding states neither slices nor repetitions: then nothing in it says how many images there will
    be, and one would be a guess. Also None above a million, which no scan has.
    """
    counts = [_images(encoding) for encoding in scan.encodings]
    known = [count for count in counts if count is not None]
    total = sum(known)
    return total if len(known) == len(counts) and 0 < total <= _MOST_EXPECTED else None


def _images(encoding: Encoding) -> int | None:
    stated = [encoding.limits[name] for name in _COUNTED if name in encoding.limits]
    if not {"slice", "repetition"} & encoding.limits.keys():
        return None
    return math.prod(limits.maximum - limits.minimum + 1 for limits in stated)
