"""Trains the quality network on simulated faults in real anatomy; noise and the frame before are drawn at every step.

Loss: binary cross entropy of each kind; for the kind that is there, its map against the cells that the fault changed
most, and the logarithm of its impact.
"""

import os
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn
from torch.nn import functional

from models.answers import npz_bytes
from models.data.anatomy import Anatomy, Volume
from models.data.targets import shapes
from models.quality import graph
from models.quality.calibrate import area
from models.quality.distance import Distance, fit_distance
from models.quality.frames import draw_pairs
from models.quality.kinds import KINDS, SHIPPED
from models.quality.network import Answers, Quality
from models.quality.pool import Group, read_pool, write_pool
from models.quality.sample import CLEAN
from models.train.plots import plot_examples, plot_history
from models.train.precision import HAS_BF16
from models.train.quality_held import all_noisy, calibrated, look, noisy, some_of, sure_limits
from models.train.quality_plots import plot_curves
from models.train.source import run_card, write_source
from models.train.task import Recipe, Settings

BATCH = 16
SAMPLES_A_MINUTE, FEWEST, MOST = 200, 350, 12000
"""Samples to train on, by the minutes that there are; a fifth as many are held out."""

_CHANGED = 0.3
"""A cell counts as changed from this share of the most changed one."""
_WHERE, _SEVERITY = 0.5, 0.1
"""Weights of the loss."""
_ROUNDS = 2
"""Draws of noise of each held-out sample, in the end."""
_WATCHED, _EMBEDDED = 700, 3000
"""Samples that are validated on the way, and that the distance is fitted to."""
_DRAWN = 6


class QualityTask:
    """A `Task`."""

    def __init__(self, settings: Settings, trained: tuple[Group, ...], held_out: tuple[Group, ...], data: str) -> None:
        self.recipe = Recipe(rate=2e-3, warm_up=200, decay=1e-2, validations=20, patience=8)
        self._settings, self._data, self._seed = settings, data, settings.seed
        self._trained, self._held_out = trained, held_out
        watched = some_of(held_out, _WATCHED, self._seed)
        self._watched = [drawn for group in watched for drawn in noisy(group, self._seed)]
        sizes = np.array([len(group) for group in trained], np.float64)
        self._share = sizes / sizes.sum()

    def network(self) -> nn.Module:
        """Fresh."""
        return Quality(len(KINDS))

    def batch(self, rng: np.random.Generator) -> tuple[Tensor, ...]:
        """Pairs of frames, kind (-1: none), log(1 + impact), and the changed cells; mirrored at random."""
        group = self._trained[int(rng.choice(len(self._trained), p=self._share))]
        numbers = rng.choice(len(group), BATCH)
        pairs, cells = draw_pairs(group, numbers, rng), _changed(group.where[numbers])
        for axis in (-2, -1):
            if rng.integers(2):
                pairs, cells = np.flip(pairs, axis), np.flip(cells, axis)
        parts = (pairs, group.kind[numbers], np.log1p(group.impact[numbers]), cells)
        return tuple(torch.from_numpy(np.ascontiguousarray(part)) for part in parts)

    def loss(self, network: nn.Module, batch: tuple[Tensor, ...]) -> Tensor:
        """See the module."""
        pairs, kind, log_impact, cells = batch
        with torch.autocast("cpu", torch.bfloat16, enabled=HAS_BF16):
            answers: Answers = network(pairs.contiguous(memory_format=torch.channels_last))
        wanted = torch.zeros_like(answers.logits)
        there = torch.nonzero(kind != CLEAN)[:, 0]
        wanted[there, kind[there]] = 1.0
        loss = functional.binary_cross_entropy_with_logits(answers.logits, wanted, reduction="none").sum(1).mean()
        if len(there):
            where = answers.where[there, kind[there]]
            severity = answers.severity[there, kind[there]]
            loss = loss + _WHERE * functional.binary_cross_entropy_with_logits(where, cells[there])
            loss = loss + _SEVERITY * functional.smooth_l1_loss(severity, log_impact[there])
        return loss

    def validate(self, network: nn.Module) -> dict[str, float]:
        """Area under the curve of each kind against everything else held out; the score is their mean."""
        seen = look(network, self._watched)
        areas = {kind: area(seen.logits[:, n], seen.kind == n) for n, kind in enumerate(KINDS)}
        return {"score": float(np.mean(list(areas.values()))), **areas}

    def finish(self, network: nn.Module, folder: Path) -> dict[str, Any]:
        """package/ with the ONNX graph, manifest, card and golden frames; weights.npz and the pictures of the run."""
        assert isinstance(network, Quality), "the loop hands back what network() made"
        held = look(
            network, (drawn for n in range(_ROUNDS) for drawn in all_noisy(self._held_out, self._seed + 100 * n))
        )
        trained = look(network, all_noisy(some_of(self._trained, _EMBEDDED, self._seed), self._seed))
        distance = fit_distance(trained.features, trained.kind, held.features)
        weights = network.weights() | calibrated(network, held) | _of(distance)
        model = graph.build(graph.with_kinds(weights, [KINDS.index(kind) for kind in SHIPPED]))
        files = {
            "model.onnx": model.SerializeToString(deterministic=True),
            "golden.npz": npz_bytes({"image": _golden(self._held_out, self._seed)}),
        }
        figures = {
            **self.validate(network),
            "limits": sure_limits(weights, network, held),
            "parameters": sum(value.size for value in weights.values()),
        }
        card = run_card(self._settings, self._data, figures)
        write_source(folder / "package", Path(graph.__file__).parent, files, card)
        (folder / "weights.npz").write_bytes(npz_bytes(weights))
        plot_history(folder, ["score"], "mean area under the curve")
        plot_curves(folder, held.logits, held.kind)
        plot_examples(folder, ("frame", "where it was changed", "where the network looks"), self._examples(network))
        return figures

    @torch.no_grad()
    def _examples(self, network: nn.Module) -> list[list[NDArray[np.float32]]]:
        group = self._held_out[0]
        rows = []
        for number in np.flatnonzero(group.kind != CLEAN)[:_DRAWN]:
            pair = draw_pairs(group, np.array([number]), np.random.default_rng(self._seed), alone=True)
            where = torch.sigmoid(network(torch.from_numpy(pair)).where[0, group.kind[number]]).numpy()
            rows.append([pair[0, 0] / np.percentile(pair[0, 0], 99), _changed(group.where[number][None])[0], where])
        return rows


