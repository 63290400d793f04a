"""The HTTP server around the application: limits, start, and an end that leaves no stream open."""

import asyncio
import contextlib
import logging
import socket
from collections.abc import Callable
from typing import Any, cast

import anyio.to_thread
import uvicorn
from uvicorn.protocols.http.h11_impl import H11Protocol

from firmware.console.app import application
from firmware.console.console import Console

_THREADS = 4
"""That read disk and make pictures at once."""
_OTHERS = 64
"""Connections beside the streams at most."""
_HEADER_BYTES = 16 << 10
_HEADER_S = 10.0
"""For a request to arrive; a connection may be silent as long between two looks."""
_LOOK_S = 0.1
_BUSY = object()
"""Stands for a request that has no answer yet."""


async def serve(console: Console, listener: socket.socket, started: Callable[[], None], gone: asyncio.Event) -> None:
    """Until `gone` is set or a signal comes; ends within two seconds, streams first."""
    logging.getLogger("uvicorn.error").setLevel(logging.ERROR)  # what a peer sends wrong is no line of the log
    anyio.to_thread.current_default_thread_limiter().total_tokens = _THREADS
    port = listener.getsockname()[1]
    config = uvicorn.Config(
        application(console, port),
        http=cast(type[asyncio.Protocol], _impatient),  # uvicorn only calls it
        ws="none",
        loop="asyncio",
        lifespan="off",
        log_config=None,
        access_log=False,
        server_header=False,
        proxy_headers=False,
        limit_concurrency=console.settings.viewers + _OTHERS,
        timeout_graceful_shutdown=1,
        h11_max_incomplete_event_size=_HEADER_BYTES,
    )
    server = uvicorn.Server(config)
    watching = asyncio.create_task(_end(server, console, gone, started))
    with contextlib.suppress(asyncio.CancelledError):
        await server.serve(sockets=[listener])
    watching.cancel()


async def _end(server: uvicorn.Server, console: Console, gone: asyncio.Event, started: Callable[[], None]) -> None:
    while not server.started:
        await asyncio.sleep(_LOOK_S / 10)
    started()
    while not (server.should_exit or gone.is_set()):
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(_LOOK_S):
                await gone.wait()
    console.live.hub.close()
    server.should_exit = True


def _impatient(**made: Any) -> H11Protocol:
    """A connection that ends when no request comes in time, be it the first or a later one.

    An answer finds `let_go` in the state of its request: it ends a connection whose other end does not read.
    """
    state: dict[str, Any] = {}
    protocol = H11Protocol(**{**made, "app_state": state})
    state["let_go"] = lambda: protocol.transport.abort()
    loop = asyncio.get_running_loop()

    def look(answered: Any) -> None:
        transport, cycle = protocol.transport, protocol.cycle
        if transport is None or transport.is_closing():
            return
        idle = (cycle is None or cycle.response_complete) and not transport.get_write_buffer_size()
        if idle and cycle is answered:
            transport.abort()
        else:
            loop.call_later(_HEADER_S, look, cycle if idle else _BUSY)

    loop.call_later(_HEADER_S, look, None)
    return protocol
