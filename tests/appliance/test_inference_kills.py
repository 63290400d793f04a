"""The inference worker is killed at any moment while frames flow: verdicts are complete, images are never another's."""

import os
import random
import threading
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

import ismrmrd
import numpy as np
import psutil
import pytest

from engine.assess import ROWS
from engine.types import Frame
from firmware.clock import SystemClock
from firmware.health import Health
from firmware.inference.networks import Networks
from firmware.inference.pace import Backoff
from firmware.inference.process import Wishes
from firmware.inference.status import ModelStatus
from firmware.inference.supervisor import InferenceWorker
from firmware.sources.mrd_connection import MrdConnection
from tests.appliance.conftest import Running, start_server
from tests.appliance.mrd_client import CLOSE, Scanner, begin, frame, header, object_kspace, talk, wire
from tests.engine.runners.smoothing import smoothed, write_package

KILLS = int(os.environ.get("SCANSIDE_KILLS", "50"))
SEED = int(os.environ.get("SCANSIDE_KILL_SEED", "0"))
AHEAD = 2
WITHOUT_ANSWER = {"starting", "worker_lost", "worker_late", "noise_unknown"}


@dataclass
class Network:
    """The worker behind the server under test, and how often it has begun to serve."""

    worker: InferenceWorker
    states: list[str] = field(default_factory=list)
    changed: threading.Condition = field(default_factory=threading.Condition)

    def hear(self, status: ModelStatus) -> None:
        with self.changed:
            self.states.append(status.state)
            self.changed.notify_all()

    def wait_for(self, state: str, times: int) -> None:
        with self.changed:
            assert self.changed.wait_for(lambda: self.states.count(state) >= times, 30), self.states

    def process(self) -> psutil.Process | None:
        found = [c for c in psutil.Process().children() if "firmware.inference.worker" in " ".join(c.cmdline())]
        return found[0] if found else None


@pytest.fixture
def network(tmp_path: Path) -> Iterator[Network]:
    made: Network
    package, keys = write_package(tmp_path)
    worker = InferenceWorker(
        Wishes(package, (keys,), backend="onnxruntime-cpu:fp32"),
        Health(),
        SystemClock(),
        lambda status: made.hear(status),
        backoff=Backoff(first=0.01, most=0.05),
    )
    made = Network(worker)
    worker.start()
    yield made
    worker.stop()


class Flow:
    """A scanner that sends one image after the other, never far ahead of the verdicts, until it is told to end."""

    def __init__(self, running: Running) -> None:
        self._running, self._end = running, threading.Event()
        self.sent = 0
        self.scanner = Scanner(running.port)
        self._blocks = [object_kspace(seed=seed) for seed in range(8)]
        self._thread = threading.Thread(target=self._send)

    def _send(self) -> None:
        self.scanner.send(begin(header(repetitions=60000)))
        while not self._end.is_set():
            self.scanner.send(wire(*frame(self._blocks[self.sent % 8], self.sent)))
            self.sent += 1
            self._running.wait_for_decisions(self.sent - AHEAD)
        self.scanner.send(CLOSE)

    def __enter__(self) -> "Flow":
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._end.set()
        self._thread.join(30)


def kill_at_random(network: Network, running: Running, rng: random.Random) -> None:
    """One kill: during start-up, or some verdicts after it began to serve, anywhere within a frame."""
    lives = network.states.count("starting")
    if rng.random() < 0.7:
        network.wait_for("serving", network.states.count("serving") + (network.states[-1] != "serving"))
        running.wait_for_decisions(len(running.decisions) + rng.randrange(4))
    threading.Event().wait(rng.uniform(0, 0.01))  # not to synchronise: any moment within a frame
    process = network.process()
    if process is not None:
        process.kill()
        network.wait_for("starting", lives + 1)


