"""Frames as the rows see them, for the tests that need few rows on many frames; and a phantom of known shape."""

from collections.abc import Callable, Iterator
from dataclasses import replace

import numpy as np

from engine.acquisition import ACQUISITION_HEADER, LAST_IN_SLICE, NOISE_MEASUREMENT, Readouts
from engine.assess.view import FrameView
from engine.reconstruct.series import Reconstructed, Reconstruction
from firmware.sources.mrd_header import make_header, parse_header
from firmware.sources.simulated import ScanFile, scan_of
from models.simulate.base import Base, kspace
from models.simulate.maps import ring_maps
from models.simulate.series import simulate_series
from tests.engine.assess.series import BRAIN, StillClock, unchanged

HEIGHT, WIDTH, COILS = 192, 160, 16
LEVEL, SPREAD = 40.0, np.sqrt(2.0)
"""Signal of the phantom; sd of the complex noise, 1 per real and imaginary part."""


def ellipse(height: int = HEIGHT, width: int = WIDTH, share: float = 0.35) -> np.ndarray:
    """`[y, x]` a filled ellipse off the centre with an edge two pixels wide; half axes are `share` of the view."""
    y, x = (np.arange(height) - height / 2 - 3.3) / height, (np.arange(width) - width / 2 + 5.7) / width
    radius = np.hypot(y[:, None], x[None]) / share
    return LEVEL / (1 + np.exp((radius - 1) * share * min(height, width) / 1.0))


def phantom(image: np.ndarray) -> ScanFile:
    """A 16-channel scan of `image [y, x]` under white noise of sd 1 per real and imaginary part."""
    height, width = image.shape
    maps = ring_maps(COILS, height, width)
    lines = np.ascontiguousarray(kspace((image * maps).transpose(1, 0, 2)), np.complex64)
    times = np.arange(height) * 10e-3
    covariance = SPREAD**2 * np.eye(COILS, dtype=np.complex128)
    order = np.arange(height)
    return scan_of(Base(lines, covariance, maps, order, times, height * 10e-3, (1.5, 1.5), 5e-3, 1e-5, 3.0))


DISC = phantom(ellipse())


def views(
    scan: ScanFile = BRAIN,
    frames: int = 2,
    seed: int = 0,
    change: Callable[[np.ndarray, int], np.ndarray] = unchanged,
    echo_times: tuple[float, ...] = (),
) -> Iterator[FrameView]:
    """Each frame of a series with fresh noise; `change(lines [line, coil, sample], repetition)` makes the fault."""
    header = parse_header(make_header(replace(scan.scan, echo_times=echo_times), frames), "test")
    reconstruction = Reconstruction(header, StillClock())
    series = simulate_series(scan.base, frames, seed)
    heads = np.zeros(len(series.noise_readouts), ACQUISITION_HEADER)
    heads["flags"], heads["sample_time_us"] = NOISE_MEASUREMENT, scan.heads["sample_time_us"][0]
    assert not list(reconstruction.add(Readouts(heads, series.noise_readouts)))
    for repetition, frame in enumerate(series.frames):
        heads = scan.heads[frame.numbers].copy()
        heads["idx"]["repetition"], heads["flags"] = repetition, 0
        heads["flags"][-1] = LAST_IN_SLICE
        changed = np.ascontiguousarray(change(frame.lines, repetition), np.complex64)
        heads["number_of_samples"] = changed.shape[2]
        for done in reconstruction.add(Readouts(heads, changed)):
            assert isinstance(done, Reconstructed)
            yield FrameView(done.kspace, done.frame, header)
            reconstruction.release(done.kspace)
