"""The console as a process: it starts, streams, stays bounded, and ends."""

import http.client
import json
import os
import signal
import socket
import subprocess
import sys
import threading
import time
from concurrent.futures import ThreadPoolExecutor

import msgspec
import psutil
import pytest

from firmware.clock import SystemClock
from firmware.console.messages import Failed
from firmware.journal import Entry, Journal, Outgoing
from firmware.journal_reader import JournalReader
from firmware.record import NoteRecord
from tests.firmware.console.event_client import EventClient
from tests.firmware.console.loop_end import APPLIANCE, LoopEnd, settings_of
from tests.firmware.console.record_cases import decision, decision_topic, measurement, scan_record


@pytest.fixture(scope="module")
def stage(tmp_path_factory):
    with LoopEnd(tmp_path_factory.mktemp("stage"), viewers=4) as loop:
        yield loop


def decide(loop, *decisions, scan=None):
    loop.record(Entry(tuple(Outgoing(decision_topic(one.scan), one) for one in decisions), scan=scan))


def slow_reader(port):
    """Asks for the stream and reads nothing."""
    raw = socket.socket()
    raw.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
    raw.connect(("127.0.0.1", port))
    raw.sendall(b"GET /api/v1/events HTTP/1.1\r\nHost: 127.0.0.1:%d\r\n\r\n" % port)
    return raw


def test_a_decision_on_disk_reaches_the_stream(stage):
    client = EventClient.taken(stage.port)
    assert client.next("now")["room"] == "MR 2"
    decide(stage, scan=scan_record("s1-1", protocol="<b>t2</b>"))
    assert client.next("series")["protocol"] == "<b>t2</b>"
    decide(stage, decision(0), decision(1, "rescan"))
    assert client.next("series")["verdict"] == "rescan"
    assert client.next("frame")["number"] == 0
    assert client.next("frame")["number"] == 1
    assert client.next("beat")["newest"] == stage.journal.newest
    client.close()


def test_what_people_say_reaches_every_browser(stage):
    decide(stage, scan=scan_record("s1-2"))
    clients = [EventClient.taken(stage.port) for _ in range(2)]
    token = clients[0].next("now")["token"]
    clients[1].next("now")
    both = threading.Barrier(2)

    def acknowledge(_browser):
        connection = http.client.HTTPConnection("127.0.0.1", stage.port, timeout=20)
        headers = {"Origin": stage.url, "X-Scanside-Token": token, "Content-Type": "application/json"}
        connection.connect()
        both.wait(20)
        connection.request("POST", "/api/v1/notes", '{"kind": "acknowledge", "scan": "s1-2", "finding": "f1"}', headers)
        answer = connection.getresponse()
        told = json.load(answer)
        connection.close()
        return answer.status, told["sequence"]

    with ThreadPoolExecutor(2) as browsers:
        (one, first), (other, second) = browsers.map(acknowledge, range(2))
    assert (one, other) == (200, 200)
    assert first != second
    for client in clients:
        assert client.next("note")["finding"] == "f1"
        while client.next("series")["acknowledged"] != ["f1"]:
            pass
        client.close()
    reader = JournalReader(stage.folder / "journal.db", APPLIANCE)
    said = reader.notes_of("s1-2")
    reader.close()
    assert {note.run for note in said} == {stage.journal.session}
    assert min(note.up for note in said) > 0


def test_a_silent_loop_sends_no_beat_and_is_said(stage):
    client = EventClient.taken(stage.port)
    client.next("beat")
    stage.silence()
    deadline = time.monotonic() + 20
    while stage.get("health")["loop_silent_s"] < 1.5:
        assert time.monotonic() < deadline
    stage.silence(False)
    client.next("beat")
    assert stage.get("health")["loop_silent_s"] < 1.5
    client.close()


def test_rubbish_on_the_link_is_survived(stage):
    stage.send_raw(b"\xff{")
    stage.send_raw(b'{"type": "alive", "newest": "x"}')
    stage.send_raw(b"x" * 1000)
    client = EventClient.taken(stage.port)
    client.next("beat")
    client.close()


def test_a_health_message_of_another_shape_is_survived(stage):
    stage.send_raw(b'{"type": "retained", "topic": "scanside/stage/health", "payload": {"strange": 1}}')
    stage.send_raw(b'{"type": "retained", "topic": "scanside/stage/model/x/state", "payload": {"strange": 1}}')
    client = EventClient.taken(stage.port)
    client.next("beat")
    client.close()


