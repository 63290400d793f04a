"""The public echo-planar scans: their ghosts, with and without what the header leaves out."""

import dataclasses

import numpy as np
import pytest

from engine.acquisition import PHASE_CORRECTION, Readouts
from engine.reconstruct.series import Reconstruction
from engine.types import Trapezoid
from firmware.sources.mrd_file import read_mrd
from firmware.sources.mrd_header import parse_header
from tests.engine.reconstruct.reconstruct_cases import StepClock, feed, only

REAL = {
    "epi4_pulseq/05_EPI": (Trapezoid(150, 400, 150, 31, 152, 4.2), 0.248, 0.046),
    "epi4_pulseq/04c_improvised_EPI": (Trapezoid(130, 640, 130, 130, 128, 5.0), 0.044, 0.057),
    "twixtools_skyra/epi": (Trapezoid(160, 240, 160, 32, 160, 3.1), 0.158, 0.124),
    "epi1_mrphysics/ramp_sampling_epi_96x96": (Trapezoid(190, 160, 190, 32, 136, 3.5), 0.266, 0.067),
    "epi1_mrphysics/basic_epi_96x96": (Trapezoid(210, 390, 210, 213, 96, 4.0), 0.232, 0.072),
}
"""Timing from the sequence files beside the data; ghost over object by the data's index, uncorrected and corrected."""


def real_frame(data_dir, name, *, known, corrected):
    contents = read_mrd(data_dir / "mr_raw" / f"{name}.mrd.h5")
    scan = parse_header(contents.xml, "real")
    batches = list(contents.batches)
    if not corrected:
        kept = [batch.head["flags"] & np.uint64(PHASE_CORRECTION) == 0 for batch in batches]
        batches = [Readouts(batch.head[k], batch.data[k]) for batch, k in zip(batches, kept, strict=True)]
    if known:
        scan = dataclasses.replace(scan, encodings=(dataclasses.replace(scan.encodings[0], trapezoid=REAL[name][0]),))
    return only(feed(Reconstruction(scan, StepClock()), batches))


def index_ghost(image):
    """Mean magnitude where the object's copy half a view away falls into air, over the object's."""
    found = image > 0.3 * np.percentile(image, 99)
    copied = np.roll(found, len(found) // 2, axis=0) & ~found
    return image[copied].mean() / image[found].mean()


@pytest.mark.data
@pytest.mark.parametrize("known", [True, False])
@pytest.mark.parametrize("name", REAL)
def test_real_trains_have_the_ghost_that_their_index_says(data_dir, name, known):
    """With the gradient's timing, uncorrected, to 1 %. The corrected ones to 25 %: our fit leaves less than theirs."""
    _, uncorrected, corrected = REAL[name]
    with_ghost = real_frame(data_dir, name, known=known, corrected=False).frame
    assert index_ghost(with_ghost.data[0]) == pytest.approx(uncorrected, rel=0.01 if known else 0.02)
    without = real_frame(data_dir, name, known=known, corrected=True).frame
    assert index_ghost(without.data[0]) == pytest.approx(corrected, rel=0.25)
    assert without.reservations == (() if known else ("ramp_not_regridded",))
