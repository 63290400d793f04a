"""m23: where in the readout the echo lies: beside the header's centre at first, beside the first frame's echo later.

An echo that moves within a series means that gradients or field changed. Where it lies in the first frame is the
protocol's and the site's own affair (real scans have it up to three samples from the header's centre, asymmetric
echoes on purpose), so that frame is measured and not judged.
"""

import numpy as np
from numpy.typing import NDArray

from engine.assess.memory import StratumMemory
from engine.assess.view import FrameView
from engine.types import Measurement, Where

_LEAST_SAMPLES = 2.0
_SHARE = 0.01
_REACH = 1 / 16
"""Half the window about the echo, as a share of the readout."""
_MOVES, _STILL = 30, 1e-3


def echo_position(view: FrameView, memory: StratumMemory) -> Measurement:
    """Samples from the greatest heap of energy to where it was expected; the limit is 2 samples or 1 % of the readout.

    Impact: what was not sampled of the encoded k-space, %.
    """
    if not view.kspace.completeness.complete:
        return Measurement("m23", "echo_position", None, "samples", why_missing="incomplete")
    echo = echo_center(view.kspace_power.sum(axis=0, dtype=np.float64))
    if echo is None:
        return Measurement("m23", "echo_position", None, "samples", why_missing="no_signal")
    limit = max(_LEAST_SAMPLES, _SHARE * view.raw.shape[2])
    if memory.echo is None:
        memory.echo = echo
        moved = abs(echo - view.kspace.center[1])
        limit += moved
    else:
        moved = abs(echo - memory.echo)
    return Measurement(
        "m23",
        "echo_position",
        moved,
        "samples",
        impact=100 * (1 - _sampled(view)),
        impact_unit="%",
        detect_limit=limit,
        where=Where(samples=(round(echo),)),
    )


def echo_center(energy: NDArray[np.float64]) -> float | None:
    """Centre of the greatest heap of `energy` `[sample]`, between samples; None: no energy.

    The mean over a window that is moved until it lies about its own mean. Unlike the greatest sample it does not jump
    where an object (a bottle seen by many coils) has two peaks of nearly the same height.
    """
    top = float(energy.argmax())
    if not energy.max() > 0:
        return None
    samples, reach = np.arange(len(energy)), max(3.0, _REACH * len(energy))
    for _ in range(_MOVES):
        weight = energy * np.clip(reach + 0.5 - np.abs(samples - top), 0, 1)
        moved = float((weight * samples).sum() / weight.sum())
        if abs(moved - top) < _STILL:
            break
        top = moved
    return top


def _sampled(view: FrameView) -> float:
    """Share of the encoded matrix that was acquired: lines that came, and samples about the header's centre."""
    encoded: int = round(view.frame.data.shape[2] * view.kspace.readout_oversampling)
    return float(view.acquired.mean()) * min(1.0, float(view.raw.shape[2]) / encoded)