def test_more_viewers_than_allowed_are_refused_with_a_sentence(stage):
    clients = [EventClient.taken(stage.port) for _ in range(4)]
    for client in clients:
        client.next("now")
    late = EventClient(stage.port)
    assert late.answer.status == 503
    assert b"browsers are watching" in late.answer.read()
    clients.pop().close()
    late.close()
    late = EventClient.taken(stage.port)
    for client in [*clients, late]:
        client.close()


@pytest.mark.slow
def test_a_reader_that_does_not_read_costs_bounded_memory_and_nobody_else(tmp_path):
    rows = [measurement(f"m{row:02}", 1.0) for row in range(40)]
    with LoopEnd(tmp_path, viewers=4) as loop:
        stuck = [slow_reader(loop.port) for _ in range(2)]
        client = EventClient(loop.port)
        client.next("now")
        decide(loop, scan=scan_record())
        memory = psutil.Process(loop.process.pid).memory_info

        def play(first, last):
            for number in range(first, last):
                decide(loop, decision(number, "rescan", measurements=rows))
                while client.next("series")["latest_number"] != number:
                    pass

        play(0, 600)
        before = memory().rss
        play(600, 2600)
        assert memory().rss - before < 12 << 20
        while client.next("frame")["number"] != 2599:
            pass
        for reader in stuck:  # whoever wakes up gets a snapshot, not the past
            reader.settimeout(20)
            reader.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 1 << 20)
            text = b""
            while b'"latest_number":2599' not in text:
                text += reader.recv(1 << 20)
            assert text.count(b"event: now") == 2
            assert text.count(b"event: frame") < 2600
            reader.close()
        client.close()


@pytest.mark.parametrize("how", ["cut", "term"])
def test_it_ends_within_two_seconds_with_streams_open_and_frees_the_port(tmp_path, how):
    loop = LoopEnd(tmp_path)
    loop.start()
    client, stuck = EventClient(loop.port), slow_reader(loop.port)
    client.next("now")
    port, began = loop.port, time.monotonic()
    if how == "cut":
        loop.cut()
    else:
        os.kill(loop.process.pid, signal.SIGTERM)
    loop.process.wait(20)
    assert time.monotonic() - began < 4.0, "two seconds, and as much again for a busy machine"
    with pytest.raises((EOFError, http.client.IncompleteRead, ConnectionError)):
        client.next("never")
    client.close()
    stuck.close()
    loop.close()
    with LoopEnd(tmp_path / "next", port=port) as again:
        assert again.port == port


def test_a_record_that_was_replaced_ends_it(tmp_path):
    Journal(tmp_path / "other.db", SystemClock()).close()
    with LoopEnd(tmp_path) as loop:
        client = EventClient(loop.port)
        client.next("now")
        decide(loop, scan=scan_record("s1-1"))
        client.next("series")  # it has read the one that is replaced
        (tmp_path / "other.db").replace(tmp_path / "journal.db")
        loop.process.wait(20)
        client.close()


def test_it_ends_at_once_when_its_parent_is_gone_already(tmp_path):
    here, there = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
    settings = settings_of(tmp_path, there.fileno(), parent=1)
    command = [sys.executable, "-m", "firmware.console", msgspec.json.encode(settings).decode()]
    done = subprocess.run(command, pass_fds=(there.fileno(),), timeout=60, check=False)
    assert done.returncode == 0
    there.close()
    assert here.recv(100) == b""
    here.close()


@pytest.mark.parametrize("listen", ["127.0.0.1", "0.0.0.0"])
def test_a_port_that_is_taken_and_another_address_are_said(tmp_path, listen):
    with socket.create_server(("127.0.0.1", 0)) as taken:
        loop = LoopEnd(tmp_path, port=taken.getsockname()[1], listen=listen)
        loop.start()
        assert isinstance(loop.said, Failed)
        assert ("console.port" if listen == "127.0.0.1" else "no login") in loop.said.why
        assert loop.process.wait(20) == 3
        loop.close()


def test_notes_of_the_appliance_itself_reach_the_stream(stage):
    client = EventClient.taken(stage.port)
    client.next("now")
    stage.record(Entry(note=NoteRecord(kind="dropped", text="12 rows older than 30 days went")))
    assert client.next("note")["text"].startswith("12 rows")
    client.close()
