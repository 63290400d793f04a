"""A simulated series as readouts: for the simulated scanner, and as a source for judging without a network."""

from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from engine.acquisition import ACQUISITION_HEADER, LAST_IN_SLICE, NOISE_MEASUREMENT, NOT_IMAGING, Readouts
from engine.errors import InputRefused
from engine.types import CounterLimits, Encoding, Frame, Scan, Space
from firmware.sources import mrd_encode
from firmware.sources.mrd_header import make_header, parse_header
from models.simulate.base import Base
from models.simulate.fault import Fault
from models.simulate.maps import estimated_maps
from models.simulate.series import SimulatedFrame, side_air_covariance, simulate_series

_TICK_SECONDS = 2.5e-3
"""Of the acquisition time stamp."""
_REPETITION_SECONDS = 10e-3
"""Where time stamps say nothing."""
_ECHO_MS = 5.0
"""Where the header says nothing; the simulated series is acquired with it, and says so."""
_DWELL_SECONDS = 1e-5


@dataclass(frozen=True, slots=True)
class ScanFile:
    """One clean frame with the headers that its readouts are sent with."""

    scan: Scan
    heads: NDArray[np.void]
    """`[line]`."""
    base: Base

    @property
    def kspace(self) -> NDArray[np.complex64]:
        """`[coil, line, sample]`."""
        return self.base.lines.transpose(1, 0, 2)


def load_scan(path: Path) -> ScanFile:
    """The first complete 2D Cartesian frame of an MRD file; raises InputRefused."""
    from firmware.sources.mrd_file import read_mrd

    contents = read_mrd(path)
    scan = parse_header(contents.xml, "demo")
    shape = contents.batches[0].data.shape[1:]
    batches = [batch for batch in contents.batches if batch.data.shape[1:] == shape]
    heads = np.concatenate([batch.head for batch in batches])
    data = np.concatenate([batch.data for batch in batches])
    first = heads["idx"]["repetition"] == heads["idx"]["repetition"][0]
    for counter in ("slice", "contrast", "phase", "set"):
        first &= heads["idx"][counter] == heads["idx"][counter][0]
    first &= (heads["flags"] & np.uint64(NOT_IMAGING)) == 0
    lines = scan.encodings[0].encoded.matrix[1]
    heads, data = heads[first], data[first]
    if len(heads) != lines or shape[0] < 2:
        raise InputRefused(
            f"its first frame has {len(heads)} lines of {lines} and {shape[0]} channels",
            path.name,
            "give a fully sampled 2D Cartesian scan with several channels",
        )
    scan = replace(scan, echo_times=scan.echo_times or (_ECHO_MS,))
    by_line = np.argsort(heads["idx"]["kspace_encode_step_1"], kind="stable")
    order = np.argsort(by_line)  # line of each readout, in file order: the order of acquisition
    return ScanFile(scan, heads[by_line], _base(scan, heads[by_line], data[by_line], order))


def repeated_slices(file: ScanFile, slices: int) -> ScanFile:
    """The same frame as so many slices of one series: for faults that need several."""
    encodings = [
        replace(encoding, limits={**encoding.limits, "slice": CounterLimits(0, slices - 1, 0)})
        for encoding in file.scan.encodings
    ]
    scan = replace(file.scan, encodings=tuple(encodings))
    return ScanFile(scan, file.heads, replace(file.base, slices=slices))


def _base(scan: Scan, heads: NDArray[np.void], lines: NDArray[np.complex64], order: NDArray[np.intp]) -> Base:
    stamps = heads["acquisition_time_stamp"].astype(np.float64)
    times = (stamps - stamps.min()) * _TICK_SECONDS
    if not times.max() > 0:
        times[order] = np.arange(len(order)) * _REPETITION_SECONDS
    space = scan.encodings[0].encoded
    dwell = float(heads["sample_time_us"][0]) * 1e-6
    lines = np.ascontiguousarray(lines)
    return Base(
        lines=lines,
        covariance=side_air_covariance(lines.transpose(1, 0, 2)),
        maps=estimated_maps(lines),
        order=order,
        times=times,
        frame_seconds=float(times.max()) * len(times) / max(len(times) - 1, 1),
        pixel_mm=(space.field_of_view[1] / len(lines), space.field_of_view[0] / lines.shape[2]),
        echo_seconds=scan.echo_times[0] * 1e-3,
        dwell_seconds=dwell if dwell > 0 else _DWELL_SECONDS,
        field_strength=scan.field_strength,
    )


