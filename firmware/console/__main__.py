"""The console, a process of its own: `python -m firmware.console` with its settings as JSON.

It serves the page and ends when the loop closes the link or dies. Nothing it does reaches further than the link.
"""

import os

for _pool in ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS"):
    # Before numpy is imported: a picture must not take the cores that the loop needs.
    os.environ.setdefault(_pool, "1")

import asyncio  # noqa: E402
import contextlib  # noqa: E402
import ctypes  # noqa: E402
import ipaddress  # noqa: E402
import logging  # noqa: E402
import secrets  # noqa: E402
import signal  # noqa: E402
import socket  # noqa: E402
import sys  # noqa: E402
from pathlib import Path  # noqa: E402

import msgspec  # noqa: E402

from engine.errors import Unavailable  # noqa: E402
from firmware.clock import SystemClock  # noqa: E402
from firmware.console.console import Console  # noqa: E402
from firmware.console.examination import Examination  # noqa: E402
from firmware.console.follow import Follower  # noqa: E402
from firmware.console.link_end import LinkEnd  # noqa: E402
from firmware.console.live import Live  # noqa: E402
from firmware.console.messages import Failed, Listening, Settings  # noqa: E402
from firmware.console.serve import serve  # noqa: E402
from firmware.console.trends import TrendBook  # noqa: E402
from firmware.journal_reader import JournalReader  # noqa: E402

log = logging.getLogger(__name__)

_PR_SET_PDEATHSIG = 1
_BACKLOG = 128
_UNREAD_MS = 30_000
"""For which what was sent may lie unread before the connection ends."""


def main() -> int:
    """Until the loop is gone or a signal comes; 3 when the page cannot be served."""
    logging.basicConfig(
        level=logging.WARNING, format="%(asctime)s %(levelname)s %(name)s %(message)s", stream=sys.stderr
    )
    settings = msgspec.json.decode(sys.argv[1], type=Settings)
    _die_with(settings.parent)
    end = socket.socket(fileno=settings.descriptor)
    try:
        listener = listening_socket(settings.listen, settings.port)
    except Unavailable as error:
        with contextlib.suppress(OSError):  # the loop is gone: nobody is left to be told
            end.send(msgspec.json.encode(Failed(why=str(error))))
        return 3
    asyncio.run(_run(settings, end, listener))
    return 0


async def _run(settings: Settings, end: socket.socket, listener: socket.socket) -> None:
    reader = JournalReader(Path(settings.journal), settings.appliance)
    clock = SystemClock()
    follower = Follower(reader, Path(settings.pictures))
    examination = Examination(reader, settings.exam_gap_s, clock, settings.session)
    live = Live(settings, follower, examination, clock, secrets.token_urlsafe(16))
    gone = asyncio.Event()
    link = LinkEnd(end, live.told, gone.set)
    link.listen(asyncio.get_running_loop())
    console = Console(settings, reader, live, link, TrendBook(reader))
    following = asyncio.create_task(live.follow())
    following.add_done_callback(lambda task: _ended(task, gone))
    port = listener.getsockname()[1]
    await serve(console, listener, lambda: link.say(Listening(port=port)), gone)
    following.cancel()


def _ended(following: asyncio.Task[None], gone: asyncio.Event) -> None:
    """A page that no longer follows the record looks well and is not: it ends, and the loop starts another."""
    if not following.cancelled():
        log.critical("the page follows the record no longer, and is started again", exc_info=following.exception())
        gone.set()


def listening_socket(address: str, port: int) -> socket.socket:
    """Bound and listening; raises Unavailable with the key to change. The page has no login: this machine only."""
    if not ipaddress.ip_address(address).is_loopback:
        raise Unavailable(
            f"the page has no login and may not listen on {address}", "console.listen", "write 127.0.0.1 or ::1"
        )
    family = socket.AF_INET6 if ":" in address else socket.AF_INET
    # With the protocol named, asyncio turns Nagle's algorithm off: without it every answer and event waits 40 ms.
    listener = socket.socket(family, socket.SOCK_STREAM, socket.IPPROTO_TCP)
    listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    listener.setsockopt(socket.IPPROTO_TCP, socket.TCP_USER_TIMEOUT, _UNREAD_MS)  # connections inherit it
    try:
        listener.bind((address, port))
        listener.listen(_BACKLOG)
    except OSError as error:
        listener.close()
        why = f"nothing can listen on {address} port {port} ({error.strerror})"
        raise Unavailable(why, "console.port", "stop the program that has it, or choose another port") from error
    return listener


def _die_with(parent: int) -> None:
    """Have the kernel end this process with its parent: even one that is stopped must free its port."""
    ctypes.CDLL(None).prctl(_PR_SET_PDEATHSIG, signal.SIGKILL)
    if os.getppid() != parent:
        sys.exit()  # it died before the kernel knew our wish


if __name__ == "__main__":
    sys.exit(main())
