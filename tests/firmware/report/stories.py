"""Scans whose story is told in the tests, with pictures of 32 x 32 pixels where every one would take long."""

from collections.abc import Iterator
from dataclasses import replace
from functools import cache

import numpy as np

from engine.decide.decider import Decider
from engine.decide.moment import Moment
from engine.types import Frame, Measurement, Where
from firmware.clock import SystemClock
from firmware.offline import ScanReport, judge_source
from firmware.pictures.files import Plane
from firmware.pictures.planes import image_plane
from firmware.record import ScanRecord
from firmware.scan_record import begun
from firmware.sinks.payloads import DecisionPayload, Flag, decision_payload, flag_payload
from firmware.sources.simulated import SimulatedScan, load_scan
from models.scans import BRAIN16
from models.simulate.coil_loss import lose_elements
from tests.engine.decide.test_decide_decider import SCAN, frame, measurements

HOSTILE = "<script>alert(1)</script>\"'&amp;<img src=x onerror=alert(2)>{{ 7 * 7 }}‮gpj"


@cache
def lost_connector() -> ScanReport:
    """The bundled head; four elements fail in the third of six images."""
    return judge_source(SimulatedScan(load_scan(BRAIN16), 6, 1, lose_elements((12, 13, 14, 15), 2)), SystemClock())


def shaded(number: int) -> Frame:
    pixels = np.add.outer(np.arange(32), np.arange(32)).astype(np.float32)
    return replace(frame(number), data=pixels[None])


def plane(number: int) -> Plane:
    return image_plane(shaded(number))


class LongScan:
    """So many frames with ghosts in each tenth; every row has a value in each."""

    def __init__(self, frames: int, protocol: str = "long") -> None:
        self.frames = frames
        self.scan = replace(SCAN, protocol=protocol, scanner=protocol, body_part=protocol)
        self.record: ScanRecord = begun(self.scan, Moment(1_000_000.0))
        self.flags: list[Flag] = []
        self.looked_at: list[int] = []

    def decisions(self) -> Iterator[DecisionPayload]:
        decider = Decider(self.scan)
        for number in range(self.frames):
            made = decider.frame(shaded(number), self.rows(number))
            self.flags += [flag_payload(finding, self.scan) for finding in made.changes]
            yield decision_payload(made, self.scan, {})
        yield decision_payload(decider.close("close"), self.scan, {})

    def rows(self, number: int) -> list[Measurement]:
        ghost = 20.0 if number % 10 == 9 else 1.0
        where = Where(box=(2, 4, 10, 12))
        return [replace(m, where=where) if m.row == "m09" else m for m in measurements(m09=ghost)]

    def picture(self, number: int) -> Plane:
        self.looked_at.append(number)
        return plane(number)
