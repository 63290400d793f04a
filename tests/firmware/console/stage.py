"""A real console on a staged record: `python -m tests.firmware.console.stage --state rescan` prints its address.

The bundled scan goes through the real loop, with a simulated fault where the state needs one; the series is left
running until the stage is ended, unless `--end` is given.
"""

import argparse
import tempfile
import threading
import time
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import msgspec

from engine.acquisition import Readouts
from engine.types import Frame, Scan
from firmware.cli.demo_fault import FaultWishes, demo_scan, wished_fault
from firmware.clock import SystemClock
from firmware.health import Health
from firmware.journal import Entry, Outgoing
from firmware.journal_reader import JournalReader
from firmware.latency import Latencies
from firmware.loop import Loop, run_scan
from firmware.pictures.writer import Pictures
from firmware.record import ScanRecord
from firmware.recorder import Recorder
from firmware.sinks import topics
from firmware.sinks.payloads import DecisionPayload, DiskPayload, HealthPayload
from firmware.sources.simulated import SimulatedScan
from models.scans import BRAIN16
from tests.firmware.console.loop_end import APPLIANCE, LoopEnd

FAULTS = {
    "ok": "none",
    "learning": "none",
    "warn": "weak-element",
    "rescan": "coil-loss",
    "cannot_judge": "none",
}
LONG = 10_000
_STRATUM_SEEN = 9


class PacedScan:
    """A `Source`: a simulated series, frame by frame, which ends when it is told to."""

    def __init__(self, scan: str, fault: str, frames: int, every_s: float, stop: threading.Event, *, end: bool) -> None:
        wishes = FaultWishes(fault, 1, min(3, frames - 1))
        file = demo_scan(BRAIN16, wishes)
        self._source = SimulatedScan(file, frames, 1, wished_fault(file.base, wishes))
        self._id, self._every_s, self._stop, self._end = scan, every_s, stop, end
        self.encodings = self._source.scan().encodings
        self.protocol = ""

    def scan(self) -> Scan:
        scan = self._source.scan()
        return replace(scan, id=self._id, encodings=self.encodings, protocol=self.protocol or scan.protocol)

    def readouts(self) -> Iterator[Readouts]:
        for readouts in self._source.readouts():
            yield readouts
            self._stop.wait(self._every_s)
        if not self._end:
            self._stop.wait()

    @property
    def ended_by(self) -> str:
        return "close"

    def send_image(self, frame: Frame) -> None:
        pass

    def send_text(self, text: str) -> None:
        pass


class Stage:
    """The loop's own parts around `LoopEnd`: scans that are judged, recorded and pictured as in the appliance."""

    def __init__(self, loop_end: LoopEnd) -> None:
        self.loop_end, self.stop = loop_end, threading.Event()
        self.health, self.latencies, clock = Health(), Latencies(), SystemClock()
        self.pictures = Pictures(
            loop_end.pictures,
            clock,
            self.health,
            retention_days=7.0,
            limit_mib=512,
            on_dropped=lambda note: loop_end.journal.append(Entry(note=note)),
        )
        self.pictures.start()
        self.recorder = Recorder(
            APPLIANCE,
            loop_end.journal,
            clock,
            self.health,
            self.latencies,
            retain=loop_end.retain,
            hint=lambda _topic, _payload: None,
        )
        self._loop = Loop(clock, self.health, self.recorder.record, began=self.recorder.begin, pictures=self.pictures)
        self._threads: list[threading.Thread] = []
        self.strata: set[str] = set()
        """Those that have enough series on record."""

    def play(self, source: PacedScan) -> threading.Thread:
        """Run a scan beside whatever else happens; returns its thread."""
        thread = threading.Thread(target=run_scan, args=(source, self._loop), daemon=True)
        self._threads.append(thread)
        thread.start()
        return thread

    def seen(self, stratum: str, count: int) -> None:
        """Have so many series of a stratum on record already."""
        began = time.time() - 2 * 86400.0
        for number in range(count):
            at = began + 600.0 * number
            record = ScanRecord(
                scan=f"s0-{number + 1}",
                began=at,
                ended=at + 300.0,
                ended_by="close",
                protocol=stratum.rpartition("/")[2],
                stratum=stratum,
                frames=20,
                frames_expected=20,
                verdict="ok",
                sentence="OK: Nothing found. Go on.",
            )
            self.loop_end.record(Entry(scan=record))

    def prolong(self, scan: str, frames: int) -> None:
        """So many more decisions about frames, each a copy of one that was made, without a picture."""
        reader = JournalReader(self.loop_end.folder / "journal.db", APPLIANCE)
        made = [msgspec.json.decode(row.payload, type=DecisionPayload) for row in reader.decisions(scan)]
        topic = topics.decision(APPLIANCE, scan)
        record = reader.scan(scan)
        reader.close()
        assert record is not None
        self.loop_end.record(Entry(scan=msgspec.structs.replace(record, frames_expected=frames)))
        for first in range(len(made), frames, 200):
            copies = [Outgoing(topic, _copy(made[number % len(made)], number)) for number in range(first, first + 200)]
            self.loop_end.record(Entry(tuple(copies)))

    def tell_health(self) -> None:
        """As the appliance does every few seconds."""
        payload = HealthPayload(
            schema="health/1",
            backend="cpu (numpy, no network)",
            latency_ms=self.latencies.summary(),
            priority_raised=False,
            queues={"journal": self.loop_end.journal.waiting, "mqtt": 0, "pictures": self.pictures.waiting},
            disk=DiskPayload(free_mib=50_000.0, journal_mib=1.0, pictures_mib=self.pictures.bytes_on_disk / 2**20),
            broker="connected",
            **self.health.snapshot(),
        )
        self.loop_end.retain(topics.health(APPLIANCE), payload)

    def close(self) -> None:
        self.stop.set()
        for thread in self._threads:
            thread.join(20)
        self.pictures.close()


