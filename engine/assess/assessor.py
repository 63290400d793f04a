"""Runs every row on every frame of one scan."""

import logging

from engine.assess import ROWS
from engine.assess.consistency import follow_lines
from engine.assess.memory import SeriesMemory
from engine.assess.power import follow_power
from engine.assess.selection import ExamMemory
from engine.assess.view import FrameView
from engine.reconstruct.series import Reconstructed
from engine.types import FrameIndex, Measurement, OpenLines, Scan

log = logging.getLogger(__name__)


class Assessor:
    """Holds what the rows remember between frames."""

    def __init__(self, scan: Scan, exam: ExamMemory | None = None) -> None:
        self._scan, self._exam = scan, exam if exam is not None else ExamMemory()
        self._memory = SeriesMemory(earlier=self._exam.best(scan))
        self._noted = False

    def measure(self, done: Reconstructed) -> tuple[Measurement, ...]:
        """One measurement per row, in table order; a row that fails says so instead of stopping the others."""
        memory = self._memory.of(done.frame.index)
        view = FrameView(done.kspace, done.frame, self._scan, memory.power)
        measurements = []
        for row, (name, unit, function) in ROWS.items():
            try:
                measurements.append(function(view, memory))
            except Exception as error:
                # A row that fails must cost its own number and nothing else; the frame is then not ok.
                log.exception("scan=%s frame=%d row %s failed", self._scan.id, done.frame.number, row)
                measurements.append(Measurement(row, name, None, unit, why_missing=f"failed: {type(error).__name__}"))
        self.forget(done.frame.index)
        self._note(view, measurements)
        return tuple(measurements)

    def follow(self, lines: OpenLines) -> None:
        """Do what can be done while lines arrive (m11, the power of the samples); `measure` does the rest."""
        memory = self._memory.of(lines.index)
        try:
            follow_lines(lines, memory)
            memory.power = follow_power(lines, memory.power)
        except Exception:
            # As in `measure`: the frame's own measurement will say that the row failed.
            log.exception("scan=%s following the lines failed", self._scan.id)

    def forget(self, index: FrameIndex) -> None:
        """Drop what was followed of a frame that is over: the next one may have the same index."""
        memory = self._memory.of(index)
        memory.progress = memory.power = None

    def _note(self, view: FrameView, measurements: list[Measurement]) -> None:
        """Tell later scans of this one, once."""
        snr = next((m.value for m in measurements if m.row == "m05"), None)
        if snr and not self._noted and view.kspace.completeness.complete:
            self._noted = True
            self._exam.note(self._scan, view.coils, snr)
