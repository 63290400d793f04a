"""The pictures of docs/faults.md: `python -m benchmarks.fault_pictures`.

One picture per simulated fault (clean, with the fault, difference), and pictures of real faults where SCANSIDE_DATA
has them. Real and simulated never share a picture, and each says which it is.
"""

import sys
from pathlib import Path
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

from benchmarks.real_faults import real_pictures
from firmware.sources.simulated import load_scan
from models.scans import BRAIN16
from models.simulate import FAULTS, make_fault
from models.simulate.base import Base, Lines, magnitude
from models.simulate.fault import Fault
from models.simulate.series import simulate_series

FOLDER = Path(__file__).parents[1] / "docs" / "faults"
Image = NDArray[Any]

_SIDE, _TITLE, _GAP = 192, 20, 4
_TOP, _WHITE = 99.5, 255
_GAINS = (1, 2, 5, 10, 20, 50)
_OWN_BRIGHTNESS = ("low-snr", "wrong-coil")
"""Shown as a viewer would window them: the noise is what matters."""
_SEED, _FIRST = 3, 1
_STRENGTH = {
    "spike": 60.0,
    "rf-interference": 2.0,
    "ghost": 30.0,
    "ghost-delay": 0.8,
    "motion": 6.0,
    "tremor": 2.0,
    "nod": 8.0,
    "drift": 40.0,
    "cut-off": 45.0,
    "dc-offset": 1500.0,
    "pulsation": 800.0,
    "weak-element": 60.0,
    "frequency-drift": 400.0,
    "saturation": 40.0,
    "missing-lines": 15.0,
    "gibbs": 70.0,
    "bias-field": 80.0,
}
"""Stronger than natural where that could not be seen on paper."""
_SHOWN_AT = {"frequency-drift": 6, "drift": 4}
"""Frames after the first that are shown; the first one itself otherwise."""


def main() -> None:
    """Writes every picture; one argument names another folder."""
    folder = Path(sys.argv[1]) if len(sys.argv) > 1 else FOLDER
    folder.mkdir(parents=True, exist_ok=True)
    base = load_scan(BRAIN16).base
    for kind in FAULTS:
        if base.slices >= FAULTS[kind].slices:
            save(folder / f"{kind}.png", *simulated_picture(base, kind))
    for name, title, panels in real_pictures():
        save(folder / f"real-{name}.png", f"real: {title}", panels)


def simulated_picture(base: Base, kind: str) -> tuple[str, list[tuple[str, Image]]]:
    """Title and panels of one fault in the bundled brain, with noise."""
    fault = make_fault(kind, base, _SEED, _FIRST, strength=_STRENGTH.get(kind))
    title = f"simulated: {kind}, {fault.truth.strength:.4g} {fault.truth.unit}"
    repetition = _FIRST + _SHOWN_AT.get(kind, 0)
    clean, faulted = (frame_image(base, one, repetition) for one in (None, fault))
    top = float(np.percentile(clean, _TOP))
    if kind in _OWN_BRIGHTNESS:
        shown = faulted / np.percentile(faulted, _TOP)
        return title, [("clean", clean / top), ("with the fault, at its own brightness", shown)]
    difference = np.abs(faulted - clean)
    loud = float(np.percentile(difference, 99.8))
    gain = next((gain for gain in _GAINS if gain * loud > 0.5 * top), _GAINS[-1])
    return title, [
        ("clean", clean / top),
        ("with the fault", faulted / top),
        (f"difference x {gain}", gain * difference / top),
    ]


def frame_image(base: Base, fault: Fault | None, repetition: int) -> Image:
    """Root sum of squares `[y, x]` of one repetition; black beyond a smaller view, zero where lines are missing."""
    *_, frame = simulate_series(base, repetition + 1, _SEED, fault).frames
    shape = fault.signal(base.lines, repetition).shape if fault is not None else base.lines.shape
    lines: Lines = np.zeros(shape, np.complex64)
    lines[frame.numbers] = frame.lines
    image = magnitude(base, lines) * np.sqrt(base.lines.size / lines.size)
    whole = np.zeros((base.lines.shape[0], base.lines.shape[2]), np.float32)
    top, left = (large // 2 - small // 2 for large, small in zip(whole.shape, image.shape, strict=True))
    whole[top : top + image.shape[0], left : left + image.shape[1]] = image
    return whole


def save(path: Path, title: str, panels: list[tuple[str, Image]]) -> None:
    """Panels side by side under a title; each is scaled so that 1 is white."""
    columns = [_panel(caption, image) for caption, image in panels]
    gap = np.full((columns[0].shape[0], _GAP), _WHITE, np.uint8)
    row = np.hstack([part for column in columns for part in (column, gap)][:-1])
    head = np.full((_TITLE, row.shape[1]), _WHITE, np.uint8)
    cv2.putText(head, title, (2, 14), cv2.FONT_HERSHEY_SIMPLEX, 0.42, 0, 1, cv2.LINE_AA)
    cv2.imwrite(str(path), np.vstack([head, row]), [cv2.IMWRITE_PNG_COMPRESSION, 9])


def _panel(caption: str, image: Image) -> NDArray[np.uint8]:
    gray = np.clip(np.asarray(image, np.float64) * _WHITE, 0, _WHITE).astype(np.uint8)
    scale = _SIDE / max(gray.shape)
    size = (round(gray.shape[1] * scale), round(gray.shape[0] * scale))
    large = cv2.resize(gray, size, interpolation=cv2.INTER_AREA if scale < 1 else cv2.INTER_NEAREST)
    panel = np.full((_SIDE + _TITLE, _SIDE), _WHITE, np.uint8)
    top, left = (_SIDE - large.shape[0]) // 2, (_SIDE - large.shape[1]) // 2
    panel[top : top + large.shape[0], left : left + large.shape[1]] = large
    cv2.putText(panel, caption, (2, _SIDE + 14), cv2.FONT_HERSHEY_SIMPLEX, 0.4, 0, 1, cv2.LINE_AA)
    return panel


if __name__ == "__main__":
    main()
