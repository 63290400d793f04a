"""What the network adds to the deterministic rows: the same raw series judged by both.

A series of three frames with the fault from the first one on: the rows see its raw data and have the time that they
need to be sure; the network sees the first image alone.
"""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np

from benchmarks.faults import StillClock
from benchmarks.quality_network import Network, share_over_subjects, threshold
from engine.denoise import in_noise_units
from engine.errors import InputRefused
from engine.quality import FARTHEST
from firmware.offline import judge_source
from firmware.sources.simulated import SimulatedScan, scan_of
from models.data.anatomy import Volume
from models.quality.frames import least_snr
from models.quality.kinds import KINDS, NOT_SHIPPED, PRIORS, Prior
from models.quality.sample import Sample, sample_of
from models.quality.scene import Scene, make_scene

_SEED = 40
_EACH, _QUICK_EACH = 40, 3
_SHAPES = ((128, 128), (160, 128), (192, 160))
_SNR = (12.0, 100.0)
_FRAMES = 3
_TRIES = 20


@dataclass(frozen=True, slots=True)
class Judged:
    """One series."""

    kind: str
    """Empty: sound."""
    subject: str
    impact: float
    by_rows: frozenset[str]
    by_network: frozenset[str]


def beside_rows(network: Network, volumes: tuple[Volume, ...], quick: bool) -> dict[str, Any]:
    """Share of the series of each kind that is named by the rows, by the network, by either; and false alarms."""
    each = _QUICK_EACH if quick else _EACH
    found = [
        judge(network, volumes, kind, number) for kind in ("", *KINDS) for number in range(each * (1 + (not kind)))
    ]
    sound = [one for one in found if not one.kind]
    return {
        "data": f"simulated raw series of {_FRAMES} frames in the anatomy's test split, the fault from the start",
        "kinds": [kind_row([one for one in found if one.kind == kind], kind, network.kinds) for kind in KINDS],
        "sound": {
            "alarms_of_rows": _share(sound, lambda one: bool(one.by_rows)),
            "alarms_of_network": _share(sound, lambda one: bool(one.by_network)),
            "named_by_rows": sorted({kind for one in sound for kind in one.by_rows}),
            "named_by_network": sorted({kind for one in sound for kind in one.by_network}),
        },
    }


def judge(network: Network, volumes: tuple[Volume, ...], kind: str, number: int) -> Judged:
    """One series with a visible fault of that kind, or none."""
    rng = np.random.default_rng([_SEED, number, (*KINDS, "").index(kind)])
    scene, sample = _visible(volumes, kind, rng)
    report = judge_source(SimulatedScan(scan_of(scene.base), _FRAMES, number, scene.fault), StillClock())
    frame = report.frames[0].image
    assert frame is not None, "a simulated Cartesian frame becomes an image"
    image = in_noise_units(frame)
    assert image is not None, "a simulated scan begins with noise readouts"
    answer = network.look_at(image)
    named = {name for n, name in enumerate(network.kinds) if answer.probability[:, n].max() > threshold(name)}
    by_network = named if answer.distance.max() <= FARTHEST else set()
    rows = {finding.kind for finding in report.series.findings}
    return Judged(kind, sample.subject, sample.impact, frozenset(rows), frozenset(by_network))


def _visible(volumes: tuple[Volume, ...], kind: str, rng: np.random.Generator) -> tuple[Scene, Sample]:
    priors: list[Prior | None] = [prior for prior in PRIORS if prior.finding == kind]
    for _ in range(_TRIES):
        shape = _SHAPES[int(rng.integers(len(_SHAPES)))]
        snr = float(np.exp(rng.uniform(*np.log(_SNR))))
        prior = priors[int(rng.integers(len(priors)))] if priors else None
        try:
            scene = make_scene(volumes, shape, prior, rng, snr)
        except InputRefused:  # this picture cannot show this fault
            continue
        sample = sample_of(scene)
        if sample is not None and (not kind or snr >= least_snr(float(sample.where.max()))):
            return scene, sample
    raise InputRefused("no picture shows it", kind, "give other anatomy")


def kind_row(found: list[Judged], kind: str, heads: tuple[str, ...]) -> dict[str, Any]:
    """Figures of one kind; of the network only where it has a head for it, so that no zero stands for not measured."""
    row = {
        "kind": kind,
        "shipped": kind in heads,
        "impact_percent": round(float(np.median([one.impact for one in found])), 1),
        "any_finding_of_rows": _share(found, lambda one: bool(one.by_rows)),
        "rows": _share(found, lambda one: kind in one.by_rows),
    }
    if kind not in heads:
        return {**row, "why": NOT_SHIPPED.get(kind, "the network has no head for it")}
    added = sum(kind in one.by_network - one.by_rows for one in found)
    return {
        **row,
        "network": _share(found, lambda one: kind in one.by_network),
        "either": _share(found, lambda one: kind in one.by_rows | one.by_network),
        "added": round(added / len(found), 3),
    }


def _share(found: list[Judged], hit: Callable[[Judged], bool]) -> dict[str, Any]:
    return share_over_subjects(np.array([hit(one) for one in found]), np.array([one.subject for one in found]))
