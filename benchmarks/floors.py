"""Floors: what no server of this kind can beat, measured in the same run."""

import json
import socket
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import numpy as np

from benchmarks.phantom import LINES, Phantom
from engine.acquisition import ACQUISITION_HEADER, Readouts
from engine.assess.assessor import Assessor
from engine.decide.decider import Decider
from engine.reconstruct.series import Reconstructed, Reconstruction
from firmware.clock import SystemClock
from firmware.sources.mrd_codec import Acquisitions, Decoder
from firmware.sources.mrd_header import parse_header

_BATCH = 30


def receiver(mode: str, port: int, total: int) -> None:
    """Process: receive `total` bytes `bare` into frame-sized memory, or through the product's `decoder`."""
    listening = socket.create_server(("127.0.0.1", port))
    print("ready", flush=True)
    connection, _ = listening.accept()
    connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    began, cpu = time.perf_counter(), time.process_time()
    count = 0
    if mode == "bare":
        frame = memoryview(bytearray(LINES * 33_110))
        while count < total:
            count += connection.recv_into(frame)
    else:
        decoder = Decoder()
        memory: np.ndarray[tuple[int, ...], np.dtype[np.complex64]] | None = None
        while count < total:
            received = connection.recv_into(decoder.writable())
            decoder.wrote(received)
            count += received
            for event in decoder.events():
                if isinstance(event, Acquisitions):
                    data = event.readouts.data
                    if memory is None:
                        memory = np.zeros((LINES, *data.shape[1:]), np.complex64)
                    first = int(event.readouts.head["idx"]["kspace_encode_step_1"][0])
                    rows = memory[first : first + len(data)]
                    rows[...] = data[: len(rows)]
    print(json.dumps({"wall": time.perf_counter() - began, "cpu": time.process_time() - cpu}), flush=True)


def receive_times(phantom: Phantom, mode: str, port: int, readouts_per_s: float = 0.0) -> dict[str, float]:
    """Wall and CPU seconds of one receive of the whole series."""
    data = phantom.messages.view(np.uint8).reshape(len(phantom.messages), -1)
    child = subprocess.Popen(
        [sys.executable, "-m", "benchmarks.floors", mode, str(port), str(data.size)], stdout=subprocess.PIPE, text=True
    )
    assert child.stdout is not None
    child.stdout.readline()
    with socket.create_connection(("127.0.0.1", port)) as connection:
        connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        began = time.monotonic()
        if readouts_per_s:
            for n, message in enumerate(data):
                if (wait := began + n / readouts_per_s - time.monotonic()) > 0:
                    time.sleep(wait)
                connection.sendall(message.data)
        else:
            connection.sendall(data.data)
        result: dict[str, float] = json.loads(child.stdout.readline())
    child.wait(10)
    child.stdout.close()
    return result


def tail_ms(coils: int) -> float:
    """Median of line transform and root sum of squares alone, 256 x 256, plain numpy."""
    rng = np.random.default_rng(0)
    hybrid = rng.standard_normal((LINES, coils, 256, 2), np.float32).view(np.complex64)[..., 0]

    def tail() -> None:
        pixels = np.fft.ifft(hybrid, axis=0)
        np.sqrt((pixels.real**2 + pixels.imag**2).sum(1))

    return 1e3 * _median(tail)


def kernels_cpu_ms(phantom: Phantom, xml: str) -> float:
    """CPU of reconstruction, assessment and decision per frame: no socket, thread, journal or broker."""
    scan = parse_header(xml, "floor")
    reconstruction, assessor, decider = Reconstruction(scan, SystemClock()), Assessor(scan), Decider(scan)
    assert phantom.messages.dtype["head"] == ACQUISITION_HEADER
    began = time.process_time()
    for first in range(0, len(phantom.messages), _BATCH):
        block = phantom.messages[first : first + _BATCH]
        for done in reconstruction.add(Readouts(block["head"], block["data"])):
            if isinstance(done, Reconstructed):
                ready = reconstruction.with_noise(done)
                decider.frame(ready.frame, assessor.measure(ready))
                reconstruction.release(ready.kspace)
    return 1e3 * (time.process_time() - began) / phantom.frames


def _median(function: Callable[[], None], repeats: int = 30) -> float:
    times = []
    for _ in range(repeats):
        began = time.perf_counter()
        function()
        times.append(time.perf_counter() - began)
    return float(np.median(times))


def peer_recon_s(path: Path) -> float:
    """Wall seconds of ismrmrd_recon_cartesian_2d on a copy (it writes into its input)."""
    copy = path.with_name("copy.h5")
    copy.write_bytes(path.read_bytes())
    began = time.perf_counter()
    subprocess.run(["ismrmrd_recon_cartesian_2d", str(copy)], check=True, stdout=subprocess.DEVNULL)
    elapsed = time.perf_counter() - began
    copy.unlink()
    return elapsed


if __name__ == "__main__":
    receiver(sys.argv[1], int(sys.argv[2]), int(sys.argv[3]))
