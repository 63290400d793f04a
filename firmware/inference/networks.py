"""The networks beside the frame loop: asked before a frame's rows are measured, heard after, none of them needed."""

from dataclasses import dataclass, field

from engine.types import Frame, Measurement
from firmware.inference.denoising import Denoising
from firmware.inference.earlier import EarlierImages
from firmware.inference.screening import Screening
from firmware.inference.supervisor import InferenceWorker


@dataclass(frozen=True, slots=True)
class Networks:
    """The workers of one appliance; each is None where no such network is configured."""

    denoiser: InferenceWorker | None = None
    quality: InferenceWorker | None = None
    earlier: EarlierImages = field(default_factory=EarlierImages)

    def ask(self, scan: str, frame: Frame) -> "Asked":
        """Hand a frame to every network; never waits."""
        denoising = Denoising(frame, self.denoiser) if self.denoiser is not None else None
        screening = Screening(scan, frame, self.quality, self.earlier) if self.quality is not None else None
        return Asked(denoising, screening)


@dataclass(frozen=True, slots=True)
class Asked:
    """One frame on its way; `finish` must be called, once."""

    denoising: Denoising | None
    screening: Screening | None

    def finish(self) -> tuple[Frame | None, tuple[Measurement, ...]]:
        """The denoised frame where there is one, and the networks' rows; waits a bounded time, that of one network."""
        processed: Frame | None = None
        denoised: tuple[Measurement, ...] = ()
        try:
            if self.denoising is not None:
                processed, row = self.denoising.finish()
                denoised = (row,)
        finally:
            seen = self.screening.finish() if self.screening is not None else ()
        return processed, (*denoised, *seen)
