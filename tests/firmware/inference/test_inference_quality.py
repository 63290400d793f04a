"""A quality network in a worker of its own: pairs go in, one array comes back, and its faults are its own."""

from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from engine.quality import joined_length, measured
from engine.types import Completeness, Frame, FrameIndex, Measurement
from firmware.inference.networks import Networks
from tests.engine.decide.test_decide_decider import frame
from tests.engine.quality_network import KINDS, answers, write_package
from tests.engine.runners import smoothing
from tests.firmware.inference import faulty_worker as faults
from tests.firmware.inference.test_inference import FAULTY, IMAGE, PATIENCE, Watched, begin, good, wishing

PAIRS = np.random.default_rng(4).uniform(1, 50, (4, 40, 32)).astype(np.float32)
Start = Callable[..., Watched]


@pytest.fixture(scope="module")
def package(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Path]:
    return write_package(tmp_path_factory.mktemp("quality"))


@pytest.fixture
def start(package: tuple[Path, Path]) -> Iterator[Start]:
    made: list[Watched] = []

    def another(path=package, task="quality", **more) -> Watched:
        made.append(begin(path, task=task, **more))
        return made[-1]

    yield another
    for watched in made:
        watched.worker.stop()


def values(answer: np.ndarray) -> list[float]:
    return [row.value for row in measured(answer, KINDS, PAIRS.shape[1:])]


def test_the_answer_is_the_networks(start: Start) -> None:
    watched = start()
    assert watched.wait_for("serving").task == "quality"
    assert watched.worker.kinds == KINDS
    answer = watched.worker.run(PAIRS)
    assert answer.shape == (2, joined_length(3))
    wanted = answers(PAIRS.reshape(2, 2, 40, 32))
    expected = [wanted["distance"].max(), *wanted["probability"].max(axis=0)]
    np.testing.assert_allclose(values(answer), expected, atol=1e-3)


def test_each_network_refuses_the_others_task(start: Start, tmp_path: Path) -> None:
    denoiser = smoothing.write_package(tmp_path)
    assert "made to denoise" in start(denoiser).wait_for("failed").reason
    assert "made to quality" in start(task="denoise").wait_for("failed").reason


def test_a_network_that_answers_otherwise_here_is_refused(start: Start, tmp_path: Path) -> None:
    wrong = write_package(tmp_path, golden_factor=1.1)
    assert "distance of golden frame 0" in start(wrong).wait_for("failed").reason


@pytest.mark.parametrize(
    ("fault", "why"),
    [
        (faults.NAN, "not_finite"),
        (faults.CONSTANT, "impossible_answer"),
        (faults.SHAPE, "wrong_shape"),
        (faults.RAISE, "runner_failed"),
    ],
)
def test_an_answer_that_cannot_be_used_is_said_until_one_can(start: Start, fault: float, why: str) -> None:
    watched = start(command=FAULTY)
    watched.wait_for("serving")
    assert watched.worker.run(wishing(fault).repeat(2, axis=0)) == why
    assert watched.wait_for("failed").reason == why
    assert why in watched.problem
    assert values(watched.worker.run(PAIRS))
    watched.wait_for("serving", 2)


def test_the_fault_of_one_never_touches_the_other(start: Start, tmp_path: Path) -> None:
    denoiser = start(smoothing.write_package(tmp_path), task="denoise")
    referee = start(command=FAULTY)
    denoiser.wait_for("serving")
    referee.wait_for("serving")
    pending = denoiser.worker.submit(IMAGE)
    assert referee.worker.run(wishing(faults.CRASH).repeat(2, axis=0)) == "worker_lost"
    assert good(denoiser.worker.collect(pending))
    assert good(denoiser.worker.run(IMAGE))
    assert denoiser.worker.status.restarts == 0
    referee.wait_for("serving", 2)
    assert values(referee.worker.run(PAIRS))


def of(level: float, repetition: int = 0, **more) -> Frame:
    data = np.full((1, 40, 32), level, np.float32)
    return replace(frame(), index=FrameIndex(repetition=repetition), data=data, noise_sd=1.0, **more)


def screened(watched: Watched, *frames: Frame) -> list[tuple[Measurement, ...]]:
    """Rows of each of a scan's frames."""
    networks = Networks(quality=watched.worker)
    return [networks.ask("s1", one).finish()[1] for one in frames]


def test_a_frame_is_held_against_the_one_before_it(start: Start) -> None:
    watched = start(patience=PATIENCE)
    watched.wait_for("serving")
    first, second = screened(watched, of(20.0), of(20.5, 1))
    assert [row.row for row in first] == ["n02", "n03", "n04", "n10"]
    assert [row.value for row in first] == pytest.approx([0.02, 0.0, 0.2, 0.0], abs=1e-3)
    assert [row.value for row in second] == pytest.approx([0.021, 0.5, 0.205, 0.0], abs=1e-3)


def test_what_is_strange_or_of_unknown_noise_gets_no_probability(start: Start) -> None:
    watched = start(patience=PATIENCE)
    watched.wait_for("serving")
    unknown = replace(of(20.0), noise_sd=None, snr_units=False)
    (distance, *rows), untold = screened(watched, of(2000.0), unknown)
    assert distance.value == 2.0
    assert {row.why_missing for row in rows} == {"out_of_distribution"}
    assert {(row.value, row.why_missing) for row in untold} == {(None, "noise_unknown")}


def test_before_it_serves_only_the_distance_says_so(start: Start, tmp_path: Path) -> None:
    watched = start((tmp_path / "nowhere", tmp_path))
    watched.wait_for("failed")
    networks = Networks(quality=watched.worker)
    _, (row,) = networks.ask("s1", of(20.0)).finish()
    assert (row.row, row.why_missing) == ("n02", "no_model")
    assert networks.earlier.before("s1", FrameIndex()) is None, "what no network will look at is not kept"


NAN = np.full((1, 40, 32), 30.0, np.float32)
NAN[0, 3, 3] = np.nan
PART = Completeness(expected=16, received=8, missing=tuple(range(8)), ended_by="close")


@pytest.mark.parametrize("spoiled", [{"data": NAN}, {"completeness": PART}], ids=["not finite", "incomplete"])
def test_a_spoiled_frame_does_not_spoil_the_next_ones_pair(start: Start, spoiled: dict) -> None:
    watched = start(patience=PATIENCE)
    watched.wait_for("serving")
    *_, last = screened(watched, of(20.0), replace(of(30.0, 1), **spoiled), of(20.5, 2))
    assert [row.value for row in last] == pytest.approx([0.021, 0.5, 0.205, 0.0], abs=1e-3)
