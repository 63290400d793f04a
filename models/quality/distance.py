"""How far a frame's features lie from everything trained on: Mahalanobis distance over its conformal limit.

The nearest centre counts, of the sound frames or of one kind of fault: strong faults change the features as much as a
strange picture does, and must not widen what is near (Lee, Lee, Lee and Shin 2018). Features are means of what a layer
lets through, so their logarithm is taken: their spread grows with their size.
"""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

SMALLEST = 0.02
"""Added to the features before the logarithm."""
FALSE_ALARM = 0.01

_SHRINK = 0.1


@dataclass(frozen=True, slots=True)
class Distance:
    """Embedding: `log(features + SMALLEST) @ whitening`; distance: to the nearest of `centres`, over `limit`."""

    whitening: NDArray[np.float32]
    """`[feature, feature]`."""
    centres: NDArray[np.float32]
    """`[centre, feature]` embeddings."""
    limit: float

    def of(self, features: NDArray[np.floating]) -> NDArray[np.float64]:
        """`[sample]`; above 1: out of distribution."""
        embedding = np.log(np.asarray(features, np.float64) + SMALLEST) @ self.whitening
        lengths = np.linalg.norm(embedding[:, None] - self.centres, axis=2)
        return np.asarray(lengths.min(axis=1) / self.limit)


def fit_distance(trained: NDArray[np.floating], kind: NDArray[np.integer], held_out: NDArray[np.floating]) -> Distance:
    """Of features `[sample, feature]`: centres of each `kind [sample]` and their common shape from the training, the
    limit from the held-out ones.

    Centres are medians. The covariance of what lies around them is shrunk towards a multiple of one (Ledoit and Wolf
    2004, with a fixed weight) and keeps its tails: trimmed as by Rousseeuw and Van Driessen (1999) it made the limit so
    wide that pure noise came near, and nothing foreign is in this training to be trimmed. Limit: the
    ceil((n + 1)(1 - 0.01))-th smallest held-out distance (split conformal).
    """
    data = np.log(np.asarray(trained, np.float64) + SMALLEST)
    middles = np.stack([np.median(data[kind == which], axis=0) for which in np.unique(kind)])
    around = data - middles[np.searchsorted(np.unique(kind), kind)]
    covariance = around.T @ around / len(around)
    scale = np.trace(covariance) / len(covariance)
    values, vectors = np.linalg.eigh((1 - _SHRINK) * covariance + _SHRINK * scale * np.eye(len(covariance)))
    whitening = vectors / np.sqrt(values)
    one = Distance(whitening.astype(np.float32), (middles @ whitening).astype(np.float32), 1.0)
    lengths = np.sort(one.of(held_out))
    rank = int(np.ceil((len(lengths) + 1) * (1 - FALSE_ALARM)))
    return Distance(one.whitening, one.centres, float(lengths[min(rank, len(lengths)) - 1]))