def scan_of(base: Base, protocol: str = "simulated") -> ScanFile:
    """A scan that acquires `base`: for anatomy that comes without any header."""
    height, coils, width = base.lines.shape
    space = Space((width, height, 1), (width * base.pixel_mm[1], height * base.pixel_mm[0], 5.0))
    limits = {
        "kspace_encoding_step_1": CounterLimits(0, height - 1, height // 2),
        "slice": CounterLimits(0, base.slices - 1, 0),
    }
    heads = np.zeros(height, ACQUISITION_HEADER)
    heads["sample_time_us"] = base.dwell_seconds * 1e6
    heads["center_sample"] = width // 2
    heads["idx"]["kspace_encode_step_1"] = np.arange(height)
    heads["acquisition_time_stamp"] = np.round(base.times / _TICK_SECONDS).astype(np.uint32)
    scan = Scan(
        "demo",
        (Encoding(space, space, limits),),
        coils=coils,
        protocol=protocol,
        field_strength=base.field_strength,
        echo_times=(base.echo_seconds * 1e3,),
    )
    return ScanFile(scan, heads, base)


class SimulatedScan:
    """A `Source` that acquires a series without a network."""

    def __init__(self, file: ScanFile, repetitions: int, seed: int, fault: Fault | None = None) -> None:
        self._file, self._repetitions, self._seed, self._fault = file, repetitions, seed, fault

    def header(self) -> str:
        """MRD header of the series."""
        scan = self._file.scan
        if self._fault is not None:
            scan = replace(scan, encodings=tuple(map(self._fault.encoding, scan.encodings)))
        return make_header(scan, self._repetitions)

    def scan(self) -> Scan:
        """As the appliance reads it from the header."""
        return parse_header(self.header(), self._file.scan.id)

    def readouts(self) -> Iterator[Readouts]:
        """The noise readouts, then one batch per frame in order of acquisition."""
        series = simulate_series(self._file.base, self._repetitions, self._seed, self._fault)
        heads = np.zeros(len(series.noise_readouts), ACQUISITION_HEADER)
        heads["flags"] = NOISE_MEASUREMENT
        heads["sample_time_us"] = self._file.heads["sample_time_us"][0]
        yield Readouts(heads, series.noise_readouts)
        lines = self.scan().encodings[0].encoded.matrix[1]
        for frame in series.frames:
            if len(frame.numbers):
                yield Readouts(self._heads(frame, lines), frame.lines)

    def messages(self) -> Iterator[NDArray[np.uint8]]:
        """As bytes: configuration, header and noise readouts first, then one block of messages per frame."""
        batches = self.readouts()
        start = mrd_encode.config_file("scanside") + mrd_encode.header(self.header())
        yield np.frombuffer(start + mrd_encode.acquisitions(next(batches)).tobytes(), np.uint8)
        for readouts in batches:
            yield mrd_encode.acquisitions(readouts).view(np.uint8)

    @property
    def ended_by(self) -> str:
        """A simulated series always ends in good order."""
        return "close"

    def send_image(self, frame: Frame) -> None:
        """Nobody waits for images here."""

    def send_text(self, text: str) -> None:
        """Nobody reads here."""

    def _heads(self, frame: SimulatedFrame, lines: int) -> NDArray[np.void]:
        """Headers of a frame's readouts; where the prescription changed, those of the nearest lines as they were."""
        known = self._file.heads
        heads = known[frame.numbers * len(known) // lines].copy()
        if lines != len(known):
            heads["idx"]["kspace_encode_step_1"] = frame.numbers
        if frame.lines.shape[2] != self._file.base.lines.shape[2]:
            heads["center_sample"] = frame.lines.shape[2] // 2
        heads["idx"]["repetition"], heads["idx"]["slice"] = frame.repetition, frame.slice
        ticks = round(frame.repetition * self._file.base.frame_seconds / _TICK_SECONDS)
        heads["acquisition_time_stamp"] += np.uint32(ticks)
        heads["flags"] = 0
        heads["flags"][-1] = LAST_IN_SLICE
        return heads