def _copy(decision: DecisionPayload, number: int) -> DecisionPayload:
    assert decision.index is not None
    index = msgspec.structs.replace(decision.index, repetition=number)
    return msgspec.structs.replace(decision, number=number, index=index)


def source_for(stage: Stage, state: str, scan: str, frames: int, every_s: float, *, end: bool) -> PacedScan:
    """The series that a state needs; all but `learning` come after enough of their stratum."""
    source = PacedScan(scan, FAULTS[state], frames, every_s, stage.stop, end=end)
    if state == "cannot_judge":
        source.encodings = tuple(replace(encoding, acceleration=(2, 1)) for encoding in source.encodings)
    stratum = source.scan().stratum
    if state != "learning" and stratum not in stage.strata:
        stage.strata.add(stratum)
        stage.seen(stratum, _STRATUM_SEEN)
    return source


def main() -> None:
    parser = argparse.ArgumentParser(description="A real console on a staged record.")
    parser.add_argument("--state", choices=[*FAULTS, "long"], default="ok")
    parser.add_argument("--fault", help="simulated fault instead of the state's own")
    parser.add_argument("--frames", type=int, default=12)
    parser.add_argument("--every", type=float, default=0.5, metavar="S", help="s between two frames")
    parser.add_argument("--end", action="store_true", help="end the series after its frames")
    parser.add_argument("--port", type=int, default=0)
    parser.add_argument("--folder", type=Path, help="where the record is kept; a temporary one by default")
    parser.add_argument("--protocol", default="", help="name of the protocol, markup and all")
    parser.add_argument("--earlier", type=int, default=0, help="whole series of the same kind before")
    options = parser.parse_args()
    if options.fault:
        FAULTS[options.state] = options.fault
    with tempfile.TemporaryDirectory() as temporary:
        folder = options.folder or Path(temporary)
        folder.mkdir(parents=True, exist_ok=True)
        with LoopEnd(folder, port=options.port) as loop_end:
            print(f"page {loop_end.url}", flush=True)
            stage = Stage(loop_end)
            try:
                _play(stage, options)
                while True:
                    stage.tell_health()
                    time.sleep(1)
            except KeyboardInterrupt:
                stage.close()


def _play(stage: Stage, options: argparse.Namespace) -> None:
    session = f"s{stage.loop_end.journal.session}"
    state = "ok" if options.state == "long" else options.state
    for number in range(options.earlier):
        earlier = source_for(stage, "ok" if number else state, f"{session}-{number + 1}", 4, 0.05, end=True)
        stage.play(earlier).join()
    scan = f"{session}-{options.earlier + 1}"
    source = source_for(stage, state, scan, options.frames, options.every, end=options.end)
    source.protocol = options.protocol
    stage.play(source)
    if options.state == "long":
        time.sleep(options.frames * (options.every + 0.2))
        stage.prolong(scan, LONG)


if __name__ == "__main__":
    main()
