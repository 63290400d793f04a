"""Coil elements that fail: a broken plug, cable or preamplifier."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

_RESIDUAL_NOISE = np.float32(0.1)


@dataclass(frozen=True, slots=True)
class CoilFailure:
    """The truth of the fault: which elements, from which repetition on."""

    elements: tuple[int, ...]
    first_frame: int
    kind: str = "coil_element"

    def apply(self, lines: NDArray[np.complex64], noise: NDArray[np.complex64]) -> NDArray[np.complex64]:
        """`lines [line, coil, sample]` with `noise` of the same shape; the failed elements carry a little noise only.

        The preamplifier sits in the coil: without the plug the receiver hears neither the patient nor the amplified
        noise of the element, only its own, taken here as 20 dB lower.
        """
        data = lines + noise
        failed = list(self.elements)
        data[:, failed] = _RESIDUAL_NOISE * noise[:, failed]
        return data


def connector(coils: int, seed: int) -> tuple[int, ...]:
    """The four elements of one connector, as head coils are commonly wired."""
    plugs = max(1, coils // 4)
    first = 4 * int(np.random.default_rng(seed).integers(plugs))
    return tuple(range(first, min(first + 4, coils)))
