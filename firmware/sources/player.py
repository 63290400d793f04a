"""The simulated scanner: prebuilt MRD v1 messages into a host and port, at a scanner's pace or as fast as it goes."""

import socket
import struct
import threading
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from engine.acquisition import ACQUISITION_HEADER, LAST_IN_SLICE, NOISE_MEASUREMENT, NOT_IMAGING, Readouts
from engine.errors import InputRefused, Unavailable
from engine.types import Scan
from firmware.sources import mrd_encode
from firmware.sources.mrd_file import read_mrd
from firmware.sources.mrd_header import make_header, parse_header
from models.simulate.coil import CoilFailure
from models.simulate.series import repeated_series

_ANSWER_S = 30.0


@dataclass
class Answers:
    """What the appliance sent back."""

    images: int = 0
    texts: list[str] = field(default_factory=list)
    closed: bool = False


@dataclass(frozen=True, slots=True)
class ScanFile:
    """One real frame: its header and its lines in order."""

    scan: Scan
    heads: NDArray[np.void]
    kspace: NDArray[np.complex64]
    """`[coil, line, sample]`."""


def load_scan(path: Path) -> ScanFile:
    """The first complete 2D Cartesian frame of an MRD file; raises InputRefused."""
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
    order = np.argsort(heads["idx"]["kspace_encode_step_1"], kind="stable")
    return ScanFile(scan, heads[order], np.ascontiguousarray(data[order].transpose(1, 0, 2)))


def series_messages(
    file: ScanFile, repetitions: int, seed: int, fault: CoilFailure | None
) -> Iterator[NDArray[np.uint8]]:
    """Configuration, header and noise readouts first, then one block of messages per repetition."""
    series = repeated_series(file.kspace, repetitions, seed, fault)
    start = mrd_encode.config_file("scanside") + mrd_encode.header(make_header(file.scan, repetitions))
    heads = np.zeros(len(series.noise_readouts), ACQUISITION_HEADER)
    heads["flags"] = NOISE_MEASUREMENT
    heads["sample_time_us"] = file.heads["sample_time_us"][0]
    noise = mrd_encode.acquisitions(Readouts(heads, series.noise_readouts))
    yield np.frombuffer(start + noise.tobytes(), np.uint8)
    for repetition, lines in enumerate(series.frames):
        heads = file.heads.copy()
        heads["idx"]["repetition"] = repetition
        heads["flags"] = 0
        heads["flags"][-1] = LAST_IN_SLICE
        yield mrd_encode.acquisitions(Readouts(heads, lines)).view(np.uint8)


def play(
    blocks: Iterator[NDArray[np.uint8]],
    host: str,
    port: int,
    *,
    seconds_per_block: float,
    pieces: int = 32,
    sent: Callable[[int], None] = lambda _: None,
) -> Answers:
    """Send blocks over one connection, each spread over its time in `pieces`; returns what came back until CLOSE.

    Raises Unavailable when nobody listens.
    """
    try:
        connection = socket.create_connection((host, port), timeout=10)
    except OSError as error:
        raise Unavailable(
            f"no appliance at {host} port {port} ({error})", mend="start it with `scanside run`"
        ) from error
    with connection:
        connection.settimeout(None)
        connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        answers = Answers()
        reader = threading.Thread(target=_read_answers, args=(connection, answers), daemon=True)
        reader.start()
        started = time.monotonic()
        for number, block in enumerate(blocks):
            for piece, part in enumerate(np.array_split(block, pieces if seconds_per_block else 1)):
                due = started + seconds_per_block * (max(number - 1, 0) + piece / pieces)
                if (wait := due - time.monotonic()) > 0 and number:
                    time.sleep(wait)
                connection.sendall(part.data)
            sent(number)
        connection.sendall(mrd_encode.close())
        reader.join(_ANSWER_S)
    return answers


def _read_answers(connection: socket.socket, answers: Answers) -> None:
    with connection.makefile("rb") as stream:
        while len(start := stream.read(2)) == 2:
            (message,) = struct.unpack("<H", start)
            if message == 4:
                answers.closed = True
                return
            if message == 5:
                (length,) = struct.unpack("<I", stream.read(4))
                answers.texts.append(stream.read(length).decode("utf-8", "replace"))
            elif message == 1022:
                head = stream.read(198)
                (attributes,) = struct.unpack("<Q", stream.read(8))
                x, y, z = struct.unpack_from("<3H", head, 16)
                (channels,) = struct.unpack_from("<H", head, 34)
                stream.read(attributes + x * y * z * channels * (2 if head[2] == 2 else 4))
                answers.images += 1
            else:
                return
