"""The least that a page with server-sent events can be: `python -m benchmarks.bare_events PORT`.

One event every 50 ms, made in a thread and handed to a queue for each client, as starlette's manual has it; its page
puts the number of the event into its only element. What the appliance's page is measured beside.
"""

import asyncio
import sys
import threading
import time
from collections.abc import AsyncIterator

import uvicorn
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import HTMLResponse, StreamingResponse
from starlette.routing import Route

EVERY_S = 0.05
_PAGE = """<!doctype html><title>bare</title><p class="bare"></p><script>
new EventSource("/events").onmessage = ({ data }) => {
  const [number, made] = data.split(" ");
  const text = document.querySelector("p");
  window.made = { ...window.made, [number]: Number(made) };
  text.textContent = number;
};
</script>"""

_clients: set["asyncio.Queue[bytes]"] = set()


def _make(loop: asyncio.AbstractEventLoop) -> None:
    number = 0
    while True:
        time.sleep(EVERY_S)
        number += 1
        event = f"data: {number} {time.time()}\n\n".encode()
        for client in tuple(_clients):
            loop.call_soon_threadsafe(client.put_nowait, event)


async def page(_: Request) -> HTMLResponse:
    """The page."""
    return HTMLResponse(_PAGE)


async def events(_: Request) -> StreamingResponse:
    """The stream."""

    async def stream() -> AsyncIterator[bytes]:
        client: asyncio.Queue[bytes] = asyncio.Queue()
        _clients.add(client)
        try:
            while True:
                yield await client.get()
        finally:
            _clients.discard(client)

    return StreamingResponse(stream(), media_type="text/event-stream")


async def main(port: int) -> None:
    """Serves until it is killed."""
    threading.Thread(target=_make, args=(asyncio.get_running_loop(),), daemon=True).start()
    app = Starlette(routes=[Route("/", page), Route("/events", events)])
    await uvicorn.Server(uvicorn.Config(app, host="127.0.0.1", port=port, log_level="warning")).serve()


if __name__ == "__main__":
    asyncio.run(main(int(sys.argv[1])))
