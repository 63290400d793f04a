"""The tail: phase-encode transform and root sum of squares, after the last line."""

import numpy as np
from numpy.typing import NDArray
from scipy import fft

from engine.reconstruct.plan import AxisPlan


class CoilCombination:
    """Magnitude images of hybrid frames of one size; keeps its work arrays.

    Only magnitudes leave, so the shift of k-space before the transform (a phase) is left out and the shift of the
    image is done by writing its two halves where they belong. Coil by coil: one coil's transform (512 KiB at
    256 x 256) is squared and added while it is in cache. Measured on one core of an EPYC, 256 x 256, 8 coils: 1.5 ms
    with scipy.fft along the lines, 3.7 to 4.8 ms with numpy.fft.
    """

    def __init__(self, axis: AxisPlan, width: int) -> None:
        self._length = axis.transform
        self._upper = axis.image // 2
        self._lower = axis.image - self._upper
        self._sum = np.empty((axis.image, 2 * width), np.float32)
        self._square = np.empty_like(self._sum)

    def magnitude(self, hybrid: NDArray[np.complex64], scale: float) -> NDArray[np.float32]:
        """Root sum of squares `[y, x]` of `hybrid` `[line, coil, x]`, a new array.

        `scale` multiplies the plain sum over lines (`1 / sqrt(transform length)` is unitary).
        """
        for coil in range(hybrid.shape[1]):
            image = fft.ifft(hybrid[:, coil], n=self._length, axis=0, norm="forward", workers=1)
            self._add_power(image.view(np.float32), first=coil == 0)
        power = self._sum[:, 0::2] + self._sum[:, 1::2]
        np.sqrt(power, out=power)
        power *= np.float32(scale)
        return power

    def _add_power(self, pairs: NDArray[np.float32], *, first: bool) -> None:
        target = self._sum if first else self._square
        top, bottom = pairs[self._length - self._upper :], pairs[: self._lower]
        np.multiply(top, top, out=target[: self._upper])
        np.multiply(bottom, bottom, out=target[self._upper :])
        if not first:
            np.add(self._sum, self._square, out=self._sum)
