"""The packaged quality network on one thread, and the intervals that its figures come with."""

import math
import tomllib
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from engine.decide.limits import shipped_limits
from engine.quality import LEARNED, PLANES, pairs
from models.quality.calibrate import area, threshold_at

PACKAGE = Path(__file__).parents[1] / "models" / "packages" / "quality"

Statistic = Callable[[NDArray[np.intp]], float]
"""A figure of the samples with these numbers."""

_DRAWS = 500
_Z = 1.96


@dataclass(frozen=True, slots=True)
class Answer:
    """What the network makes of one or more pairs of frames."""

    probability: NDArray[np.float32]
    """`[pair, kind]`."""
    severity: NDArray[np.float32]
    where: NDArray[np.float32]
    """`[pair, kind, 16, 16]`."""
    distance: NDArray[np.float32]
    """`[pair]`."""


class Network:
    """A package's fp32 graph."""

    def __init__(self, package: Path = PACKAGE) -> None:
        import onnxruntime as ort

        manifest = tomllib.loads((package / "manifest.toml").read_text("utf-8"))
        self.name = f"{manifest['name']} {manifest['version']}"
        self.kinds: tuple[str, ...] = tuple(manifest["outputs"][0]["labels"])
        options = ort.SessionOptions()
        options.intra_op_num_threads = options.inter_op_num_threads = 1
        self.session = ort.InferenceSession(package / "model.onnx", options, providers=["CPUExecutionProvider"])

    def look(self, frames: NDArray[np.float32]) -> Answer:
        """`frames [pair, 2, y, x]` in SNR units."""
        probability, severity, where, _, distance = self.session.run(None, {"image": frames})
        return Answer(probability, severity, where, distance[:, 0])

    def look_at(self, image: NDArray[np.float32], before: NDArray[np.float32] | None = None) -> Answer:
        """`image [z, y, x]` in SNR units, and the frame before it."""
        return self.look(pairs(image, before).reshape(len(image), PLANES, *image.shape[1:]))


def threshold(kind: str) -> float:
    """Probability from which the appliance warns."""
    value = shipped_limits().rows[LEARNED[kind]].detect.value
    assert value is not None, "the limit of a learned row is a number"
    return value


def wilson(hits: int, of: int) -> dict[str, Any]:
    """A share with its 95 % interval (Wilson 1927)."""
    if not of:
        return {"n": 0}
    share = hits / of
    middle = (share + _Z**2 / (2 * of)) / (1 + _Z**2 / of)
    half = _Z / (1 + _Z**2 / of) * math.sqrt(share * (1 - share) / of + _Z**2 / (4 * of**2))
    return {
        "share": round(share, 3),
        "low": round(max(middle - half, 0), 3),
        "high": round(min(middle + half, 1), 3),
        "n": of,
    }


def area_over_subjects(
    scores: NDArray[np.floating], true: NDArray[np.bool_], subjects: NDArray[np.str_]
) -> dict[str, float]:
    """Area under the curve with the 95 % interval of drawing subjects anew, with replacement."""
    low, high = _spread(lambda chosen: area(scores[chosen], true[chosen]), subjects)
    return {"value": round(area(scores, true), 3), "low": round(low, 3), "high": round(high, 3)}


def share_over_subjects(hits: NDArray[np.bool_], subjects: NDArray[np.str_]) -> dict[str, Any]:
    """The share of `hits` with the 95 % interval of drawing subjects anew.

    Never narrower than that of as many independent samples: all or none has no spread of its own.
    """
    return _share(hits, subjects, lambda chosen: float(hits[chosen].mean()), subjects)


def found_over_subjects(
    scores: NDArray[np.floating], true: NDArray[np.bool_], subjects: NDArray[np.str_], specificity: float
) -> dict[str, Any]:
    """Share of the true above the limit that the sound leave at `specificity`; limit and share of the same draw."""

    def found(chosen: NDArray[np.intp]) -> float:
        score, there = scores[chosen], true[chosen]
        if there.all() or not there.any():
            return np.nan
        return float((score[there] > threshold_at(score[~there], specificity)).mean())

    hits = scores[true] > threshold_at(scores[~true], specificity)
    return _share(hits, subjects[true], found, subjects)


def _share(
    hits: NDArray[np.bool_], members: NDArray[np.str_], drawn: Statistic, subjects: NDArray[np.str_]
) -> dict[str, Any]:
    independent = wilson(int(hits.sum()), len(hits))
    if not len(hits):
        return independent
    low, high = _spread(drawn, subjects)
    return {
        **independent,
        "low": min(independent["low"], round(low, 3)),
        "high": max(independent["high"], round(high, 3)),
        "subjects": len(np.unique(members)),
    }


def _spread(drawn: Statistic, subjects: NDArray[np.str_]) -> tuple[float, float]:
    """The middle 95 % of a figure when subjects are drawn anew, with replacement; draws without one do not count."""
    names, rng = np.unique(subjects), np.random.default_rng(0)
    members = [np.flatnonzero(subjects == name) for name in names]
    draws = [
        drawn(np.concatenate([members[n] for n in rng.integers(len(names), size=len(names))])) for _ in range(_DRAWS)
    ]
    low, high = np.nanpercentile(draws, [2.5, 97.5])
    return float(low), float(high)
