"""One frame on its way through the denoising network, beside its assessment."""

from engine.denoise import in_noise_units, not_denoised, processed_frame, removed
from engine.residual import why_not_noise
from engine.types import Frame, Measurement
from firmware.inference.supervisor import InferenceWorker


class Denoising:
    """Begins at once; `finish` must be called, once, for the image's place to be free again."""

    def __init__(self, frame: Frame, worker: InferenceWorker) -> None:
        self._frame, self._worker = frame, worker
        self._image = in_noise_units(frame)
        self._pending = worker.submit(self._image) if self._image is not None else "noise_unknown"

    def finish(self) -> tuple[Frame | None, Measurement]:
        """The processed frame where there is one, and row n01; waits a bounded time.

        There is none, either, where the network took away more than noise: the image goes on as it was reconstructed.
        """
        answer = self._pending if isinstance(self._pending, str) else self._worker.collect(self._pending)
        if isinstance(answer, str):
            return None, not_denoised(answer)
        assert self._image is not None, "what was handed over is an image"
        if why := why_not_noise(self._image, answer):
            return None, not_denoised(why)
        status = self._worker.status
        return processed_frame(self._frame, answer, f"{status.name} {status.version}"), removed(self._image, answer)
