"""Readers of the page's stream in a process of their own: `python -m benchmarks.viewers PORT COUNT`.

Prints `ready` when every stream has begun; on SIGTERM the number of events that each has had, as JSON.
"""

import asyncio
import contextlib
import json
import signal
import sys


async def read(port: int, counts: list[int], number: int) -> None:
    """One stream: counts its events."""
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    asked = f"GET /api/v1/events HTTP/1.1\r\nHost: 127.0.0.1:{port}\r\nAccept: text/event-stream\r\n\r\n"
    writer.write(asked.encode())
    with contextlib.closing(writer):
        while data := await reader.read(1 << 16):
            counts[number] += data.count(b"event: ")


async def main(port: int, count: int) -> None:
    counts = [0] * count
    tasks = [asyncio.create_task(read(port, counts, number)) for number in range(count)]
    stopped = asyncio.Event()
    asyncio.get_running_loop().add_signal_handler(signal.SIGTERM, stopped.set)
    while not all(counts) and not stopped.is_set():
        await asyncio.sleep(0.02)
    print("ready", flush=True)
    await stopped.wait()
    for task in tasks:
        task.cancel()
    await asyncio.gather(*tasks, return_exceptions=True)
    print(json.dumps(counts), flush=True)


if __name__ == "__main__":
    asyncio.run(main(int(sys.argv[1]), int(sys.argv[2])))
