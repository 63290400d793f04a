"""A simulated series as a scanner would send it: headers, order, flags and times."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from engine.acquisition import LAST_IN_SLICE, NOISE_MEASUREMENT
from firmware.clock import SystemClock
from firmware.offline import judge_source
from firmware.sources.simulated import ScanFile, SimulatedScan, load_scan, scan_of
from models.scans import BRAIN16
from models.simulate import combine, make_fault
from models.simulate.order import centre_out, line_times
from tests.models.simulate.bases import phantom


def batches(file: ScanFile, repetitions: int = 2, fault=None):
    noise, *frames = SimulatedScan(file, repetitions, 0, fault).readouts()
    return noise, frames


def test_the_file_as_it_was_scanned() -> None:
    file = load_scan(BRAIN16)
    assert file.base.lines.shape == (128, 16, 128)
    assert file.base.order.tolist() == list(range(128))
    assert file.base.frame_seconds == pytest.approx(6.14, abs=0.01)
    assert file.base.pixel_mm == (2.0, 2.0)
    assert file.scan.echo_times[0] == pytest.approx(file.base.echo_seconds * 1e3)


@pytest.mark.data
def test_a_scan_out_of_order_keeps_its_order(data_dir: Path) -> None:
    file = load_scan(data_dir / "mr_raw" / "brain2_centreout_cimax" / "brain_2img_body2.mrd.h5")
    assert file.base.order[:5].tolist() == [64, 63, 65, 62, 66]
    assert (np.diff(file.base.times[file.base.order]) >= 0).all()
    _, frames = batches(file, 1)
    assert frames[0].head["idx"]["kspace_encode_step_1"][:5].tolist() == [64, 63, 65, 62, 66]


def test_noise_comes_first_and_frames_end_with_their_last_line() -> None:
    noise, frames = batches(load_scan(BRAIN16))
    assert (noise.head["flags"] == NOISE_MEASUREMENT).all()
    assert len(frames) == 2
    for repetition, frame in enumerate(frames):
        assert (frame.head["idx"]["repetition"] == repetition).all()
        assert np.flatnonzero(frame.head["flags"] & np.uint64(LAST_IN_SLICE)).tolist() == [127]
    stamps = np.concatenate([frame.head["acquisition_time_stamp"] for frame in frames]).astype(int)
    assert (np.diff(stamps) > 0).all()


def test_lines_that_are_missing_are_not_sent_and_the_last_one_sent_ends_the_frame() -> None:
    file = load_scan(BRAIN16)
    fault = make_fault("missing-lines", file.base, 1, 1)
    _, (whole, short) = batches(file, 2, fault)
    sent = short.head["idx"]["kspace_encode_step_1"].tolist()
    assert sorted({*range(128)} - {*sent}) == list(fault.truth.lines)
    assert len(whole) == 128
    assert np.flatnonzero(short.head["flags"]).tolist() == [len(short) - 1]


def test_lines_are_sent_in_the_order_of_the_base() -> None:
    order = centre_out(64)
    base = replace(phantom(), order=order, times=line_times(order, 0.02))
    _, (frame,) = batches(scan_of(base), 1)
    assert frame.head["idx"]["kspace_encode_step_1"].tolist() == order.tolist()
    _, (smaller,) = batches(scan_of(base), 1, make_fault("wrap", base, 0, 0, strength=25.0))
    assert smaller.head["idx"]["kspace_encode_step_1"].tolist() == centre_out(48).tolist()


def test_every_slice_is_a_frame_of_its_own() -> None:
    _, frames = batches(scan_of(phantom(8, slices=3)))
    places = [(int(f.head["idx"]["repetition"][0]), int(f.head["idx"]["slice"][0])) for f in frames]
    assert places == [(repetition, number) for repetition in range(2) for number in range(3)]


def test_a_smaller_view_is_reconstructed_with_pixels_of_the_same_size() -> None:
    file = scan_of(phantom())
    fault = combine([make_fault(kind, file.base, 0, 0, strength=25.0) for kind in ("wrap", "cut-off")])
    report = judge_source(SimulatedScan(file, 1, 0, fault), SystemClock())
    (frame,) = report.frames
    assert frame.image is not None
    assert frame.image.data.shape == (1, 48, 48)
    assert frame.image.geometry.field_of_view[:2] == (96.0, 96.0)
    assert frame.image.completeness.complete


def test_a_drift_of_known_frequency_reads_as_such() -> None:
    base = replace(phantom(16), dwell_seconds=2e-4)
    fault = make_fault("frequency-drift", base, 0, 1, strength=40.0)
    report = judge_source(SimulatedScan(scan_of(base), 7, 0, fault), SystemClock())
    (found,) = [m for m in report.measurements if m.row == "m19"]
    assert found.value == pytest.approx(40.0, rel=0.02)
