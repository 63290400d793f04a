"""Figures of the quality network for `scanside bench models`: simulated faults, what it adds to the rows, real scans.

Simulated and real never share a figure. Simulated: the anatomy's test split, whose subjects and scanners the network
has never seen; the fault is there from the first frame on and no frame before it is shown.
"""

import os
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from benchmarks.quality_network import PACKAGE, Network, area_over_subjects, threshold, timed, wilson
from benchmarks.quality_real import distances, real_cases
from benchmarks.quality_rows import beside_rows
from models.data.anatomy import Volume, read_anatomy
from models.quality.calibrate import threshold_at
from models.quality.frames import draw_pairs
from models.quality.kinds import KINDS, NOT_SHIPPED
from models.quality.pool import SHAPES, group_of
from models.quality.sample import CLEAN, make_sample

_SEED = 20
_SAMPLES, _QUICK_SAMPLES = 1600, 160
_SPECIFICITIES = (0.95, 0.99)
_BATCHES, _SIDE, _REPEATS = (1, 2, 4, 8), 256, 20


def data_folder() -> Path:
    """SCANSIDE_DATA, or where the checkout has it."""
    return Path(os.environ.get("SCANSIDE_DATA", Path(__file__).parents[1] / ".." / "shared" / "data"))


def quality_table(quick: bool, package: Path = PACKAGE) -> dict[str, Any]:
    """Every figure of the network in `package`; parts whose data are not there say so."""
    network = Network(package)
    document: dict[str, Any] = {"network": network.name, "not_shipped": not_shipped()}
    anatomy = data_folder() / "anatomy"
    if anatomy.is_dir():
        volumes = read_anatomy(anatomy).of("test")
        document["simulated"] = simulated(network, volumes, _QUICK_SAMPLES if quick else _SAMPLES)
        document["beside_rows"] = beside_rows(network, volumes, quick)
    else:
        document["simulated"] = document["beside_rows"] = {"why_missing": "no anatomy: SCANSIDE_DATA"}
    document["real"] = real_cases(network, data_folder())
    document["distance"] = distances(network, data_folder())
    document["throughput"] = throughput(network)
    return document


def not_shipped() -> list[dict[str, Any]]:
    """Kinds that were trained and left out of the graph; the card has their figures."""
    return [{"kind": kind, "shipped": False, "why": why} for kind, why in NOT_SHIPPED.items()]


def simulated(network: Network, volumes: tuple[Volume, ...], count: int) -> dict[str, Any]:
    """Of each kind against sound frames: area under the curve, what is found at a specificity, and at the limit."""
    scores, kind, subject, impact, distance = [], [], [], [], []
    for number in range(-(-count // len(SHAPES))):
        for place, shape in enumerate(SHAPES):
            rng = np.random.default_rng([_SEED, number, place])
            group = group_of([make_sample(volumes, shape, rng)])
            answer = network.look(draw_pairs(group, np.array([0]), rng, alone=True))
            scores.append(answer.probability[0])
            distance.append(answer.distance[0])
            kind.append(group.kind[0])
            subject.append(group.subject[0])
            impact.append(group.impact[0])
    found = Found(np.array(scores), np.array(kind), np.array(subject), np.array(impact))
    kinds = [found.row(name, column) for column, name in enumerate(network.kinds)]
    limits = np.array([threshold(name) for name in network.kinds])
    alarms = (found.scores[found.kind == CLEAN] > limits).any(axis=1)
    return {
        "data": "simulated faults in the anatomy's test split, no frame before",
        "subjects": len(set(subject)),
        "kinds": kinds,
        "sound_frames_with_any_alarm": wilson(int(alarms.sum()), len(alarms)),
        "out_of_distribution": wilson(int((np.array(distance) > 1).sum()), len(distance)),
    }


class Found:
    """Probabilities beside what is true."""

    def __init__(
        self,
        scores: NDArray[np.float32],
        kind: NDArray[np.int64],
        subject: NDArray[np.str_],
        impact: NDArray[np.float32],
    ) -> None:
        self.scores, self.kind, self.subject, self.impact = scores, kind, subject, impact

    def row(self, name: str, column: int) -> dict[str, Any]:
        """Figures of one kind; the others that are there do not count, neither for nor against."""
        there, sound = self.kind == KINDS.index(name), self.kind == CLEAN
        used = there | sound
        score = self.scores[:, column].astype(np.float64)
        if not there.any():
            return {"kind": name, "why_missing": "no sample"}
        out: dict[str, Any] = {
            "kind": name,
            "shipped": True,
            "samples": int(there.sum()),
            "impact_percent": [round(float(q), 1) for q in np.percentile(self.impact[there], (10, 50, 90))],
            "area": area_over_subjects(score[used], there[used], self.subject[used]),
        }
        for specificity in _SPECIFICITIES:
            limit = threshold_at(score[sound], specificity)
            out[f"found_at_{specificity:.0%}"] = wilson(int((score[there] > limit).sum()), int(there.sum()))
        limit = threshold(name)
        out["limit"] = limit
        out["found_at_limit"] = wilson(int((score[there] > limit).sum()), int(there.sum()))
        out["alarms_at_limit"] = wilson(int((score[sound] > limit).sum()), int(sound.sum()))
        return out


def throughput(network: Network) -> dict[str, Any]:
    """Milliseconds a frame of 256 x 256 on one thread, by the frames in a call."""
    rng = np.random.default_rng(0)
    rows = []
    for batch in _BATCHES:
        frames = np.abs(rng.standard_normal((batch, 2, _SIDE, _SIDE), np.float32) * 20)
        spent = timed(lambda frames=frames: network.look(frames), _REPEATS)  # type: ignore[misc]
        rows.append({"batch": batch, "ms_per_frame": round(1e3 * spent / batch, 2)})
    return {"size": [_SIDE, _SIDE], "threads": 1, "runner": "onnxruntime-cpu fp32", "rows": rows}
