"""One frame on its way through the denoising network, beside its assessment."""

import numpy as np
from numpy.typing import NDArray

from engine.denoise import not_denoised, processed_frame, removed
from engine.residual import why_not_noise
from engine.types import Frame, Measurement
from firmware.inference.supervisor import InferenceWorker


class Denoising:
    """Begins at once; `finish` must be called, once, for the image's place to be free again.

    `image` is the frame in noise units, or in a word why there is none.
    """

    def __init__(self, frame: Frame, image: NDArray[np.float32] | str, worker: InferenceWorker) -> None:
        self._frame, self._image, self._worker = frame, image, worker
        self._pending = image if isinstance(image, str) else worker.submit(image)

    def finish(self) -> tuple[Frame | None, Measurement]:
        """The processed frame where there is one, and row n01; waits a bounded time.

        There is none, either, where the network took away more than noise: the image goes on as it was reconstructed.
        """
        answer = self._pending if isinstance(self._pending, str) else self._worker.collect(self._pending)
        if isinstance(answer, str):
            return None, not_denoised(answer)
        assert not isinstance(self._image, str), "what was handed over is an image"
        if why := why_not_noise(self._image, answer):
            return None, not_denoised(why)
        status = self._worker.status
        return processed_frame(self._frame, answer, f"{status.name} {status.version}"), removed(self._image, answer)
