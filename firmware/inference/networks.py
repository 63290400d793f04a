"""The networks beside the frame loop: asked before a frame's rows are measured, heard after, none of them needed."""

import logging
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import TypeVar

import numpy as np
from numpy.typing import NDArray

from engine.denoise import in_noise_units, not_denoised
from engine.quality import not_measured
from engine.types import Frame, Measurement
from firmware.inference.denoising import Denoising
from firmware.inference.earlier import EarlierImages
from firmware.inference.screening import Screening
from firmware.inference.supervisor import InferenceWorker

log = logging.getLogger(__name__)

FAULT = "internal_fault"
"""Why a network has no rows when it was us who failed."""

Outcome = TypeVar("Outcome")


@dataclass(frozen=True, slots=True)
class Networks:
    """The workers of one appliance; each is None where no such network is configured."""

    denoiser: InferenceWorker | None = None
    quality: InferenceWorker | None = None
    earlier: EarlierImages = field(default_factory=EarlierImages)

    def ask(self, scan: str, frame: Frame) -> "Asked":
        """Hand a frame to every network; never waits, and raises nothing."""
        if self.denoiser is None and self.quality is None:
            return Asked(None, None)
        image = _sheltered("the image in noise units", lambda: _in_noise_units(frame), lambda: FAULT)
        denoising, screening = None, None
        if (denoiser := self.denoiser) is not None:
            denoising = _sheltered(
                "handing to the denoiser",
                lambda: Denoising(frame, image, denoiser),
                lambda: Denoising(frame, FAULT, denoiser),
            )
        if (quality := self.quality) is not None:
            screening = _sheltered(
                "handing to the quality network",
                lambda: Screening(scan, frame, image, quality, self.earlier),
                lambda: Screening(scan, frame, FAULT, quality, self.earlier),
            )
        return Asked(denoising, screening)


@dataclass(frozen=True, slots=True)
class Asked:
    """One frame on its way; `finish` must be called, once."""

    denoising: Denoising | None
    screening: Screening | None

    def finish(self) -> tuple[Frame | None, tuple[Measurement, ...]]:
        """The denoised frame where there is one, and the networks' rows; raises nothing.

        Waits a bounded time, that of one network.
        """
        processed: Frame | None = None
        rows: tuple[Measurement, ...] = ()
        if (denoising := self.denoising) is not None:
            processed, row = _sheltered("denoising", denoising.finish, lambda: (None, not_denoised(FAULT)))
            rows = (row,)
        if (screening := self.screening) is not None:
            rows += _sheltered("screening", screening.finish, lambda: not_measured(screening.kinds, FAULT))
        return processed, rows


def _in_noise_units(frame: Frame) -> NDArray[np.float32] | str:
    image = in_noise_units(frame)
    return "noise_unknown" if image is None else image


def _sheltered(what: str, attempt: Callable[[], Outcome], instead: Callable[[], Outcome]) -> Outcome:
    try:
        return attempt()
    except Exception:
        # The supervisor seam: a fault beside the loop costs rows of one network, never a verdict nor the other's place.
        log.exception("%s failed: the frame is judged without", what)
        return instead()
