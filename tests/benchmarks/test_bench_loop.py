"""The benchmark's arithmetic and its peers; no timing is asserted."""

import socket
import struct
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from benchmarks.loop import free_port, percentiles
from benchmarks.phantom import LINES, make_phantom, save

pytestmark = pytest.mark.appliance


def test_percentiles() -> None:
    assert percentiles([]) == {}
    assert percentiles(range(101)) == {"p50": 50.0, "p99": 99.0, "max": 100.0, "n": 101}


def test_the_progressive_peer_reconstructs_what_we_do(tmp_path: Path) -> None:
    phantom = make_phantom(tmp_path, 2, 1)
    base = save(phantom, tmp_path)
    port = free_port()
    server = subprocess.Popen([sys.executable, "-m", "benchmarks.peers.progressive", str(port)])
    try:
        connection = None
        while connection is None:
            try:
                connection = socket.create_connection(("127.0.0.1", port), timeout=20)
            except OSError:
                assert server.poll() is None
        connection.sendall(base.with_suffix(".start").read_bytes() + phantom.messages.tobytes() + struct.pack("<H", 4))
        answer = connection.makefile("rb").read()
        connection.close()
    finally:
        server.kill()
        server.wait(10)
    image = np.frombuffer(answer[208 : 208 + 4 * 256 * 256], "<f4").reshape(256, 256)
    k = phantom.messages["data"].transpose(1, 0, 2)
    full = np.fft.fftshift(np.fft.ifft2(np.fft.ifftshift(k, (1, 2)), norm="ortho"), (1, 2))[:, :, 128:384]
    np.testing.assert_allclose(image, np.sqrt((np.abs(full) ** 2).sum(0)), atol=1e-4 * image.max())
    assert len(phantom.messages) == LINES
