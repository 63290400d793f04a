"""Series of the bundled real scan through the engine, for the tests of the rows."""

from collections.abc import Callable, Iterator

import numpy as np

from engine.acquisition import Readouts
from engine.assess.assessor import Assessor
from engine.assess.selection import ExamMemory
from engine.reconstruct.series import Reconstructed, Reconstruction
from engine.types import Measurement
from firmware.sources.simulated import ScanFile, SimulatedScan, load_scan
from models.scans import BRAIN16
from models.simulate.fault import Fault

BRAIN: ScanFile = load_scan(BRAIN16)


class StillClock:
    def monotonic(self) -> float:
        return 0.0

    def now(self) -> float:
        return 0.0


def unchanged(lines: np.ndarray, repetition: int) -> np.ndarray:
    return lines


def measured(
    seed: int = 0,
    frames: int = 3,
    fault: Fault | None = None,
    change: Callable[[np.ndarray, int], np.ndarray] = unchanged,
    noise_scan: bool = True,
    scan: ScanFile = BRAIN,
    exam: ExamMemory | None = None,
) -> Iterator[dict[str, Measurement]]:
    """Measurements of each frame by row; `change(lines [line, coil, sample], repetition)` makes the fault."""
    source = SimulatedScan(scan, frames, seed, fault)
    header = source.scan()
    reconstruction, assessor = Reconstruction(header, StillClock()), Assessor(header, exam)
    noise, *batches = source.readouts()
    if noise_scan:
        assert not list(reconstruction.add(noise))
    for repetition, batch in enumerate(batches):
        changed = np.ascontiguousarray(change(batch.data, repetition), np.complex64)
        for done in reconstruction.add(Readouts(batch.head, changed)):
            assert isinstance(done, Reconstructed)
            done = reconstruction.with_noise(done)
            yield {m.row: m for m in assessor.measure(done)}
            reconstruction.release(done.kspace)
