"""A progressive MRD server in about forty lines: readout transform on arrival, one readout at a time."""

import socket
import struct
import sys

import numpy as np
from numpy.typing import NDArray

SAMPLES, LINES, WIDTH = 512, 256, 256
SIGN = ((-1.0) ** np.arange(SAMPLES)).astype("f4")
LINE_SIGN = ((-1.0) ** np.arange(LINES)).astype("f4")[:, None]


def receive(connection: socket.socket, count: int) -> bytearray:
    data = bytearray(count)
    view = memoryview(data)
    while view:
        view = view[connection.recv_into(view) :]
    return data


def image(hybrid: NDArray[np.complex64]) -> NDArray[np.float32]:
    pixels = np.fft.ifft(hybrid * LINE_SIGN, axis=1, norm="ortho")
    return np.asarray(np.sqrt((pixels.real**2 + pixels.imag**2).sum(0)), "f4")


def serve(connection: socket.socket) -> None:
    connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    receive(connection, 1026)
    receive(connection, struct.unpack("<HI", receive(connection, 6))[1])
    hybrid: NDArray[np.complex64] | None = None
    while struct.unpack("<H", receive(connection, 2))[0] == 1008:
        head = receive(connection, 340)
        samples, _, channels = struct.unpack_from("<3H", head, 34)
        line = struct.unpack_from("<H", head, 242)[0]
        data = np.frombuffer(receive(connection, 8 * samples * channels), "c8").reshape(channels, samples)
        if hybrid is None:
            hybrid = np.zeros((channels, LINES, WIDTH), "c8")
        hybrid[:, line] = np.fft.ifft(data * SIGN, axis=1, norm="ortho")[
            :, (SAMPLES - WIDTH) // 2 : (SAMPLES + WIDTH) // 2
        ]
        if struct.unpack_from("<Q", head, 2)[0] & 128:
            answer = bytearray(198)
            struct.pack_into("<HH", answer, 0, 1, 5)
            struct.pack_into("<3H", answer, 16, WIDTH, LINES, 1)
            connection.sendall(struct.pack("<H", 1022) + answer + struct.pack("<Q", 0) + image(hybrid).tobytes())
    connection.sendall(struct.pack("<H", 4))


if __name__ == "__main__":
    listening = socket.create_server(("127.0.0.1", int(sys.argv[1])))
    while True:
        with listening.accept()[0] as accepted:
            serve(accepted)
