"""Runs every row on every frame of one scan."""

import logging

from engine.assess import ROWS
from engine.assess.memory import SeriesMemory
from engine.assess.view import FrameView
from engine.reconstruct.series import Reconstructed
from engine.types import Measurement, Scan

log = logging.getLogger(__name__)


class Assessor:
    """Holds what the rows remember between frames."""

    def __init__(self, scan: Scan) -> None:
        self._scan = scan
        self._memory = SeriesMemory()

    def measure(self, done: Reconstructed) -> tuple[Measurement, ...]:
        """One measurement per row, in table order; a row that fails says so instead of stopping the others."""
        view = FrameView(done.kspace, done.frame)
        memory = self._memory.of(done.frame.index)
        measurements = []
        for row, (name, unit, function) in ROWS.items():
            try:
                measurements.append(function(view, memory))
            except Exception as error:
                # A row that fails must cost its own number and nothing else; the frame is then not ok.
                log.exception("scan=%s frame=%d row %s failed", self._scan.id, done.frame.number, row)
                measurements.append(Measurement(row, name, None, unit, why_missing=f"failed: {type(error).__name__}"))
        return tuple(measurements)
