"""What the judge hands over of a scan: when, how often, and that verdicts are the same whatever becomes of it."""

from dataclasses import dataclass, field

import numpy as np
import pytest

from engine.acquisition import LAST_IN_SLICE
from engine.reconstruct.series import Reconstructed
from engine.types import Decision, Finding, FrameIndex, Life, Measurement, Verdict, Where
from firmware.clock import SystemClock
from firmware.health import Health
from firmware.loop import Loop, run_scan
from firmware.pictures import of_scan
from firmware.pictures.files import kinds, numbers, read
from firmware.pictures.of_scan import ScanPictures
from firmware.pictures.writer import Pictures
from tests.engine.reconstruct.reconstruct_cases import make_readouts, make_scan, random_lines
from tests.firmware.pictures.picture_cases import HandClock, frame

LINES = random_lines()


class Played:
    """A scan of three frames; the second lacks a quarter of its lines."""

    ended_by = "close"

    def __init__(self):
        self.images, self.texts = [], []

    def scan(self):
        return make_scan()

    def readouts(self):
        for repetition in range(3):
            steps = [line for line in range(16) if repetition != 1 or line % 4]
            batch = make_readouts(LINES[steps], steps, repetition=repetition)
            batch.head["flags"][-1] = LAST_IN_SLICE
            yield batch

    def send_image(self, frame):
        self.images.append(frame)

    def send_text(self, line):
        self.texts.append(line)


@dataclass
class Watched:
    """A store that writes down what came, or fails."""

    fails: bool = False
    events: list[str] = field(default_factory=list)
    raw: dict[int, tuple] = field(default_factory=dict)

    def put_image(self, scan, frame):
        self._note("image", frame)

    def put_processed(self, scan, frame):
        self._note("processed", frame)

    def put_raw(self, scan, frame, kspace, elements, *, began):
        self._note("raw", frame)
        self.raw[frame.number] = kspace, elements, began

    def _note(self, what, frame):
        self.events.append(f"{what} {frame.number}")
        if self.fails:
            raise OSError("no picture today")


def played(pictures):
    """(decisions, health): the scan through the loop."""
    decisions, health = [], Health()

    def record(judged, committed):
        decisions.append(judged.decision)
        if isinstance(pictures, Watched):
            pictures.events.append(f"decision {judged.decision.number}")
        committed()

    run_scan(Played(), Loop(SystemClock(), health, record, pictures=pictures))
    return decisions, health


def test_the_image_comes_before_its_decision_and_the_raw_data_after_it():
    store = Watched()
    decisions, _ = played(store)
    assert [decision.verdict for decision in decisions[1:2]] == [Verdict.RESCAN]
    for number in range(3):
        assert store.events.index(f"image {number}") < store.events.index(f"decision {number}")
    for number in store.raw:
        assert store.events.index(f"decision {number}") < store.events.index(f"raw {number}")
    assert {0, 1} <= set(store.raw)  # the first, and the one in which a finding began
    assert store.raw[1][2] is True


def test_the_raw_data_are_read_before_they_are_given_back():
    store = Watched()
    played(store)
    kspace, elements, _ = store.raw[1]
    came = np.array([line % 4 > 0 for line in range(16)])
    assert ((kspace.data > 0) == came[:, None]).all()
    assert elements.data.shape == (3, 64, 32)


def plain(decisions):
    return [(d.scope, d.number, d.verdict, d.sentence, len(d.changes)) for d in decisions]


def test_verdicts_are_the_same_with_pictures_without_and_where_they_fail(caplog):
    without, _ = played(None)
    kept, health = played(Watched())
    assert plain(kept) == plain(without)
    assert "pictures_failed" not in health.snapshot()["counters"]
    failing, health = played(Watched(fails=True))
    assert plain(failing) == plain(without)
    assert health.snapshot()["counters"]["pictures_failed"] >= 5
    assert "a picture could not be made" in caplog.text


def test_a_scan_played_into_the_loop_is_on_disk(tmp_path):
    health = Health()
    pictures = Pictures(tmp_path, SystemClock(), health, retention_days=1.0, limit_mib=16)
    pictures.start()
    source = Played()
    run_scan(source, Loop(SystemClock(), health, lambda _, committed: committed(), pictures=pictures))
    pictures.close()
    assert numbers(tmp_path, "scan-1") == [0, 1, 2]
    assert kinds(tmp_path, "scan-1", 1) == ["image", "kspace", "elements"]
    plane = read(tmp_path, "scan-1", 2, "image")
    assert np.abs(plane.values() - source.images[2].data[0]).max() <= plane.step * 0.501
    assert plane.geometry.assumed


# --- how often -----------------------------------------------------------------------------------------


def decided(began=False):
    life, measured = Life.NEW if began else Life.UPDATE, Measurement("m04", "coil_element", 20.0, "dB")
    finding = Finding("f1", "coil-loss", life, Verdict.WARN, Where(), 0, 0, measured, 6.0, "", "", "", "")
    changes = (finding,)
    return Decision("frame", "s", Verdict.WARN, "", FrameIndex(), 0, changes, changes, (), ())


@pytest.fixture
def paced(monkeypatch):
    """(store, clock, pictures) where the work on one frame's raw data takes 5 ms."""
    clock, store = HandClock(), Watched()

    def work(*_):
        clock.advance(0.005)

    monkeypatch.setattr(of_scan, "kspace_magnitude", work)
    monkeypatch.setattr(of_scan, "element_images", lambda *_: None)
    return store, clock, ScanPictures(make_scan(), store, clock, Health())


def test_raw_data_take_a_hundredth_of_the_time_at_most(paced):
    store, clock, pictures = paced
    start = clock.time
    for number in range(1000):
        pictures.raw(Reconstructed(None, frame(number)), decided())
        clock.advance(0.003)
    share = 0.005 * len(store.raw) / (clock.time - start)
    assert 0.008 < share <= 0.01


def test_a_frame_in_which_a_finding_began_is_always_kept(paced):
    store, _, pictures = paced
    for number in range(6):
        pictures.raw(Reconstructed(None, frame(number)), decided(began=number in (3, 4)))
    assert {number: began for number, (_, _, began) in store.raw.items()} == {0: False, 3: True, 4: True}