def test_fifty_kills_cost_no_verdict(network: Network) -> None:
    print(f"SCANSIDE_KILL_SEED={SEED}")
    rng = random.Random(SEED)
    network.wait_for("serving", 1)
    running, server = start_server(networks=Networks(network.worker))
    descriptors = psutil.Process().num_fds()
    with Flow(running) as flow:
        while network.worker.status.restarts < KILLS:
            kill_at_random(network, running, rng)
        network.wait_for("serving", network.states.count("serving") + (network.states[-1] != "serving"))
        running.wait_for_decisions(len(running.decisions) + 5)
    answers = flow.scanner.finish()
    running.wait_for_series(1)
    server.stop()

    assert [d.index.repetition for d in running.frames] == list(range(flow.sent)), "each once, in order"
    assert not {reason for d in running.frames for reason in d.reasons} & {"overloaded", "internal_fault"}
    told = {}
    for decision in running.frames:
        *deterministic, network_row = decision.measurements
        assert [m.row for m in deterministic] == list(ROWS)
        assert network_row.row == "n01"
        assert network_row.why_missing in WITHOUT_ANSWER | {""}
        told[decision.index.repetition] = network_row.value is not None
    originals = {i.repetition: np.squeeze(i.data) for i in answers.images if i.image_series_index == 1}
    processed = {i.repetition: np.squeeze(i.data) for i in answers.images if i.image_series_index == 2}
    assert len(answers.images) == len(originals) + len(processed)
    assert sorted(originals) == list(range(flow.sent))
    assert sorted(processed) == [repetition for repetition, answered in told.items() if answered]
    for repetition, image in processed.items():
        np.testing.assert_allclose(image, smoothed(originals[repetition]), atol=1e-4 * image.max())
    assert len(processed) > KILLS / 4
    assert told[flow.sent - 1], "the worker is back"
    assert psutil.Process().num_fds() <= descriptors


def of(image: ismrmrd.Image, name: str) -> object:
    value = getattr(image.getHead(), name)
    return list(value) if hasattr(value, "__len__") else value


def test_the_processed_image_is_series_2_of_the_same_place(network: Network) -> None:
    network.wait_for("serving", 1)
    running, server = start_server(networks=Networks(network.worker))
    parts = [wire(*frame(object_kspace(seed=n), n)) for n in range(3)]
    answers = talk(running.port, begin(header(repetitions=3)), *parts, CLOSE)
    server.stop()
    series = {1: [], 2: []}
    for image in answers.images:
        series[image.image_series_index].append(image)
    assert len(series[1]) == len(series[2]) == 3
    for number, (original, made) in enumerate(zip(series[1], series[2], strict=True), 1):
        assert original.image_index == made.image_index == number
        for name in ("repetition", "slice", "matrix_size", "field_of_view", "position", "read_dir", "measurement_uid"):
            assert of(original, name) == of(made, name)
        assert "DENOISED" in made.attribute_string
        assert "mean 1.2.3" in made.attribute_string
        assert "DENOISED" not in original.attribute_string
    first_2 = next(n for n, image in enumerate(answers.images) if image.image_series_index == 2)
    assert answers.images[first_2 - 1].image_series_index == 1, "the original goes first"


def test_without_a_worker_nothing_is_said_of_networks() -> None:
    running, server = start_server()
    answers = talk(running.port, begin(header()), wire(*frame(object_kspace())), CLOSE)
    server.stop()
    assert [image.image_series_index for image in answers.images] == [1]
    assert [m.row for m in running.frames[0].measurements] == list(ROWS)


def test_a_processed_image_that_cannot_be_sent_costs_no_second_verdict(
    network: Network, monkeypatch: pytest.MonkeyPatch
) -> None:
    def explode(self: MrdConnection, image: Frame) -> None:
        if image.processed_by:
            raise RuntimeError("planted")
        send(self, image)

    send = MrdConnection.send_image
    monkeypatch.setattr(MrdConnection, "send_image", explode)
    network.wait_for("serving", 1)
    running, server = start_server(networks=Networks(network.worker))
    parts = [wire(*frame(object_kspace(seed=n), n)) for n in range(3)]
    talk(running.port, begin(header(repetitions=3)), *parts, CLOSE)
    server.stop()
    assert [d.index.repetition for d in running.frames] == [0, 1, 2]
    assert running.health.snapshot()["counters"]["processed_images_failed"] == 3
