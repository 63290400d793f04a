"""What the quality network makes of samples it was not trained on: probabilities, and limits for them."""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from models.quality.calibrate import fit_logistic, threshold_at
from models.quality.distance import FALSE_ALARM
from models.quality.frames import draw_pairs
from models.quality.graph import Weights
from models.quality.kinds import KINDS, SHIPPED
from models.quality.network import Quality
from models.quality.pool import Group
from models.quality.sample import CLEAN

_BATCH = 16

Noisy = tuple[Tensor, NDArray[np.int64]]
"""Pairs of frames `[sample, 2, y, x]` and their kinds."""


@dataclass(frozen=True, slots=True)
class Seen:
    """Answers of a network on a pool."""

    logits: NDArray[np.float64]
    features: NDArray[np.float64]
    kind: NDArray[np.int64]


@torch.no_grad()
def look(network: nn.Module, batches: Iterable[Noisy]) -> Seen:
    """What `network` makes of pairs of frames."""
    network.eval()
    logits, features, kinds = [], [], []
    for pairs, kind in batches:
        answers = network(pairs)
        logits.append(answers.logits.double().numpy())
        features.append(answers.features.double().numpy())
        kinds.append(kind)
    return Seen(np.concatenate(logits), np.concatenate(features), np.concatenate(kinds))


def noisy(group: Group, seed: int) -> Iterator[Noisy]:
    """Each sample of the group once, the same noise for the same seed."""
    rng = np.random.default_rng(seed)
    for first in range(0, len(group), _BATCH):
        numbers = np.arange(first, min(first + _BATCH, len(group)))
        yield torch.from_numpy(draw_pairs(group, numbers, rng)), group.kind[numbers]


def all_noisy(pool: Sequence[Group], seed: int) -> Iterator[Noisy]:
    """The same of every group."""
    for number, group in enumerate(pool):
        yield from noisy(group, seed + number)


def calibrated(network: Quality, held: Seen) -> dict[str, NDArray[np.float32]]:
    """`gain` and `bias` such that the probabilities are right on what was held out (Platt 1999, one pair a kind)."""
    gain, bias = (parameter.detach().double().numpy() for parameter in (network.gain, network.bias))
    fits = [fit_logistic(held.logits[:, n], held.kind == n) for n in range(len(KINDS))]
    slope, offset = np.array(fits).T
    return {"gain": (gain * slope).astype(np.float32), "bias": (bias * slope + offset).astype(np.float32)}


def sure_limits(weights: Weights, network: Quality, held: Seen) -> dict[str, float]:
    """Probability of each kind above which 1 % of the sound held-out frames lie, all shipped kinds together."""
    gain, bias = (parameter.detach().double().numpy() for parameter in (network.gain, network.bias))
    logits = (held.logits - bias) / gain * weights["gain"] + weights["bias"]
    sound = 1 / (1 + np.exp(-logits[held.kind == CLEAN]))
    specificity = 1 - FALSE_ALARM / len(SHIPPED)
    return {kind: round(threshold_at(sound[:, n], specificity), 4) for n, kind in enumerate(KINDS)}


def some_of(pool: Sequence[Group], count: int, seed: int) -> list[Group]:
    """About `count` of all samples, at random."""
    rng = np.random.default_rng(seed)
    share = min(1.0, count / sum(len(group) for group in pool))
    chosen = [(group, rng.choice(len(group), max(round(share * len(group)), 1), replace=False)) for group in pool]
    return [Group(*(getattr(group, name)[numbers] for name in Group.__slots__)) for group, numbers in chosen]
