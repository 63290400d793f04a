"""What a series remembers between frames, per slice, contrast, phase and set."""

from dataclasses import dataclass, field, replace

import numpy as np
from numpy.typing import NDArray

from engine.types import FrameIndex


@dataclass
class StratumMemory:
    """Small summaries of earlier frames; nothing in it grows with the series."""

    coil_energy: NDArray[np.float64] | None = None
    """`[coil]` centre energy of the first complete frame, noise removed."""
    coil_maps: NDArray[np.float32] | None = None
    """`[coil, y, x]` power of each coil's image in the first complete frame, thinned out by two."""
    coil_noise: NDArray[np.float64] | None = None
    """`[coil]` noise power with the first complete frame, where known."""
    lost: tuple[int, ...] = ()
    """Elements that have failed."""
    reference: NDArray[np.complex64] | None = None
    """Low-pass spectrum of the first complete frame, `[coil or 1, y, x]`."""


@dataclass
class SeriesMemory:
    """One `StratumMemory` per stratum."""

    strata: dict[FrameIndex, StratumMemory] = field(default_factory=dict)

    def of(self, index: FrameIndex) -> StratumMemory:
        """The memory of the frame's stratum, made when first asked for."""
        return self.strata.setdefault(replace(index, repetition=0), StratumMemory())
