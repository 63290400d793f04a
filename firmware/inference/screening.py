"""One frame on its way through the quality network, beside its assessment."""

import numpy as np
from numpy.typing import NDArray

from engine.quality import measured, not_measured, pairs
from engine.types import Frame, Measurement
from firmware.inference.earlier import EarlierImages
from firmware.inference.supervisor import InferenceWorker, Pending


class Screening:
    """Begins at once; `finish` must be called, once, for the image's place to be free again.

    `image` is the frame in noise units, or in a word why there is none.
    """

    def __init__(
        self, scan: str, frame: Frame, image: NDArray[np.float32] | str, worker: InferenceWorker, earlier: EarlierImages
    ) -> None:
        self._frame, self._worker = frame, worker
        self._pending = image if isinstance(image, str) else _submitted(scan, frame, image, worker, earlier)

    @property
    def kinds(self) -> tuple[str, ...]:
        """Faults that the network looks for."""
        return self._worker.kinds if isinstance(self._pending, str) else self._pending.kinds

    def finish(self) -> tuple[Measurement, ...]:
        """Row n02 and one for each kind that the network looks for; waits a bounded time."""
        answer = self._pending if isinstance(self._pending, str) else self._worker.collect(self._pending)
        if isinstance(answer, str):
            return not_measured(self.kinds, answer)
        _, height, width = self._frame.data.shape
        return measured(answer, self.kinds, (height, width))


def _submitted(
    scan: str, frame: Frame, image: NDArray[np.float32], worker: InferenceWorker, earlier: EarlierImages
) -> Pending | str:
    """The image on its way beside the one before; only a sound one is kept for the next to be held against."""
    absent = worker.absent
    if absent == "no_model":
        return absent  # most likely for good: no image will ever be held against this one
    sound = frame.completeness.complete and bool(np.isfinite(image).all())
    before = earlier.exchange(scan, frame.index, image) if sound else earlier.before(scan, frame.index)
    return absent or worker.submit(pairs(image, before))
