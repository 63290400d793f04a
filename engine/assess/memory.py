"""What a series remembers between frames, per slice, contrast, phase and set."""

from collections import deque
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from engine.types import FrameIndex

if TYPE_CHECKING:
    from engine.assess.consistency import LineKernel, LineProgress
    from engine.assess.power import PowerProgress
    from engine.assess.selection import EarlierScan

_REMEMBERED = 32
_MOST = 512
"""Slices times contrasts, phases and sets: no scan that is judged while it runs has more; half a megabyte each."""


@dataclass
class StratumMemory:
    """Small summaries of earlier frames; nothing in it grows with the series."""

    kept: bool = True
    """False: there are too many strata, nothing is remembered from frame to frame."""
    earlier: "EarlierScan | None" = None
    """The best earlier scan of the same prescription."""
    line_energy: NDArray[np.float64] | None = None
    """`[line]` energy of the first complete frame."""
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
    moved_pixels: float = 0.0
    """Displacement along the readout of the latest frame, in pixels."""
    air: NDArray[np.bool_] | None = None
    """`[y, x]` air above and below the object of the first complete frame."""
    air_share: float = 0.0
    """Mean of Q - 2 C there over that of the whole image, in that frame."""
    columns: NDArray[np.float64] | None = None
    """`[quarter of the outer lines, x]` energy of each column in the first complete frame, in noise units."""
    folded: NDArray[np.bool_] | None = None
    """`[x]` columns with signal at both ends of the phase direction in the first complete frame."""
    kernel: "LineKernel | None" = None
    """How lines follow from their neighbours, from the first complete frame."""
    progress: "LineProgress | None" = None
    """The lines of the frame that is open."""
    power: "PowerProgress | None" = None
    """The power of the samples of the frame that is open."""
    signals: deque[float] = field(default_factory=lambda: deque(maxlen=_REMEMBERED))
    """Signal of the latest frames that were not outliers."""

    shading: tuple[NDArray[np.float32], NDArray[np.bool_]] | None = None
    """`[y / 2, x / 2]` magnitude of the first complete frame, and what of it is object."""
    scale_image: NDArray[np.float32] | None = None
    """`[y / 2, x / 2]` magnitude of the first complete frame."""
    raw_power: float = 0.0
    """Mean power of the k-space centre of that frame."""
    echo: float | None = None
    """Sample of the echo in the first complete frame."""
    center_line: NDArray[np.complex64] | None = None
    """`[coil, sample]` line through the k-space centre of the first complete frame."""


@dataclass
class SeriesMemory:
    """One `StratumMemory` per stratum."""

    earlier: "EarlierScan | None" = None
    """The best earlier scan of the same prescription."""
    strata: dict[FrameIndex, StratumMemory] = field(default_factory=dict)

    def of(self, index: FrameIndex) -> StratumMemory:
        """The memory of the frame's stratum, made when first asked for; beyond `_MOST` of them none is kept."""
        place = replace(index, repetition=0)
        if place not in self.strata and len(self.strata) >= _MOST:
            return StratumMemory(earlier=self.earlier, kept=False)
        return self.strata.setdefault(place, StratumMemory(earlier=self.earlier))
