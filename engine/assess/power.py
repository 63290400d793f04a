"""Power of the samples over all whitened elements, computed as lines arrive and shared by the rows that need it."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from engine.types import FrameIndex, OpenLines


def sample_power(raw: NDArray[np.complex64], whitening: NDArray[np.complex64] | None) -> NDArray[np.float32]:
    """`[line, sample]` P = sum over coils of |y|^2 / 2, raw `[line, coil, sample]`: Gamma(coils, 1) on white noise."""
    values = raw if whitening is None else np.matmul(whitening, raw)
    parts = np.ascontiguousarray(values).view(np.float32)
    summed = np.einsum("lcs,lcs->ls", parts, parts)
    return np.asarray(0.5 * (summed[:, 0::2] + summed[:, 1::2]))


@dataclass
class PowerProgress:
    """The power of one frame's lines as far as they have come."""

    index: FrameIndex
    whitening: NDArray[np.complex64]
    power: NDArray[np.float32]
    """`[line, sample]`, zero where no line came yet."""
    there: NDArray[np.bool_]

    def advance(self, lines: OpenLines) -> None:
        """Take the lines that came since the last call."""
        fresh = np.flatnonzero((lines.counts > 0) & ~self.there)
        if len(fresh):
            self.power[fresh] = sample_power(lines.data[fresh], self.whitening)
            self.there[fresh] = True


def follow_power(lines: OpenLines, progress: PowerProgress | None) -> PowerProgress | None:
    """The same progress, further, or that of another frame, begun; None where the noise is not known beforehand."""
    if lines.whitening is None:
        return None
    count, _, samples = lines.data.shape
    if progress is None or progress.index != lines.index or progress.power.shape != (count, samples):
        empty = np.zeros((count, samples), np.float32)
        progress = PowerProgress(lines.index, lines.whitening, empty, np.zeros(count, bool))
    progress.advance(lines)
    return progress
