"""Denoiser and quality network beside one loop: rows of both in each decision, and neither needs the other."""

import threading
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
import psutil
import pytest

from engine.assess import ROWS
from engine.errors import ConfigError
from engine.types import Decision, Verdict
from firmware.appliance import Appliance
from firmware.clock import SystemClock
from firmware.config import default_config
from firmware.health import Health
from firmware.inference.link import SLOTS
from firmware.inference.networks import Networks
from firmware.inference.pace import Backoff, Patience
from firmware.inference.process import Wishes
from firmware.inference.status import ModelStatus
from firmware.inference.supervisor import InferenceWorker
from tests.appliance.conftest import start_server
from tests.appliance.mrd_client import CLOSE, begin, frame, header, object_kspace, talk, wire
from tests.engine import quality_network
from tests.engine.runners import smoothing

PATIENCE = Patience(start=30.0, first=20.0, least=20.0, wait=20.0)
"""A busy machine is not a hang."""
DENOISER, QUALITY = ["n01"], ["n02", "n03", "n04", "n10"]


@dataclass
class States:
    """What a worker told."""

    seen: list[str] = field(default_factory=list)
    changed: threading.Condition = field(default_factory=threading.Condition)

    def hear(self, status: ModelStatus) -> None:
        with self.changed:
            self.seen.append(status.state)
            self.changed.notify_all()

    def wait_for(self, state: str, times: int = 1) -> None:
        with self.changed:
            assert self.changed.wait_for(lambda: self.seen.count(state) >= times, 30), self.seen


Serve = Callable[[tuple[Path, Path], str], tuple[InferenceWorker, States]]


@pytest.fixture
def serve() -> Iterator[Serve]:
    workers = []

    def start(package: tuple[Path, Path], task: str) -> tuple[InferenceWorker, States]:
        states, wishes = States(), Wishes(package[0], package[1:], task)
        backoff = Backoff(first=0.01, most=0.05)
        worker = InferenceWorker(wishes, Health(), SystemClock(), states.hear, patience=PATIENCE, backoff=backoff)
        workers.append(worker)
        worker.start()
        return worker, states

    yield start
    for worker in workers:
        worker.stop()


@pytest.fixture
def packages(tmp_path: Path) -> tuple[tuple[Path, Path], tuple[Path, Path]]:
    for name in ("d", "q"):
        (tmp_path / name).mkdir()
    return smoothing.write_package(tmp_path / "d"), quality_network.write_package(tmp_path / "q")


def played(networks: Networks, *levels: float) -> tuple[list[Decision], dict[str, int], list[int]]:
    """Decisions, counters, and series of the images that came back; each image is the same one times a level."""
    running, server = start_server(networks=networks)
    parts = [wire(*frame(np.float32(level) * object_kspace(), n)) for n, level in enumerate(levels)]
    answers = talk(running.port, begin(header(repetitions=len(levels))), *parts, CLOSE)
    running.wait_for_series(1)
    server.stop()
    counters = running.health.snapshot()["counters"]
    return running.decisions, counters, [image.image_series_index for image in answers.images]


def rows(decision: Decision) -> list[str]:
    return [m.row for m in decision.measurements if m.row not in ROWS]


def test_both_are_asked_and_heard(serve: Serve, packages) -> None:
    (denoiser, d_states), (quality, q_states) = serve(packages[0], "denoise"), serve(packages[1], "quality")
    d_states.wait_for("serving")
    q_states.wait_for("serving")
    decisions, counters, series = played(Networks(denoiser, quality), 1.0, 1.0)
    for decision in decisions[:2]:
        assert rows(decision) == DENOISER + QUALITY
        assert all((m.value is None) == bool(m.why_missing) for m in decision.measurements)
    assert not [name for name in counters if name.startswith("not_")]
    assert series.count(2) == 2


def test_a_network_that_is_gone_costs_its_rows_alone(serve: Serve, packages, tmp_path: Path) -> None:
    (denoiser, d_states) = serve(packages[0], "denoise")
    (quality, q_states) = serve((tmp_path / "nowhere", tmp_path), "quality")
    d_states.wait_for("serving")
    q_states.wait_for("failed")
    decisions, counters, series = played(Networks(denoiser, quality), 1.0)
    told = {m.row: m for m in decisions[0].measurements}
    assert told["n01"].value is not None
    assert told["n02"].why_missing == "no_model"
    assert counters["not_screened_no_model"] == 1
    assert series.count(2) == 1


def test_a_fault_beside_the_loop_costs_no_verdict(serve: Serve, packages, monkeypatch: pytest.MonkeyPatch) -> None:
    (denoiser, d_states), (quality, q_states) = serve(packages[0], "denoise"), serve(packages[1], "quality")
    d_states.wait_for("serving")
    q_states.wait_for("serving")
    monkeypatch.setattr("firmware.inference.screening.pairs", lambda *_: 1 / 0)
    decisions, counters, series = played(Networks(denoiser, quality), *[1.0] * (SLOTS + 1))
    assert [rows(decision) for decision in decisions[:-1]] == [DENOISER + QUALITY] * (SLOTS + 1)
    assert counters["not_screened_internal_fault"] == SLOTS + 1
    assert "frames_failed" not in counters
    assert series.count(2) == SLOTS + 1


def test_a_killed_quality_network_is_back_and_the_denoiser_never_noticed(serve: Serve, packages) -> None:
    (denoiser, d_states), (quality, q_states) = serve(packages[0], "denoise"), serve(packages[1], "quality")
    d_states.wait_for("serving")
    q_states.wait_for("serving")
    children = [c for c in psutil.Process().children() if "inference.worker" in " ".join(c.cmdline())]
    (killed,) = [child for child in children if str(packages[1][0]) in " ".join(child.cmdline())]
    killed.kill()
    q_states.wait_for("serving", 2)
    decisions, _, _ = played(Networks(denoiser, quality), 1.0)
    assert rows(decisions[0]) == DENOISER + QUALITY
    assert (denoiser.status.restarts, quality.status.restarts) == (0, 1)


def test_what_only_the_network_sees_warns_and_the_images_of_a_scan_are_forgotten(serve: Serve, packages) -> None:
    quality, states = serve(packages[1], "quality")
    states.wait_for("serving")
    networks = Networks(quality=quality)
    (first, same, brighter, last), _, _ = played(networks, 1.0, 1.0, 1.5)
    motion = [next(m.value for m in d.measurements if m.row == "n03") for d in (first, same, brighter)]
    assert motion == [0.0, 0.0, 1.0], "the same data again: no change"
    assert [finding.kind for finding in brighter.findings if finding.learned] == ["motion"]
    assert last.verdict is not Verdict.OK
    assert networks.earlier._bytes == 0


def test_two_networks_may_not_share_a_name(tmp_path: Path) -> None:
    config = default_config()
    config.appliance.state_dir, config.mqtt.enabled, config.scanner.port = str(tmp_path), False, 0
    config.models.denoise, config.models.quality = str(tmp_path / "a" / "net"), str(tmp_path / "b" / "net")
    with pytest.raises(ConfigError, match=r"models\.quality"):
        Appliance(config).start()
