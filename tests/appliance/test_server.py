"""Several scanners, limits, captures: what a site sees beyond one good scan."""

import json
import threading
from pathlib import Path

import numpy as np
import pytest

from engine.types import Scan, Verdict
from firmware.cli import main
from firmware.clock import SystemClock
from firmware.offline import judge_source
from firmware.sources.mrd_file import MrdFile
from models.scans import BRAIN16
from tests.appliance.conftest import Running, start_server
from tests.appliance.mrd_client import CLOSE, Answers, Scanner, begin, frame, header, object_kspace, talk, wire

BEGUN = begin(header())


def test_two_scanners_at_once_do_not_cross(server: Running) -> None:
    answers: dict[int, Answers] = {}

    def scan(brightness: int) -> None:
        kspace = brightness * object_kspace(seed=brightness)
        parts = [wire(*frame(kspace, repetition)) for repetition in range(5)]
        answers[brightness] = talk(server.port, begin(header(repetitions=5)), *parts, CLOSE)

    threads = [threading.Thread(target=scan, args=(brightness,)) for brightness in (1, 10, 100)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(30)
    for brightness, got in answers.items():
        assert len(got.images) == 5
        level = np.median([image.data.max() for image in got.images])
        assert level == pytest.approx(brightness * np.median([i.data.max() for i in answers[1].images]), rel=0.1)


def test_too_many_connections_are_told_busy() -> None:
    running, server = start_server(connections_per_address=3)
    idle = [Scanner(running.port) for _ in range(3)]
    for scanner in idle:
        scanner.send(BEGUN)
        scanner.send(wire(*frame(object_kspace())))
        scanner.wait_for_images(1)
    assert "busy" in Scanner(running.port).finish(half_close=False).text
    assert running.health.snapshot()["counters"]["refused_busy"] == 1
    for scanner in idle:
        scanner.send(CLOSE)
        assert scanner.finish().closed
    server.stop()


def test_an_address_that_is_not_allowed_is_told_so() -> None:
    running, server = start_server(allow=("10.0.0.0/8",))
    answers = Scanner(running.port).finish(half_close=False)
    assert "scanner.allow" in answers.text
    server.stop()


def test_stopping_ends_open_scans_with_a_word() -> None:
    running, server = start_server()
    scanner = Scanner(running.port)
    scanner.send(BEGUN + wire(*frame(object_kspace())[:10]))
    scanner.send(wire(*frame(object_kspace())[10:12]))
    stopper = threading.Thread(target=server.stop)
    stopper.start()
    answers = scanner.finish(half_close=False)
    stopper.join(10)
    assert answers.closed
    assert running.series[0].verdict is not Verdict.OK


def test_a_capture_plays_again_with_the_same_result(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    running, server = start_server(record_dir=tmp_path)
    first = talk(running.port, BEGUN, wire(*frame(object_kspace())), CLOSE)
    assert len(first.images) == 1
    running.wait_for_series(1)
    server.stop()
    (capture,) = tmp_path.glob("*.mrdwire")
    again, server = start_server()
    assert main(["replay", str(capture), "--port", str(again.port), "--pace", "fast", "--json"]) == 0
    assert json.loads(capsys.readouterr().out)["images"] == 1
    server.stop()
    assert [d.verdict for d in again.decisions] == [d.verdict for d in running.decisions]


def test_a_file_judged_offline_is_judged_like_the_same_scan_over_the_wire(
    server: Running, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["replay", str(BRAIN16), "--port", str(server.port), "--pace", "fast", "--json"]) == 0
    assert json.loads(capsys.readouterr().out)["images"] == 1
    report = judge_source(MrdFile(BRAIN16), SystemClock())
    (live,) = server.frames
    (offline,) = [f.decision for f in report.frames]
    assert live.verdict == offline.verdict
    assert {m.row: m.value for m in live.measurements} == {m.row: m.value for m in offline.measurements}


def test_openrecon_gets_16_bit_images(server: Running) -> None:
    parts = [wire(*frame(object_kspace(), repetition)) for repetition in range(2)]
    answers = talk(server.port, begin(header(repetitions=2), "openrecon"), *parts, CLOSE)
    assert [image.data.dtype for image in answers.images] == [np.int16, np.int16]
    assert "WindowCenter" in answers.images[0].attribute_string


def test_qc_only_gets_verdicts_and_no_images(server: Running) -> None:
    answers = talk(server.port, begin(header(), "qc-only"), wire(*frame(object_kspace())), CLOSE)
    assert not answers.images
    assert "series" in answers.text


def test_a_scan_whose_beginning_cannot_be_recorded_is_received_and_judged(caplog: pytest.LogCaptureFixture) -> None:
    def explode(_: Scan) -> None:
        raise RuntimeError("planted")

    running, listening = start_server(began=explode)
    answers = talk(running.port, BEGUN, wire(*frame(object_kspace())), CLOSE)
    running.wait_for_series(1)
    listening.stop()
    assert len(answers.images) == len(running.frames) == 1
    assert running.health.snapshot()["counters"]["beginnings_not_recorded"] == 1
    assert "beginning could not be recorded" in caplog.text
