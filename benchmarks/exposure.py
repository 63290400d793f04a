"""The scanner beside a site: the bundled scan with a simulated fault, sent image by image as it is told to."""

import itertools
import queue
import threading
from collections.abc import Iterator
from dataclasses import replace

import numpy as np
from numpy.typing import NDArray

from engine.errors import Unavailable
from firmware.cli.demo_fault import NONE, FaultWishes, demo_scan, wished_fault
from firmware.sources.player import Answers, play
from firmware.sources.simulated import SimulatedScan
from models.scans import BRAIN16

Blocks = Iterator[NDArray[np.uint8]]


def brain_series(
    frames: int, kind: str = NONE, *, first: int = 0, element: str | None = None, seed: int = 0, protocol: str = ""
) -> Blocks:
    """The bundled scan with fresh noise and a simulated fault: what precedes the images, then one block an image."""
    wishes = FaultWishes(kind, seed, first, elements=element)
    file = demo_scan(BRAIN16, wishes)
    if protocol:
        file = replace(file, scan=replace(file.scan, protocol=protocol))
    return SimulatedScan(file, frames, seed, wished_fault(file.base, wishes)).messages()


def with_impossible_numbers(blocks: Blocks, first: int) -> Blocks:
    """The same with one sample that is no number in each image from `first` on: it cannot be judged."""
    for number, block in enumerate(blocks):
        if number > first:
            block = block.copy()
            block[-8:].view(np.float32)[:] = np.nan
        yield block


class Exposure:
    """One series on its way into an appliance, image by image as it is told to."""

    def __init__(self, blocks: Blocks, port: int) -> None:
        self._orders: queue.SimpleQueue[bool] = queue.SimpleQueue()
        """True: one image more; False: that was all."""
        self.answers = Answers()
        self.broken = ""
        """Why the connection ended before the series did."""
        self._thread = threading.Thread(target=self._play, args=(blocks, port), daemon=True)
        self._thread.start()

    def send(self, images: int = 1) -> None:
        """So many more images; returns at once."""
        for _ in range(images):
            self._orders.put(True)

    def end(self, timeout: float = 30.0) -> Answers:
        """Says that the series is over, once what was ordered is sent; raises Unavailable when nobody answers."""
        self._orders.put(False)
        self._thread.join(timeout)
        if self._thread.is_alive():
            raise Unavailable("the appliance never ended the session")
        return self.answers

    def _play(self, blocks: Blocks, port: int) -> None:
        try:
            self.answers = play(self._ordered(blocks), "127.0.0.1", port, seconds_per_block=0)
        except (OSError, Unavailable) as error:
            self.broken = str(error)

    def _ordered(self, blocks: Blocks) -> Blocks:
        yield next(blocks)
        while self._orders.get():
            yield from itertools.islice(blocks, 1)
