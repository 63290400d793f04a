"""`scanside replay`: a recorded scan into a running appliance, at scanner pace or faster."""

import argparse
import json
from collections.abc import Iterator
from dataclasses import asdict
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from firmware.sources import mrd_encode
from firmware.sources.mrd_file import read_mrd
from firmware.sources.player import play

WIRE_SUFFIX = ".mrdwire"
_BLOCK = 1 << 20
_READOUTS = 64
_REAL_S = {"wire": 0.1, "file": 0.064}


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("path", type=Path, help="MRD file (.h5, .mrd), or a capture of `run --record` (.mrdwire)")
    parser.add_argument("--host", default="127.0.0.1", help="appliance (default: %(default)s)")
    parser.add_argument("--port", type=int, default=9002, help="its scanner port (default: %(default)s)")
    parser.add_argument("--config-name", default="scanside", help="configuration to ask for (default: %(default)s)")
    parser.add_argument(
        "--pace", choices=("real", "fast"), default="real", help="about 1000 readouts a second, or flat out"
    )
    parser.add_argument("--json", action="store_true", help="one JSON document")


def run(options: argparse.Namespace) -> int:
    wire = options.path.suffix == WIRE_SUFFIX
    blocks = _captured(options.path) if wire else _converted(options.path, options.config_name)
    seconds = _REAL_S["wire" if wire else "file"] if options.pace == "real" else 0.0
    answers = play(blocks, options.host, options.port, seconds_per_block=seconds)
    if options.json:
        print(json.dumps({"schema": "replay/1", **asdict(answers)}))
    else:
        processed = f" and {answers.processed_images} processed ones" if answers.processed_images else ""
        print("\n".join([*answers.texts, f"{answers.images} images{processed} came back"]))
    return 0 if answers.closed else 1


def _captured(path: Path) -> Iterator[NDArray[np.uint8]]:
    """The bytes as they came; the CLOSE at their end is left to the player."""
    data = np.fromfile(path, np.uint8)
    if data[-2:].tobytes() == mrd_encode.close():
        data = data[:-2]
    for begin in range(0, len(data), _BLOCK):
        yield data[begin : begin + _BLOCK]


def _converted(path: Path, config: str) -> Iterator[NDArray[np.uint8]]:
    contents = read_mrd(path)
    yield np.frombuffer(mrd_encode.config_file(config) + mrd_encode.header(contents.xml), np.uint8)
    for batch in contents.batches:
        messages = mrd_encode.acquisitions(batch)
        for begin in range(0, len(messages), _READOUTS):
            yield np.ascontiguousarray(messages[begin : begin + _READOUTS]).view(np.uint8)
