"""Where a finding lies, in words."""

from collections.abc import Sequence

from engine.decide.evidence import cut
from engine.orientation import place_of
from engine.types import Frame, FrameIndex, Scan, Where

_NAMED = 3
"""Coil labels, or runs of numbers, that are named one by one."""

_MOST = 0.6
"""Share of the image from which on a box is most of it."""
_ASIDE = 1 / 3
"""Share of the way from the middle to an edge from which on a box lies towards that edge."""
_SIDES = {"R": "right", "L": "left", "A": "front", "P": "back", "H": "head", "F": "feet"}


def place(where: Where, frame: Frame, scan: Scan) -> str:
    """Part of a sentence, at most 80 characters: "slice 3, coil elements 12 to 15"; "the whole image" where nothing is
    said of it. Of the frame's counters those are named that tell its image from others of the scan. Sides are the
    patient's, where the header states them.
    """
    parts = _which_image(frame.index, scan)
    inside = _inside(where, frame, scan) or ("" if parts else "the whole image")
    return cut(", ".join([*parts, inside] if inside else parts))


def _which_image(index: FrameIndex, scan: Scan) -> list[str]:
    limits = scan.encodings[index.encoding].limits if index.encoding < len(scan.encodings) else {}
    several = "slice" in limits and limits["slice"].maximum > limits["slice"].minimum
    named = [f"slice {index.slice}"] if index.slice or several else []
    return named + [f"{name} {count}" for name in ("contrast", "phase", "set") if (count := getattr(index, name))]


def _inside(where: Where, frame: Frame, scan: Scan) -> str:
    """Part of an image or of its raw data; empty: all of it. The narrowest statement speaks."""
    if where.coils:
        return _elements(where.coils, scan)
    if where.box is not None:
        return _region(where.box, frame)
    if where.columns:
        return f"{_runs('column', where.columns)} of the image"
    if where.lines and len(where.samples) == 1:
        return f"{_runs('line', where.lines)}, sample {where.samples[0]} of k-space"
    if where.lines:
        return f"{_runs('line', where.lines)} of k-space"
    return f"{_runs('sample', where.samples)} of the readout" if where.samples else ""


def _region(box: tuple[int, int, int, int], frame: Frame) -> str:
    """A box by the patient's sides that it lies towards; by its pixels where the sides are not known."""
    left, top, right, bottom = box
    _, height, width = frame.data.shape
    if (right - left) * (bottom - top) > _MOST * width * height:
        return "most of the image"
    shown = place_of(frame.geometry)
    if not shown.left:
        return f"columns {left} to {right - 1}, rows {top} to {bottom - 1} of the image"
    across, down = (left + right) / width - 1, (top + bottom) / height - 1
    if shown.transpose:
        across, down = down, across
    across, down = -across if shown.flip_columns else across, -down if shown.flip_rows else down
    sides = [
        _SIDES[edge[0]]
        for edge, how_far in ((shown.left, -across), (shown.right, across), (shown.top, -down), (shown.bottom, down))
        if how_far > _ASIDE
    ]
    return f"towards the patient's {' and '.join(sides)}" if sides else "the middle of the image"


def _elements(coils: Sequence[int], scan: Scan) -> str:
    """By label where the header has them, else by channel number (from 0, as in the data)."""
    labels = [scan.coil_labels[coil] for coil in coils if coil < len(scan.coil_labels)]
    if not labels or len(labels) < len(coils):
        return _runs("coil element", coils)
    named, others = labels[:_NAMED], len(labels) - _NAMED
    text = f"coil element{'s' if len(labels) > 1 else ''} {', '.join(named)}"
    return f"{text} and {others} more" if others > 0 else text


def _runs(name: str, numbers: Sequence[int]) -> str:
    """ "lines 3 to 7 and 9"; of many runs only from where to where."""
    runs: list[list[int]] = []
    for number in sorted(set(numbers)):
        if runs and number == runs[-1][1] + 1:
            runs[-1][1] = number
        else:
            runs.append([number, number])
    if len(runs) > _NAMED:
        return f"{name}s between {runs[0][0]} and {runs[-1][1]}"
    told = [str(first) if first == last else f"{first} to {last}" for first, last in runs]
    return f"{name}{'s' if len(set(numbers)) > 1 else ''} {' and '.join(told)}"
