"""`scanside run` as a site would start it: own process, separate mosquitto, a scanner on ismrmrd's serializer."""

import json
import os
import re
import signal
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

import ismrmrd
import jsonschema
import numpy as np
import pytest

import firmware.schemas
from tests.appliance.mrd_client import CLOSE, Scanner, acquisition, begin, frame, header, object_kspace, wire
from tests.appliance.processes import Lines, free_port

pytestmark = pytest.mark.appliance

COILS, LINES, SAMPLES, WIDTH = 4, 32, 64, 32
REPETITIONS = 6


@dataclass
class Site:
    """An appliance process, its broker, and everything `mosquitto_sub -v -t scanside/#` printed."""

    appliance: subprocess.Popen[str]
    log: Lines
    subscriber: Lines
    scanner_port: int
    messages: list[tuple[str, dict[str, object]]] = field(default_factory=list)

    def wait_for(self, topic: str, **fields: object) -> dict[str, object]:
        """The first message on a topic (regular expression) whose payload has these fields."""

        def wanted(line: str) -> bool:
            name, _, payload = line.partition(" ")
            if not re.fullmatch(topic, name) or not payload.strip():
                return False
            body = json.loads(payload)
            return all(body.get(key) == value for key, value in fields.items())

        return json.loads(self.subscriber.wait_for(wanted).partition(" ")[2])


@pytest.fixture
def site(mosquitto, tmp_path: Path) -> Iterator[Site]:
    port = free_port()
    config = tmp_path / "scanside.toml"
    config.write_text(
        f"""
[appliance]
name = "bay-3"
state_dir = "{tmp_path}"
[scanner]
port = {port}
[mqtt]
host = "{mosquitto.host}"
port = {mosquitto.port}
[console]
port = 0
"""
    )
    subscriber = subprocess.Popen(
        ["mosquitto_sub", "-h", mosquitto.host, "-p", str(mosquitto.port), "-v", "-t", "scanside/#"],
        stdout=subprocess.PIPE,
        text=True,
    )
    appliance = subprocess.Popen(
        [sys.executable, "-m", "firmware.cli", "run", "--config", str(config)],
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        env={**os.environ, "NO_COLOR": "1"},
    )
    running = Site(appliance, Lines(appliance), Lines(subscriber), port)
    try:
        running.wait_for("scanside/bay-3/state", state="online")
        yield running
    finally:
        for process in (appliance, subscriber):
            process.kill()
            process.wait(10)
        running.log.close()
        running.subscriber.close()


def noise_readouts(count: int = 256, seed: int = 5) -> tuple[list[ismrmrd.Acquisition], np.ndarray]:
    """Flag 19 readouts of correlated noise, and their `[coil, sample]` values."""
    rng = np.random.default_rng(seed)
    mixing = np.eye(COILS) + 0.3 * rng.standard_normal((COILS, COILS))
    white = rng.standard_normal((2, count, COILS, SAMPLES))
    data = np.einsum("ij,njs->nis", mixing, white[0] + 1j * white[1]).astype(np.complex64)
    readouts = [acquisition(block, 0, flags=(ismrmrd.ACQ_IS_NOISE_MEASUREMENT,)) for block in data]
    return readouts, data.transpose(1, 0, 2).reshape(COILS, -1)


def reference_image(kspace: np.ndarray, noise: np.ndarray) -> np.ndarray:
    """Plain numpy: whiten, centred unitary inverse transform, crop, root sum of squares, in SNR units.

    The noise readouts have the dwell time of the imaging ones and the header states no noise bandwidth, so one
    covariance serves for both.
    """
    covariance = noise @ noise.conj().T / (noise.shape[1] - 1)
    lower = np.linalg.cholesky(covariance)
    whiten = np.sqrt(2) * np.linalg.inv(lower)
    k = np.einsum("ij,jls->ils", whiten, kspace)
    axes = (1, 2)
    image = np.fft.fftshift(np.fft.ifft2(np.fft.ifftshift(k, axes), axes=axes, norm="ortho"), axes)
    start = (SAMPLES - WIDTH) // 2
    return np.sqrt((np.abs(image[:, :, start : start + WIDTH]) ** 2).sum(0))


