"""A fault beside the loop: it costs the rows of one network, never a verdict, the other network or a slot."""

from dataclasses import dataclass, field, replace

import numpy as np
import pytest

from engine.types import Frame
from firmware.inference import networks as subject
from firmware.inference.link import SLOTS
from firmware.inference.networks import Networks
from firmware.inference.supervisor import InferenceWorker, Pending
from tests.engine.decide.test_decide_decider import frame
from tests.engine.runners.smoothing import write_package
from tests.firmware.inference.test_inference import IMAGE, begin, good

FAULT = "internal_fault"


@dataclass
class Failing:
    """A worker that runs out of memory where it is told to, and counts what it was given and gave back."""

    fails: str = ""
    kinds: tuple[str, ...] = ("motion",)
    absent: str = ""
    given: int = 0
    collected: list[int] = field(default_factory=list)

    def submit(self, image: np.ndarray) -> Pending:
        if self.fails == "submit":
            raise MemoryError
        self.given += 1
        return Pending(self.given, 0, image.shape, 0.0, self.kinds)

    def collect(self, pending: Pending) -> str:
        self.collected.append(pending.frame)
        if self.fails == "collect":
            raise MemoryError
        return "worker_late"


def asked(denoiser: Failing, quality: Failing) -> tuple[Frame | None, list[tuple[str, str]]]:
    image = replace(frame(), data=IMAGE, noise_sd=2.0, snr_units=False)
    processed, rows = Networks(denoiser, quality).ask("s1", image).finish()
    return processed, [(row.row, row.why_missing) for row in rows]


@pytest.mark.parametrize("fails", ["submit", "collect"])
def test_a_fault_of_one_costs_its_rows_alone(fails: str) -> None:
    sound = Failing()
    assert asked(Failing(fails), sound) == (None, [("n01", FAULT), ("n02", "worker_late"), ("n03", "worker_late")])
    assert sound.collected == [1]
    sound = Failing()
    assert asked(sound, Failing(fails)) == (None, [("n01", "worker_late"), ("n02", FAULT), ("n03", FAULT)])
    assert sound.collected == [1]


def test_a_pair_that_finds_no_memory_leaves_the_denoiser_its_place(monkeypatch: pytest.MonkeyPatch) -> None:
    def exhausted(*_: object) -> None:
        raise MemoryError

    monkeypatch.setattr("firmware.inference.screening.pairs", exhausted)
    denoiser = Failing()
    assert asked(denoiser, Failing())[1] == [("n01", "worker_late"), ("n02", FAULT), ("n03", FAULT)]
    assert denoiser.collected == [1]
    monkeypatch.setattr(subject, "in_noise_units", exhausted)
    assert asked(Failing(), Failing())[1] == [("n01", FAULT), ("n02", FAULT), ("n03", FAULT)]


def test_no_pair_is_made_for_a_network_that_takes_none(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("firmware.inference.screening.pairs", lambda *_: pytest.fail("a pair for nobody"))
    for why in ("no_model", "starting"):
        assert asked(Failing(), Failing(absent=why))[1][1] == ("n02", why)


def test_the_image_is_brought_to_noise_units_once(monkeypatch: pytest.MonkeyPatch) -> None:
    seen, real = [], subject.in_noise_units
    monkeypatch.setattr(subject, "in_noise_units", lambda image: (seen.append(1), real(image))[1])
    asked(Failing(), Failing())
    assert len(seen) == 1
    Networks().ask("s1", frame()).finish()
    assert len(seen) == 1


def test_a_worker_that_fails_to_take_or_give_keeps_its_slots(tmp_path, monkeypatch: pytest.MonkeyPatch) -> None:
    watched = begin(write_package(tmp_path))
    worker: InferenceWorker = watched.worker
    try:
        watched.wait_for("serving")
        for method in ("image", "answer"):
            with monkeypatch.context() as broken:
                broken.setattr(type(worker._images), method, lambda *_: (_ for _ in ()).throw(MemoryError))
                for _ in range(2 * SLOTS):
                    with pytest.raises(MemoryError):
                        worker.run(IMAGE)
            assert good(worker.run(IMAGE))
    finally:
        worker.stop()
