"""Where a run's samples lie once reversed readouts are flipped: in order of rising k."""

from engine.acquisition import REVERSE
from engine.reconstruct.batch import Run


def center_in_k_order(run: Run, *, symmetric: bool = False) -> int:
    """Sample of k = 0.

    0 or a sample beyond the readout means that it was not set, or was set before the scanner removed the
    oversampling: then the middle. `symmetric`: echo-planar readouts turn about the edge of a sample, so a readout
    and its neighbour in the other direction, both said to be centred in the middle, have the same one.
    """
    samples = int(run.data.shape[2])
    center = run.center_sample if 0 < run.center_sample < samples else samples // 2
    if not run.flags & REVERSE:
        return center
    return samples - center if symmetric else samples - 1 - center


def used_samples(run: Run) -> slice:
    """The samples that the header does not discard."""
    samples = int(run.data.shape[2])
    if run.flags & REVERSE:
        return slice(run.discard_post, samples - run.discard_pre)
    return slice(run.discard_pre, samples - run.discard_post)
