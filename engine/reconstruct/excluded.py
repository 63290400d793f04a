"""Readouts that never enter an image: counted by kind, the latest kept for quality control."""

from collections import Counter, deque

from engine import acquisition as mrd
from engine.acquisition import Readouts
from engine.reconstruct.batch import Run

KINDS = {
    "noise_readouts": mrd.NOISE_MEASUREMENT,
    "calibration_readouts": mrd.PARALLEL_CALIBRATION,
    "navigator_readouts": mrd.NAVIGATION,
    "phase_correction_readouts": mrd.PHASE_CORRECTION,
    "feedback_readouts": mrd.HP_FEEDBACK | mrd.RT_FEEDBACK,
    "dummy_readouts": mrd.DUMMY,
    "surface_coil_correction_readouts": mrd.SURFACE_COIL_CORRECTION,
    "phase_stabilization_readouts": mrd.PHASE_STABILIZATION_REFERENCE | mrd.PHASE_STABILIZATION,
}
"""Name of the counter -> flags."""

_KEPT_READOUTS = 64
_KEPT_BYTES = 1 << 24


def excluded(flags: int) -> bool:
    """Whether a readout with these flags stays out of the image. Calibration that is also imaging (21) enters it."""
    if flags & mrd.PARALLEL_CALIBRATION_AND_IMAGING:
        flags &= ~mrd.PARALLEL_CALIBRATION
    return bool(flags & mrd.NOT_IMAGING)


class Excluded:
    """Counts what stays out of the images; keeps copies of the latest navigators and phase corrections (bounded)."""

    def __init__(self, counters: Counter[str]) -> None:
        self._counters = counters
        self.latest: deque[Readouts] = deque(maxlen=_KEPT_READOUTS)

    def take(self, run: Run) -> None:
        """Count a run; keep it where it is of use."""
        for name, flags in KINDS.items():
            if run.flags & flags:
                self._counters[name] += len(run.head)
        if run.flags & (mrd.NAVIGATION | mrd.PHASE_CORRECTION):
            last = run.data[-1:]
            if last.nbytes * _KEPT_READOUTS <= _KEPT_BYTES:
                self.latest.append(Readouts(run.head[-1:].copy(), last.copy()))
