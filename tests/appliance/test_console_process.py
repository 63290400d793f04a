"""The console is killed and stopped while a scan flows: no image and no verdict waits for it, and it comes back."""

import http.client
import json
import os
import signal
import socket
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import psutil
import pytest

from firmware.console.reach import free
from firmware.journal_reader import JournalReader
from tests.appliance.mrd_client import CLOSE, Scanner, begin, frame, header, object_kspace, wire
from tests.appliance.processes import Lines, free_port

pytestmark = pytest.mark.appliance

FRAMES = 12
PAGE = "the page for this machine's browser: http://"


@dataclass
class Site:
    """`scanside run` in its own process, without broker and networks."""

    process: subprocess.Popen[str]
    log: Lines
    scanner_port: int
    page_port: int
    journal: Path

    def wait_for_page(self, times: int = 1) -> None:
        self.log.wait_for(lambda _: sum(PAGE in line for line in self.log.seen) >= times)

    def console(self) -> psutil.Process:
        (found,) = [
            c for c in psutil.Process(self.process.pid).children() if "firmware.console" in " ".join(c.cmdline())
        ]
        return found

    def ask(self, method: str, path: str, body: object = None, **headers: str) -> tuple[int, Any]:
        connection = http.client.HTTPConnection("127.0.0.1", self.page_port, timeout=10)
        try:
            connection.request(method, path, json.dumps(body) if body is not None else None, headers)
            answer = connection.getresponse()
            return answer.status, json.loads(answer.read())
        finally:
            connection.close()

    def get(self, path: str) -> Any:
        status, said = self.ask("GET", path)
        assert status == 200, said
        return said


def start(folder: Path, page_port: int) -> Site:
    scanner_port = free_port()
    config = folder / "scanside.toml"
    config.write_text(
        f"""
[appliance]
state_dir = "{folder}"
[scanner]
port = {scanner_port}
[mqtt]
enabled = false
[models]
denoise = ""
quality = ""
[console]
port = {page_port}
"""
    )
    process = subprocess.Popen(
        [sys.executable, "-m", "firmware.cli", "run", "--config", str(config)],
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        env={**os.environ, "NO_COLOR": "1"},
    )
    site = Site(process, Lines(process), scanner_port, page_port, folder / "journal.db")
    site.log.wait_for(lambda line: line.startswith("listening for scanners"))
    return site


def end(site: Site) -> None:
    site.process.kill()
    site.process.wait(10)
    site.log.close()


@pytest.fixture
def site(tmp_path: Path) -> Iterator[Site]:
    running = start(tmp_path, free_port())
    yield running
    end(running)


class Flow:
    """A scan whose images are asked for one after the other."""

    def __init__(self, site: Site) -> None:
        self._site, self.sent = site, 0
        self.scanner = Scanner(site.scanner_port)
        self.scanner.send(begin(header(repetitions=FRAMES)))

    def images(self, count: int) -> None:
        """Each comes back, and its verdict is told, before the next is sent."""
        for _ in range(count):
            self.scanner.send(wire(*frame(object_kspace(seed=self.sent), self.sent)))
            self.sent += 1
            self.scanner.wait_for_images(self.sent, timeout=2)
            self._site.log.wait_for(lambda line: f"image {self.sent - 1} " in line, timeout=2)

    def finish(self) -> None:
        self.scanner.send(CLOSE)
        self.scanner.finish()
        self._site.log.wait_for(lambda line: "whole series" in line)


def test_no_verdict_waits_for_a_console_that_is_killed_or_stopped(site: Site) -> None:
    site.wait_for_page()
    flow = Flow(site)
    flow.images(3)
    site.console().kill()
    flow.images(3)
    site.wait_for_page(2)
    stopped = site.console()
    stopped.send_signal(signal.SIGSTOP)
    flow.images(3)
    stopped.send_signal(signal.SIGCONT)
    flow.images(3)
    flow.finish()

    reader = JournalReader(site.journal, "scanside")
    assert [row.sequence for row in reader.read_after(0, 1000)] == list(range(1, reader.newest() + 1))
    record = reader.scan("s1-1")
    assert record is not None
    assert (record.frames, record.frames_expected, record.ended_by, record.verdict) == (FRAMES, FRAMES, "close", "ok")
    told = site.get("/api/v1/scans/s1-1/decisions?limit=100")["decisions"]
    assert [decision["number"] for decision in told] == [*range(FRAMES), None]


@pytest.mark.parametrize("stopped", [False, True])
def test_the_end_of_the_loop_ends_the_console_and_frees_its_port(site: Site, stopped: bool) -> None:
    site.wait_for_page()
    console = site.console()
    if stopped:
        console.send_signal(signal.SIGSTOP)
    site.process.kill()
    console.wait(2)
    assert free("127.0.0.1", site.page_port)


@pytest.mark.parametrize("stopped", [False, True])
def test_it_ends_in_time_with_streams_open(site: Site, stopped: bool) -> None:
    site.wait_for_page()
    streams = []
    for _ in range(5):
        stream = http.client.HTTPConnection("127.0.0.1", site.page_port, timeout=10)
        stream.request("GET", "/api/v1/events")
        answer = stream.getresponse()
        assert answer.status == 200
        streams.append((stream, answer))
    console = site.console()
    if stopped:
        console.send_signal(signal.SIGSTOP)
    site.process.terminate()
    assert site.process.wait(5) == 0
    assert not console.is_running()
    for stream, answer in streams:
        answer.close()
        stream.close()


def test_a_taken_port_is_said_and_taken_once_it_is_free(tmp_path: Path) -> None:
    with socket.socket() as other:
        other.bind(("127.0.0.1", 0))
        other.listen()
        site = start(tmp_path, other.getsockname()[1])
        try:
            said = site.log.wait_for(lambda line: "there is no page" in line)
            assert "console.port" in said
            flow = Flow(site)
            flow.images(2)
            other.close()
            site.wait_for_page()
            flow.finish()
            assert "console" not in site.get("/api/v1/health")["health"]["problems"]
        finally:
            end(site)


def test_what_a_person_says_is_on_disk_when_the_page_says_so(site: Site) -> None:
    site.wait_for_page()
    flow = Flow(site)
    flow.images(1)
    now = site.get("/api/v1/now")
    trusted = {
        "X-Scanside-Token": now["token"],
        "Origin": f"http://127.0.0.1:{site.page_port}",
        "Content-Type": "application/json",
    }
    status, note = site.ask("POST", "/api/v1/notes", {"kind": "opinion", "scan": "s1-1", "opinion": "bad"}, **trusted)
    assert status in (200, 201), note
    (kept,) = JournalReader(site.journal, "scanside").notes_of("s1-1")
    assert (kept.sequence, kept.kind, kept.opinion) == (note["sequence"], "opinion", "bad")
    status, refusal = site.ask("POST", "/api/v1/notes", {"kind": "opinion", "scan": "s9", "opinion": "bad"}, **trusted)
    assert status >= 400, refusal
    assert "s9" in refusal["what"]
    flow.finish()
