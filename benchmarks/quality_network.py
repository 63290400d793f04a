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
from models.quality.calibrate import area

PACKAGE = Path(__file__).parents[1] / "models" / "packages" / "quality"

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
    names, rng = np.unique(subjects), np.random.default_rng(0)
    members = {name: np.flatnonzero(subjects == name) for name in names}

    def drawn() -> float:
        chosen = np.concatenate([members[name] for name in rng.choice(names, len(names))])
        return area(scores[chosen], true[chosen])

    low, high = np.percentile([drawn() for _ in range(_DRAWS)], [2.5, 97.5])
    return {"value": round(area(scores, true), 3), "low": round(float(low), 3), "high": round(float(high), 3)}


def timed(work: Callable[[], object], repeats: int) -> float:
    """Median seconds."""
    import time

    spent = []
    for _ in range(repeats):
        began = time.perf_counter()
        work()
        spent.append(time.perf_counter() - began)
    return float(np.median(spent))
