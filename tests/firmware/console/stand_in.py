"""Stands in for the console process: says on a FIFO what it hears, and fails on demand. A program, not a test.

`python -m tests.firmware.console.stand_in MODE SETTINGS`; the FIFO is where the settings have the pictures.
"""

import select
import socket
import sys

import msgspec

from firmware.console.messages import LARGEST, LARGEST_REQUEST, Ask, Failed, Listening, Settings

PORT = 4711
"""Said to be listened on when the settings leave it to the system."""


def say(link: socket.socket, message: Listening | Failed | Ask) -> None:
    link.send(msgspec.json.encode(message))


def ask(link: socket.socket, request: int, scan: str = "s1-1") -> None:
    say(link, Ask(request=request, kind="opinion", scan=scan, opinion="fine"))


def wait_for_the_end(link: socket.socket) -> None:
    """Of the loop's side, without taking what it says."""
    poll = select.poll()
    poll.register(link, 0)
    poll.poll()


def main() -> None:
    mode, settings = sys.argv[1], msgspec.json.decode(sys.argv[2], type=Settings)
    link = socket.socket(fileno=settings.descriptor)
    if mode == "taken":
        select.select([link], [], [])  # until something is told that it never takes
        say(link, Failed(why=f"port {settings.port} is taken: change console.port"))
    elif mode == "rubbish":
        link.send(b"\xff\x00{")
        wait_for_the_end(link)
    elif mode == "large":
        link.send(b" " * (LARGEST_REQUEST + 1))
        wait_for_the_end(link)
    elif mode == "mute":
        wait_for_the_end(link)
    if mode in ("taken", "rubbish", "large", "mute", "gone"):
        return
    say(link, Listening(port=settings.port or PORT))
    if mode == "deaf":
        wait_for_the_end(link)
        return
    with open(settings.pictures, "wb", buffering=0) as heard:
        heard.write(b'{"type":"settings","port":%d}\n' % settings.port)
        if mode == "flood":
            for request in range(200):
                ask(link, request)
        elif mode == "ask":
            ask(link, 1)
            ask(link, 2, scan="s9-9")
        while packet := link.recv(LARGEST):
            heard.write(packet + b"\n")


if __name__ == "__main__":
    main()