def test_a_scanner_gets_every_image_and_subscribers_the_whole_story(site: Site) -> None:
    clean = [object_kspace(COILS, LINES, SAMPLES, seed=n) for n in range(REPETITIONS)]
    for kspace in clean[3:]:
        kspace[0] = 0.01 * kspace[0]  # the first element fails from repetition 3 on
    noise, noise_values = noise_readouts()
    scanner = Scanner(site.scanner_port)
    scanner.send(begin(header(repetitions=REPETITIONS)) + wire(*noise))
    for repetition, kspace in enumerate(clean):
        scanner.send(wire(*frame(kspace, repetition)))
    scanner.send(CLOSE)
    answers = scanner.finish()

    assert answers.closed
    assert len(answers.images) == REPETITIONS
    for repetition, image in enumerate(answers.images):
        expected = reference_image(clean[repetition], noise_values)
        got = np.squeeze(image.data)
        assert got.shape == expected.shape
        np.testing.assert_allclose(got, expected, rtol=0, atol=1e-5 * expected.max())
        head = image.getHead()
        assert head.version == 1
        assert head.data_type == ismrmrd.DATATYPE_FLOAT
        assert head.measurement_uid == 17
        assert tuple(head.matrix_size) == (WIDTH, LINES, 1)
        assert tuple(head.field_of_view) == (256.0, 256.0, 5.0)
        assert head.channels == 1
        assert tuple(head.position) == (1.0, 2.0, 3.0)
        assert tuple(head.read_dir) == (1.0, 0.0, 0.0)
        assert tuple(head.phase_dir) == (0.0, 1.0, 0.0)
        assert tuple(head.slice_dir) == (0.0, 0.0, 1.0)
        assert head.repetition == repetition
        assert (head.slice, head.contrast, head.phase, head.set, head.average) == (0, 0, 0, 0, 0)
        assert head.image_type == ismrmrd.IMTYPE_MAGNITUDE
        assert head.image_index == repetition + 1
        assert head.image_series_index == 1
    assert any("frame" in text for text in answers.texts)
    assert any("series" in text for text in answers.texts)

    flag = site.wait_for(r"scanside/bay-3/scan/[^/]+/flag/.+", kind="coil-loss", life="new")
    assert flag["where"]["coils"] == [0]
    site.wait_for(r"scanside/bay-3/scan/[^/]+/flag/.+", kind="coil-loss", life="end")
    site.wait_for(r"scanside/bay-3/scan/[^/]+/frame")
    series = site.wait_for(r"scanside/bay-3/scan/[^/]+/decision", scope="series")
    assert series["verdict"] in ("warn", "rescan")
    assert_traffic_fits_the_schemas(site)


def assert_traffic_fits_the_schemas(site: Site) -> None:
    """Everything that was published, against the committed schemas."""
    names = {"decision": "decision", "frame": "frame", "head": "head", "health": "health", "alert": "alert"}
    seen = set()
    for line in site.subscriber.seen:
        topic, _, payload = line.partition(" ")
        if payload.strip() in ("", "(null)"):
            continue  # a retained topic that was cleared
        parts = topic.split("/")
        name = names.get(parts[-1]) or ("flag" if "flag" in parts else "scan_state" if "scan" in parts else "state")
        schema = json.loads((Path(firmware.schemas.__file__).parent / f"{name}.json").read_text())
        jsonschema.validate(json.loads(payload), schema)
        seen.add(name)
    assert seen >= {"decision", "flag", "frame", "head", "health", "alert", "state"}


def test_the_will_says_offline_when_the_process_is_killed(site: Site) -> None:
    site.appliance.kill()
    site.wait_for("scanside/bay-3/state", state="offline")


def test_an_orderly_end_says_stopped_and_exits_cleanly(site: Site) -> None:
    site.appliance.send_signal(signal.SIGINT)
    site.wait_for("scanside/bay-3/state", state="stopped")
    assert site.appliance.wait(10) in (0, 130)


def test_broker_away_changes_nothing_for_the_scanner(site: Site, mosquitto) -> None:
    mosquitto.kill()
    scanner = Scanner(site.scanner_port)
    scanner.send(begin(header()) + wire(*frame(object_kspace())) + CLOSE)
    answers = scanner.finish()
    assert len(answers.images) == 1
    assert any("series" in text for text in answers.texts), "the verdict is recorded and told without a broker"