def prepare(settings: Settings, anatomy: Anatomy, folder: Path, say: Callable[[str], None]) -> QualityTask:
    """Says what is trained on, and makes the pools that the folder lacks."""
    count = int(np.clip(settings.minutes * SAMPLES_A_MINUTE, FEWEST, MOST))
    data = (
        f"{len(anatomy.of('train'))} volumes of real anatomy to train on, {len(anatomy.of('val'))} held out, "
        f"{len(anatomy.problems)} problems with the data; {count} samples to train on" + _instead(anatomy)
    )
    say(data)
    splits = {split: anatomy.of(split) or tuple(_drawn(split, settings.seed)) for split in ("train", "val")}
    pools, processes = [], len(os.sched_getaffinity(0))
    for split, volumes in splits.items():
        wanted = count if split == "train" else max(count // 5, FEWEST)
        write_pool(volumes, folder / "pool", wanted, settings.seed, processes, _told(say, split))
        pools.append(read_pool(folder / "pool", split))
    return QualityTask(settings, pools[0], pools[1], data)


def _instead(anatomy: Anatomy) -> str:
    """What stands in for the splits that hold nothing."""
    training = "" if anatomy.of("train") else "; no anatomy to train on: drawn shapes only"
    return training + ("" if anatomy.of("val") else "; no anatomy held out: drawn shapes instead")


def _told(say: Callable[[str], None], split: str) -> Callable[[int, int], None]:
    def report(done: int, of: int) -> None:
        if done == of or done % 20 == 0:
            say(f"samples of {split}: {done} of {of} files")

    return report


def _drawn(split: str, seed: int) -> list[Volume]:
    """Stacks of drawn shapes, where there is no anatomy."""
    rng = np.random.default_rng([seed, len(split)])
    return [
        Volume(
            f"drawn-{n}", split, f"drawn-{split}-{n}", "none", "drawn", False, np.stack([shapes(rng) for _ in "123"])
        )
        for n in range(4)
    ]


def _changed(where: NDArray[np.float32]) -> NDArray[np.float32]:
    """`[sample, 16, 16]` 1 where a cell is among the most changed."""
    most = np.maximum(where.max((1, 2), keepdims=True), 1e-6)
    return np.asarray(where >= _CHANGED * most, np.float32)


def _golden(pool: Sequence[Group], seed: int) -> NDArray[np.float32]:
    """`[frame, 1, 2, y, x]`: one sound, one with a fault, at an odd size."""
    group, rng = pool[0], np.random.default_rng(seed)
    numbers = np.array([np.flatnonzero(group.kind == CLEAN)[0], np.flatnonzero(group.kind != CLEAN)[0]])
    return np.ascontiguousarray(draw_pairs(group, numbers, rng)[:, None, :, :111, :97])


def _of(distance: Distance) -> dict[str, NDArray[np.float32]]:
    limit = np.asarray(distance.limit, np.float32)
    return {"whitening": distance.whitening, "centres": distance.centres, "limit": limit}
