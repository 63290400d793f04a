"""What goes into a quality network, what may come out, and the rows that are made of it.

The network sees pairs: an image and the one before it of the same place, in noise units. It answers for each image and
kind of fault with a probability, what the fault costs and a coarse map, and with how far the image is from everything
that it was trained on. Beyond that distance its probabilities mean nothing, and none is given.
"""

from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray
from scipy.ndimage import label

from engine.denoise import IMAGE_UNIT
from engine.types import Measurement, Where

if TYPE_CHECKING:
    from engine.package import Manifest

TASK = "quality"
"""What the manifest of a quality network says."""

PLANES = 2
"""Channels of the network: the image, the one before."""

CELLS = 16
"""Of the map along each side; it covers the whole image."""

OUTPUTS = ("probability", "severity", "where", "embedding", "distance")

ROW, NAME, UNIT = "n02", "distance", "times the limit"

LEARNED = {
    "motion": "n03",
    "ghost": "n04",
    "spike": "n05",
    "rf-interference": "n06",
    "wrap": "n07",
    "saturation": "n08",
    "missing-lines": "n09",
    "gibbs": "n10",
    "chemical-shift": "n11",
    "bias-field": "n12",
    "dc-offset": "n13",
    "coil-loss": "n14",
    "low-snr": "n15",
    "pulsation": "n16",
    "cut-off": "n17",
}
"""Kind of fault -> row. A network looks for some of them and names those in the `labels` of its manifest."""

FARTHEST = 1.0
"""Distance above which an image is unlike everything that the network was trained on."""

_EXCESS = 1e-5
"""Above 1 or below 0 by rounding alone."""

Answers = Sequence[NDArray[np.float32]]


def why_no_quality(manifest: "Manifest") -> str:
    """What keeps a network with one input from judging images; empty when nothing does."""
    taken, made = manifest.inputs[0], manifest.outputs
    if manifest.task != TASK:
        return f"made to {manifest.task}, not for {TASK}"
    if len(taken.shape) != 4 or taken.shape[1] != PLANES or taken.unit != IMAGE_UNIT:
        return f"takes something else than [image, {PLANES}, y, x] in {IMAGE_UNIT}"
    names = tuple(output.name for output in made)
    if names != OUTPUTS:
        return f"gives {', '.join(names)}, not {', '.join(OUTPUTS)}"
    kinds = made[0].labels
    if unknown := sorted(set(kinds) - LEARNED.keys()):
        return f"looks for {', '.join(unknown)}, which is no kind of {', '.join(LEARNED)}"
    if not kinds or {output.labels for output in made[:3]} != {kinds}:
        return f"{', '.join(OUTPUTS[:3])} must have the same labels"
    batch, count = taken.shape[0], len(kinds)
    wanted = ((batch, count), (batch, count), (batch, count, CELLS, CELLS), made[3].shape, (batch, 1))
    if tuple(output.shape for output in made) != wanted or len(made[3].shape) != 2:
        return (
            f"gives other shapes than [image, kinds] twice, [image, kinds, {CELLS}, {CELLS}], [image, any], [image, 1]"
        )
    return ""


def pairs(image: NDArray[np.float32], before: NDArray[np.float32] | None) -> NDArray[np.float32]:
    """`[2 z, y, x]`: each plane of `image` `[z, y, x]`, then the one before it, or itself where there is none."""
    earlier = image if before is None or before.shape != image.shape else before
    return np.stack((image, earlier), axis=1).reshape(-1, *image.shape[1:])


def fault_in(answers: Answers, planes: int) -> str:
    """Why a network's answers to so many pairs cannot be used; empty: they can.

    wrong_shape, not_finite, or impossible_answer: a probability or map outside 0 to 1, a negative severity or distance.
    """
    if len(answers) != len(OUTPUTS):
        return "wrong_shape"
    probability, severity, where, embedding, distance = answers
    kinds = probability.shape[1:]
    shapes = [(planes, *kinds), (planes, *kinds), (planes, *kinds, CELLS, CELLS), (planes, 1)]
    if len(kinds) != 1 or [a.shape for a in (probability, severity, where, distance)] != shapes:
        return "wrong_shape"
    if not all(np.isfinite(answer).all() for answer in (probability, severity, where, embedding, distance)):
        return "not_finite"
    shares = all(a.min() >= -_EXCESS and a.max() <= 1 + _EXCESS for a in (probability, where))
    return "" if shares and severity.min() >= 0 and distance.min() >= 0 else "impossible_answer"


def joined(answers: Answers) -> NDArray[np.float32]:
    """`[z, n]`: of the answers what rows are made of, as one array; `measured` takes it apart."""
    probability, severity, where, _, distance = answers
    return np.concatenate((distance, probability, severity, where.reshape(len(where), -1)), axis=1)


def joined_length(kinds: int) -> int:
    """n of `joined` for a network that looks for so many kinds."""
    return 1 + kinds * (2 + CELLS * CELLS)


def measured(answer: NDArray[np.float32], kinds: Sequence[str], image_size: tuple[int, int]) -> tuple[Measurement, ...]:
    """Rows n02 and one for each kind, from `joined` answers `[z, n]` to (y, x) pixels: of the worst plane."""
    distance, probability, severity, where = np.split(answer, np.cumsum([1, len(kinds), len(kinds)]), axis=1)
    worst_distance = round(float(distance.max()), 3)
    told = Measurement(ROW, NAME, worst_distance, UNIT)
    if worst_distance > FARTHEST:  # as it is told: no row says 1.0 and beyond
        return (told, *_unsaid(kinds, "out_of_distribution"))
    maps = where.reshape(len(answer), len(kinds), CELLS, CELLS)
    worst = probability.argmax(axis=0)
    return (
        told,
        *(
            Measurement(
                LEARNED[kind],
                f"learned-{kind}",
                round(float(np.clip(probability[plane, k], 0, 1)), 4),
                "probability",
                impact=round(float(severity[plane, k]), 2),
                impact_unit="%",
                where=Where(box=box_of(maps[plane, k], image_size)),
            )
            for k, (kind, plane) in enumerate(zip(kinds, worst, strict=True))
        ),
    )


def not_measured(kinds: Sequence[str], why: str) -> tuple[Measurement, ...]:
    """The same rows without a number."""
    return (Measurement(ROW, NAME, None, UNIT, why_missing=why), *_unsaid(kinds, why))


def _unsaid(kinds: Sequence[str], why: str) -> tuple[Measurement, ...]:
    return tuple(Measurement(LEARNED[kind], f"learned-{kind}", None, "probability", why_missing=why) for kind in kinds)


def box_of(cells: NDArray[np.float32], image_size: tuple[int, int]) -> tuple[int, int, int, int] | None:
    """(x0, y0, x1, y1) in pixels, end exclusive, around the peak of a map `[y, x]` over an image of (y, x) pixels.

    It holds the cells above half of the maximum that hang together, by their sides, with the highest one. None for a
    map of zeros.
    """
    top = int(cells.argmax())
    if cells.flat[top] <= 0:
        return None
    regions, _ = label(cells > cells.flat[top] / 2)
    rows, columns = np.nonzero(regions == regions.flat[top])
    (ny, nx), (height, width) = image_size, cells.shape
    return (
        int(columns.min()) * nx // width,
        int(rows.min()) * ny // height,
        -(-(int(columns.max()) + 1) * nx // width),
        -(-(int(rows.max()) + 1) * ny // height),
    )
