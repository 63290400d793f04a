"""The scanner of the benchmarks, a process of its own: prebuilt messages at a stated pace, answers stamped.

`python -m benchmarks.sender BASE PORT PACE` with PACE in readouts a second, 0 for flat out, -1 for lock-step (a frame
flat out, then wait for its image). Prints JSON: when each frame's last readout began to be sent and when each
image had wholly arrived, in seconds of the machine's monotonic clock.
"""

import json
import socket
import struct
import sys
import threading
import time
from pathlib import Path

import numpy as np

from benchmarks.phantom import LINES

_PROCESSED = 2
"""Series of the images that a network made: they come after the verdict."""


class Answers:
    """Reads the other direction; plain struct, none of the product's code."""

    def __init__(self, connection: socket.socket) -> None:
        self.images: list[float] = []
        self.changed = threading.Condition()
        self._stream = connection.makefile("rb", buffering=1 << 20)
        self.thread = threading.Thread(target=self._read, daemon=True)
        self.thread.start()

    def _read(self) -> None:
        while len(start := self._stream.read(2)) == 2:
            message = struct.unpack("<H", start)[0]
            if message == 4:
                return
            if message == 5:
                self._stream.read(struct.unpack("<I", self._stream.read(4))[0])
                continue
            head = self._stream.read(198)
            series = struct.unpack_from("<H", head, 128)[0]
            attributes = struct.unpack("<Q", self._stream.read(8))[0]
            x, y, z = struct.unpack_from("<3H", head, 16)
            self._stream.read(attributes + 4 * x * y * z)
            if series != _PROCESSED:
                with self.changed:
                    self.images.append(time.monotonic())
                    self.changed.notify_all()

    def wait_for(self, count: int) -> None:
        with self.changed:
            self.changed.wait_for(lambda: len(self.images) >= count, timeout=30)


def main() -> None:
    base, port, pace = Path(sys.argv[1]), int(sys.argv[2]), float(sys.argv[3])
    messages = np.load(base.with_suffix(".npy"), mmap_mode=None)
    connection = socket.create_connection(("127.0.0.1", port))
    connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    answers = Answers(connection)
    connection.sendall(base.with_suffix(".start").read_bytes())
    sent = []
    began = time.monotonic()
    for frame in range(len(messages) // LINES):
        block = messages[frame * LINES : (frame + 1) * LINES]
        if pace > 0:
            for n, message in enumerate(block):
                due = began + (frame * LINES + n) / pace
                if (wait := due - time.monotonic()) > 0:
                    time.sleep(wait)
                stamp = time.monotonic()
                connection.sendall(message.data)
        else:
            connection.sendall(block[:-1].data)
            stamp = time.monotonic()
            connection.sendall(block[-1].data)
        sent.append(stamp)
        if pace < 0:
            answers.wait_for(frame + 1)
    connection.sendall(struct.pack("<H", 4))
    answers.thread.join(60)
    print(json.dumps({"began": began, "sent": sent, "images": answers.images}))


if __name__ == "__main__":
    main()
