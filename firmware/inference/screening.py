"""One frame on its way through the quality network, beside its assessment."""

from engine.denoise import in_noise_units
from engine.quality import measured, not_measured, pairs
from engine.types import Frame, Measurement
from firmware.inference.earlier import EarlierImages
from firmware.inference.supervisor import InferenceWorker, Pending


class Screening:
    """Begins at once; `finish` must be called, once, for the image's place to be free again."""

    def __init__(self, scan: str, frame: Frame, worker: InferenceWorker, earlier: EarlierImages) -> None:
        self._frame, self._worker = frame, worker
        self._pending: Pending | str = "noise_unknown"
        if (image := in_noise_units(frame)) is not None:
            self._pending = worker.submit(pairs(image, earlier.exchange(scan, frame.index, image)))

    def finish(self) -> tuple[Measurement, ...]:
        """Row n02 and one for each kind that the network looks for; waits a bounded time."""
        if isinstance(self._pending, str):
            return not_measured(self._worker.kinds, self._pending)
        answer = self._worker.collect(self._pending)
        kinds = self._pending.kinds
        if isinstance(answer, str):
            return not_measured(kinds, answer)
        _, height, width = self._frame.data.shape
        return measured(answer, kinds, (height, width))
