"""MRD v1 messages as bytes: what we send to scanners, and what the simulated scanner sends."""

import struct

import numpy as np
from numpy.typing import NDArray

from engine.acquisition import ACQUISITION_HEADER, Readouts
from firmware.sources import mrd_codec as codec


def config_file(name: str) -> bytes:
    """`name` has at most 1023 bytes."""
    return struct.pack("<H1024s", codec.CONFIG_FILE, name.encode()[:1023])


def config_text(text: str) -> bytes:
    return _string(codec.CONFIG_TEXT, text)


def header(xml: str) -> bytes:
    return _string(codec.HEADER, xml)


def text(line: str) -> bytes:
    return _string(codec.TEXT, line or " ")


def close() -> bytes:
    return struct.pack("<H", codec.CLOSE)


def acquisitions(readouts: Readouts) -> NDArray[np.void]:
    """One message per readout, `[readout]` of bytes in a row; without trajectory."""
    count, channels, samples = readouts.data.shape
    messages = np.zeros(count, [("id", "<u2"), ("head", ACQUISITION_HEADER), ("data", "<c8", (channels, samples))])
    messages["id"] = codec.ACQUISITION
    messages["head"] = readouts.head
    messages["head"]["version"] = 1
    messages["head"]["number_of_samples"] = samples
    messages["head"]["active_channels"] = messages["head"]["available_channels"] = channels
    messages["head"]["trajectory_dimensions"] = 0
    messages["data"] = readouts.data
    return messages


def _string(message: int, value: str) -> bytes:
    # Never without content: the C++ reader of length 0 reads out of bounds.
    encoded = value.encode() or b" "
    return struct.pack("<HI", message, len(encoded)) + encoded
