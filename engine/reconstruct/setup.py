"""What all frames of one kind share: plan, whitening, transforms and their work arrays."""

import math

import numpy as np
from numpy.typing import NDArray

from engine.reconstruct.combine import CoilCombination
from engine.reconstruct.epi import RowTransform, row_transform
from engine.reconstruct.plan import AxisPlan, FramePlan, usable_trapezoid
from engine.reconstruct.pool import FrameShape
from engine.reconstruct.whiten import whitening_matrix
from engine.types import Encoding, Noise

_MOST_TRANSFORMS = 64  # a hostile sender may change the echo position with every readout


class FrameSetup:
    """Frames of one encoding with one number of coils and samples and one dwell time.

    The image scale is fixed here, so it never changes within a series. Whitened (noise measured): SNR units (Kellman
    and McVeigh 2005), noise sd 1 per real and imaginary part in a frame with every expected line and average, however
    much of k-space is zero-filled. Otherwise: the unitary transform of the zero-filled matrix.
    """

    def __init__(
        self, plan: FramePlan, readout: AxisPlan, encoding: Encoding, coils: int, samples: int, noise: Noise | None
    ) -> None:
        self.plan, self.readout, self.recon, self.coils, self.samples = plan, readout, encoding.recon, coils, samples
        self.noise = noise
        self.echo_planar = encoding.trajectory == "epi"
        self.regridded = usable_trapezoid(encoding, samples) is not None
        self._encoding = encoding
        self.whitening: NDArray[np.complex64] | None = whitening_matrix(noise.covariance) if noise else None
        self.shape = FrameShape(plan.lines, coils, samples, readout.image)
        self.combination = CoilCombination(plan.phase, readout.image)
        self._transforms: dict[tuple[int, int, int, bool], RowTransform] = {}
        expected = max(len(plan.expected), 1)
        self.image_scale = math.sqrt(
            plan.averages / expected if self.whitening is not None else 1 / plan.phase.transform
        )

    def transform(self, center: int, used: slice, *, reverse: bool) -> RowTransform:
        """For readouts in k order with k = 0 at sample `center` of which those in `used` are not discarded."""
        key = (center, used.start, used.stop, reverse and self.echo_planar)
        known = self._transforms.get(key)
        if known is None:
            if len(self._transforms) >= _MOST_TRANSFORMS:
                self._transforms.clear()
            count = used.stop - used.start
            scale = 1 / math.sqrt(count if self.whitening is not None else self.readout.transform)
            shape = self.coils, self.samples
            known = row_transform(
                self._encoding, self.readout, shape, center, scale, used, self.whitening, reverse=reverse
            )
            self._transforms[key] = known
        return known

    def noise_sd(self, counts: NDArray[np.int32], samples_used: int, noise: Noise | None) -> float | None:
        """Noise sd per real and imaginary part in the image, given how often each line came; None: unknown.

        Without whitening it is the root mean square over coils, as the root sum of squares has it.
        """
        if noise is None:
            return None
        lines = float((1.0 / counts[counts > 0]).sum())
        if self.whitening is not None:
            return self.image_scale * math.sqrt(lines)
        variance = float(noise.covariance.diagonal().real.mean()) / 2 * samples_used / self.readout.transform
        return self.image_scale * math.sqrt(lines * variance)
