"""Series of the bundled real scan through the engine, for the tests of the rows."""

from collections.abc import Callable, Iterator

import numpy as np

from engine.acquisition import ACQUISITION_HEADER, LAST_IN_SLICE, NOISE_MEASUREMENT, Readouts
from engine.assess.assessor import Assessor
from engine.reconstruct.series import Reconstructed, Reconstruction
from engine.types import Measurement
from firmware.sources.mrd_header import make_header, parse_header
from firmware.sources.player import ScanFile, load_scan
from models.scans import BRAIN16
from models.simulate.coil import CoilFailure
from models.simulate.series import repeated_series

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
    fault: CoilFailure | None = None,
    change: Callable[[np.ndarray, int], np.ndarray] = unchanged,
    noise_scan: bool = True,
    scan: ScanFile = BRAIN,
) -> Iterator[dict[str, Measurement]]:
    """Measurements of each frame by row; `change(lines [line, coil, sample], repetition)` makes the fault."""
    header = parse_header(make_header(scan.scan, frames), "test")
    reconstruction, assessor = Reconstruction(header, StillClock()), Assessor(header)
    series = repeated_series(scan.kspace, frames, seed, fault)
    heads = np.zeros(len(series.noise_readouts), ACQUISITION_HEADER)
    heads["flags"], heads["sample_time_us"] = NOISE_MEASUREMENT, scan.heads["sample_time_us"][0]
    if noise_scan:
        assert not list(reconstruction.add(Readouts(heads, series.noise_readouts)))
    for repetition, lines in enumerate(series.frames):
        heads = scan.heads.copy()
        heads["idx"]["repetition"], heads["flags"] = repetition, 0
        heads["flags"][-1] = LAST_IN_SLICE
        changed = np.ascontiguousarray(change(lines, repetition), np.complex64)
        for done in reconstruction.add(Readouts(heads, changed)):
            assert isinstance(done, Reconstructed)
            done = reconstruction.with_noise(done)
            yield {m.row: m for m in assessor.measure(done)}
            reconstruction.release(done.kspace)
