"""The pictures of docs/quality: where the network sees a fault. `python -m benchmarks.where_pictures [FOLDER]`.

Simulated faults in the anatomy's test split, one picture a shipped kind: the frame, the network's map over it, and what
the fault really changed. Not chosen by hand: the first three samples that the network names, and the first it misses.
"""

import sys
from pathlib import Path
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

from benchmarks.data import data_folder
from benchmarks.quality_network import Answer, Network, threshold
from engine.quality import FARTHEST
from models.data.anatomy import Volume, read_anatomy
from models.quality.frames import draw_pairs
from models.quality.kinds import KINDS
from models.quality.pool import group_of
from models.quality.sample import Sample, make_sample

FOLDER = Path(__file__).parents[1] / "docs" / "quality"

_SHAPE, _SEED, _NAMED, _TRIES = (128, 128), 60, 3, 400
_LEVELS = 8
"""Grey values per step: small files."""
_TITLE, _GAP, _WHITE = 18, 4, 255
Row = tuple[str, list[NDArray[Any]]]
"""Caption, pictures side by side."""

_CAPTIONS = ("frame", "the network's map", "what the fault changed")


def main() -> None:
    """Writes every picture; one argument names another folder."""
    folder = Path(sys.argv[1]) if len(sys.argv) > 1 else FOLDER
    folder.mkdir(parents=True, exist_ok=True)
    network, volumes = Network(), read_anatomy(data_folder() / "anatomy").of("test")
    for kind in network.kinds:
        sheet = _sheet(kind, _rows(network, volumes, kind))
        cv2.imwrite(str(folder / f"{kind}.png"), sheet, [cv2.IMWRITE_PNG_COMPRESSION, 9])


def _rows(network: Network, volumes: tuple[Volume, ...], kind: str) -> list[Row]:
    """The first three samples that the network names, and the first that it misses."""
    named: list[Row] = []
    missed: list[Row] = []
    for number in range(_TRIES):
        sample = make_sample(volumes, _SHAPE, np.random.default_rng([_SEED, number]))
        if sample.kind != KINDS.index(kind):
            continue
        rng = np.random.default_rng([_SEED, number])
        pair = draw_pairs(group_of([sample]), np.array([0]), rng, alone=True)
        answer, column = network.look(pair), network.kinds.index(kind)
        found = answer.probability[0, column] > threshold(kind) and answer.distance[0] <= FARTHEST
        (named if found else missed).append(_row(sample, pair[0, 0], answer, column))
        if len(named) >= _NAMED and missed:
            break
    return named[:_NAMED] + missed[:1]


def _row(sample: Sample, frame: NDArray[np.float32], answer: Answer, column: int) -> Row:
    gray = np.clip(_WHITE * frame / np.percentile(frame, 99.5), 0, _WHITE).astype(np.uint8)
    truth = np.clip(sample.where / max(float(sample.where.max()), 1e-6), 0, 1)
    caption = (
        f"{sample.fault}, impact {sample.impact:.1f} %: probability {answer.probability[0, column]:.2f}, "
        f"severity {answer.severity[0, column]:.1f} %"
    )
    return caption, [cv2.cvtColor(gray, cv2.COLOR_GRAY2BGR), _over(gray, answer.where[0, column]), _over(gray, truth)]


def _over(gray: NDArray[np.uint8], where: NDArray[np.floating]) -> NDArray[Any]:
    """A map of 16 x 16, 0 to 1, in red over the frame."""
    large = cv2.resize(np.asarray(where, np.float32), gray.shape[::-1], interpolation=cv2.INTER_LINEAR)[..., None]
    red = np.array([40, 40, 255], np.float32)
    return np.asarray((1 - 0.6 * large) * gray[..., None] + 0.6 * large * red, np.uint8)


def _sheet(kind: str, rows: list[Row]) -> NDArray[np.uint8]:
    parts = [_text(f"simulated: {kind}; {', '.join(_CAPTIONS)}", rows[0][1])]
    for caption, panels in rows:
        gap = np.full((panels[0].shape[0], _GAP, 3), _WHITE, np.uint8)
        row = np.hstack([part for panel in panels for part in (panel, gap)][:-1])
        parts += [_text(caption, panels), row]
    return np.asarray(np.vstack(parts) // _LEVELS * _LEVELS + _LEVELS - 1, np.uint8)


def _text(text: str, panels: list[NDArray[Any]]) -> NDArray[np.uint8]:
    width = sum(panel.shape[1] for panel in panels) + _GAP * (len(panels) - 1)
    strip = np.full((_TITLE, width, 3), _WHITE, np.uint8)
    cv2.putText(strip, text, (2, 13), cv2.FONT_HERSHEY_SIMPLEX, 0.36, (0, 0, 0), 1, cv2.LINE_AA)
    return strip


if __name__ == "__main__":
    main()
