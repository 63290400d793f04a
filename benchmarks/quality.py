"""Figures of the quality network for `scanside bench models`: simulated faults, what it adds to the rows, real scans.

Simulated and real never share a figure. Simulated: the anatomy's test split, whose subjects the network has never
seen; the fault is there from the first frame on and no frame before it is shown.
"""

from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from benchmarks.data import data_folder
from benchmarks.quality_network import (
    PACKAGE,
    Network,
    area_over_subjects,
    found_over_subjects,
    share_over_subjects,
    threshold,
)
from benchmarks.quality_real import distances, real_cases
from benchmarks.quality_rows import beside_rows
from engine.errors import InputRefused
from engine.quality import FARTHEST
from models.data.anatomy import Volume, read_anatomy
from models.quality.frames import draw_pairs
from models.quality.kinds import KINDS, NOT_SHIPPED
from models.quality.pool import SHAPES, group_of
from models.quality.sample import CLEAN, make_sample

_SEED = 20
_SAMPLES, _QUICK_SAMPLES = 1600, 160
_SPECIFICITIES = (0.95, 0.99)


def quality_table(quick: bool, package: Path = PACKAGE) -> dict[str, Any]:
    """Every figure of the network in `package`; parts whose data are not there say so."""
    network = Network(package)
    document: dict[str, Any] = {"network": network.name, "shipped": True, "not_shipped": not_shipped()}
    try:
        anatomy = read_anatomy(data_folder() / "anatomy")
    except InputRefused as error:
        document["missing"] = str(error)
    else:
        volumes = anatomy.of("test")
        document["warnings"] = list(anatomy.warnings)
        document["simulated"] = simulated(network, volumes, _QUICK_SAMPLES if quick else _SAMPLES)
        document["beside_rows"] = beside_rows(network, volumes, quick)
    document["real"] = real_cases(network, data_folder())
    document["distance"] = distances(network, data_folder())
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
    near = np.array(distance) <= FARTHEST
    found = Found(np.array(scores), np.array(kind), np.array(subject), np.array(impact), near)
    kinds = [found.row(name, column) for column, name in enumerate(network.kinds)]
    named = (found.scores > np.array([threshold(name) for name in network.kinds])).any(axis=1) & near
    sound = found.kind == CLEAN
    return {
        "data": "simulated faults in the anatomy's test split, no frame before",
        "subjects": len(set(subject)),
        "kinds": kinds,
        "sound_frames_with_any_alarm": share_over_subjects(named[sound], found.subject[sound]),
        "out_of_distribution": share_over_subjects(~near, found.subject),
    }


class Found:
    """Probabilities beside what is true."""

    def __init__(
        self,
        scores: NDArray[np.float32],
        kind: NDArray[np.int64],
        subject: NDArray[np.str_],
        impact: NDArray[np.float32],
        near: NDArray[np.bool_],
    ) -> None:
        self.scores, self.kind, self.subject, self.impact = scores, kind, subject, impact
        self.near = near
        """Not out of distribution: the appliance warns of nothing else."""

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
            out[f"found_at_{specificity:.0%}"] = found_over_subjects(
                score[used], there[used], self.subject[used], specificity
            )
        out["limit"] = threshold(name)
        named = (score > threshold(name)) & self.near
        out["found_at_limit"] = share_over_subjects(named[there], self.subject[there])
        out["alarms_at_limit"] = share_over_subjects(named[sound], self.subject[sound])
        return out
