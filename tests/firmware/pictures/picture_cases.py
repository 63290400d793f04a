"""Frames and a clock for the tests of pictures."""

from dataclasses import dataclass

import numpy as np

from engine.picture import Quantised
from engine.types import Completeness, Frame, FrameIndex, Geometry, Timings

GEOMETRY = Geometry((1, 2, 3), (1, 0, 0), (0, 1, 0), (0, 0, 1), (256.0, 128.0, 5.0))
IMAGE = np.random.default_rng(3).random((1, 32, 64), np.float32)


@dataclass
class HandClock:
    """Both clocks, moved by hand."""

    time: float = 1000.0
    wall: float = 1.7e9

    def monotonic(self):
        return self.time

    def now(self):
        return self.wall

    def advance(self, seconds):
        self.time += seconds
        self.wall += seconds


def frame(number=0, data=IMAGE, processed_by=""):
    return Frame(
        number=number,
        index=FrameIndex(),
        data=data,
        noise_sd=1.0,
        snr_units=True,
        coils=3,
        geometry=GEOMETRY,
        completeness=Completeness(32, 32),
        header=np.zeros((), [("version", "<u2")]),
        timings=Timings(0.0, 0.0, 0.0),
        processed_by=processed_by,
    )


def small(shape=(4, 4)):
    return Quantised(np.arange(np.prod(shape), dtype=np.uint8).reshape(shape), -60.0, 0.25)
