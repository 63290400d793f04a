"""The server around the application: what comes or is read slowly, or is too large, is let go."""

import asyncio
import logging
import os
import socket
import threading

import pytest
from starlette.requests import Request

from engine.errors import Unavailable
from firmware.console import __main__ as process
from firmware.console import serve, stream
from firmware.console.__main__ import listening_socket
from firmware.console.api import Beat, Ready
from firmware.console.routes import Route
from firmware.console.serving import endpoint


async def exchange(port, *parts):
    """What comes back until the server closes."""
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    for part in parts:
        writer.write(part)
    async with asyncio.timeout(20):
        answer = await reader.read()
    writer.close()
    return answer


def served(desk, talk):
    async def run():
        listener, gone, started = listening_socket("127.0.0.1", 0), asyncio.Event(), asyncio.Event()
        port = listener.getsockname()[1]
        serving = asyncio.create_task(serve.serve(desk.console, listener, started.set, gone))
        await started.wait()
        answer = await talk(port)
        gone.set()
        async with asyncio.timeout(20):
            await serving
        return answer

    return asyncio.run(run())


def test_a_request_that_does_not_come_is_not_waited_for(desk, monkeypatch):
    monkeypatch.setattr(serve, "_HEADER_S", 0.05)
    assert served(desk, lambda port: exchange(port, b"GET / HTTP/1.1\r\nHost: ")) == b""


def test_a_second_request_is_not_waited_for_either(desk, monkeypatch):
    monkeypatch.setattr(serve, "_HEADER_S", 0.05)

    async def twice(port):
        reader, writer = await asyncio.open_connection("127.0.0.1", port)
        writer.write(b"GET /health HTTP/1.1\r\nHost: 127.0.0.1:%d\r\n\r\n" % port)
        async with asyncio.timeout(20):
            first = await reader.readuntil(b"}")
            writer.write(b"GET / HTTP/1.1\r\nHost: ")
            rest = await reader.read()
        writer.close()
        return first, rest

    first, rest = served(desk, twice)
    assert first.startswith(b"HTTP/1.1 200")
    assert rest == b""


def test_a_stream_stays_open_however_often_the_connection_is_looked_at(desk, monkeypatch):
    monkeypatch.setattr(serve, "_HEADER_S", 0.01)
    monkeypatch.setattr(stream, "COMMENT_S", 0.02)

    async def watch(port):
        reader, writer = await asyncio.open_connection("127.0.0.1", port)
        writer.write(b"GET /api/v1/events HTTP/1.1\r\nHost: 127.0.0.1:%d\r\n\r\n" % port)
        async with asyncio.timeout(20):
            for _ in range(5):
                await reader.readuntil(b": still here")
        writer.close()

    served(desk, watch)


@pytest.mark.parametrize("patience", ["of the stream", "of the system"])
def test_the_connection_of_a_reader_that_does_not_read_goes_without_a_word(desk, monkeypatch, caplog, patience):
    if patience == "of the stream":
        monkeypatch.setattr(stream, "STALLED_S", 0.1)
    else:
        monkeypatch.setattr(process, "_UNREAD_MS", 300)
    monkeypatch.setattr(stream, "COMMENT_S", 0.05)
    hub = desk.live.hub

    async def stall(port):
        with socket.socket() as reader:
            reader.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
            before = open_files()
            reader.connect(("127.0.0.1", port))
            reader.sendall(b"GET /api/v1/events HTTP/1.1\r\nHost: 127.0.0.1:%d\r\n\r\n" % port)
            async with asyncio.timeout(20):
                while not len(hub):
                    await asyncio.sleep(0.01)
                assert open_files() == before + 1
                hub.publish("beat", Beat(newest=1, time="x" * (32 << 20)))
                while len(hub) or open_files() > before:
                    await asyncio.sleep(0.01)

    with caplog.at_level(logging.WARNING):
        served(desk, stall)
    assert caplog.text == ""


def open_files():
    return len(os.listdir("/proc/self/fd"))


def test_long_work_is_done_one_at_a_time_and_keeps_nobody_else_waiting(desk):
    at_work, most, go_on, began = [], [], threading.Event(), threading.Event()

    def work(_console, _asked):
        at_work.append(1)
        most.append(len(at_work))
        began.set()
        assert go_on.wait(20)
        at_work.pop()
        return Ready(ready=True, why_not="")

    async def run():
        long = endpoint(Route("/long", "", work, alone=True), desk.console)
        short = endpoint(Route("/short", "", lambda _console, _asked: Ready(ready=True, why_not="")), desk.console)
        request = Request({"type": "http", "path_params": {}, "query_string": b"", "headers": []})
        works = [asyncio.create_task(long(request)) for _ in range(6)]
        async with asyncio.timeout(20):
            while not began.is_set():
                await asyncio.sleep(0)
            assert (await short(request)).status_code == 200
            go_on.set()
            assert len(await asyncio.gather(*works)) == 6

    asyncio.run(run())
    assert max(most) == 1


@pytest.mark.parametrize(
    "rubbish", [b"\x16\x03\x01\x02\x00\x01", b"GET\r\n\r\n", b"GET / HTTP/1.1\r\nA: " + b"x" * 20_000]
)
def test_what_is_no_request_or_too_large_is_refused(desk, rubbish):
    assert served(desk, lambda port: exchange(port, rubbish + b"\r\n\r\n")).startswith(b"HTTP/1.1 400")


def test_answers_leave_at_once():
    with listening_socket("127.0.0.1", 0) as listener:
        assert listener.proto == socket.IPPROTO_TCP, "asyncio turns Nagle's algorithm off only where it is named"


@pytest.mark.parametrize("address", ["0.0.0.0", "192.0.2.1", "::"])
def test_another_address_is_refused(address):
    with pytest.raises(Unavailable, match="no login"):
        listening_socket(address, 0)
