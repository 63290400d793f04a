"""The simulated scanner: prebuilt MRD v1 messages into a host and port, at a scanner's pace or as fast as it goes."""

import socket
import struct
import threading
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from engine.errors import Unavailable
from firmware.sources import mrd_encode
from firmware.sources.mrd_image import IMAGE_HEADER, PROCESSED

_ANSWER_S = 30.0


@dataclass
class Answers:
    """What the appliance sent back."""

    images: int = 0
    """As reconstructed."""
    processed_images: int = 0
    """What a network made of them."""
    texts: list[str] = field(default_factory=list)
    closed: bool = False


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
                if np.frombuffer(head, IMAGE_HEADER)["image_series_index"][0] == PROCESSED:
                    answers.processed_images += 1
                else:
                    answers.images += 1
            else:
                return
