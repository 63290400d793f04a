"""A scanner written on ismrmrd 1.15's own serializer, never on our codec."""

import contextlib
import io
import socket
import struct
import threading
from dataclasses import dataclass, field

import ismrmrd
import numpy as np
from ismrmrd.serialization import ConfigFile, ProtocolDeserializer, ProtocolSerializer

HEADER = """<?xml version="1.0"?>
<ismrmrdHeader xmlns="http://www.ismrm.org/ISMRMRD">
  <acquisitionSystemInformation><receiverChannels>{coils}</receiverChannels></acquisitionSystemInformation>
  <experimentalConditions><H1resonanceFrequency_Hz>123200000</H1resonanceFrequency_Hz></experimentalConditions>
  <encoding>
    <encodedSpace><matrixSize><x>{samples}</x><y>{lines}</y><z>1</z></matrixSize>
      <fieldOfView_mm><x>{encoded_fov}</x><y>256</y><z>5</z></fieldOfView_mm></encodedSpace>
    <reconSpace><matrixSize><x>{width}</x><y>{lines}</y><z>1</z></matrixSize>
      <fieldOfView_mm><x>256</x><y>256</y><z>5</z></fieldOfView_mm></reconSpace>
    <encodingLimits>
      <kspace_encoding_step_1><minimum>0</minimum><maximum>{last}</maximum><center>{center}</center>
      </kspace_encoding_step_1>
      <repetition><minimum>0</minimum><maximum>{last_repetition}</maximum><center>0</center></repetition>
    </encodingLimits>
    <trajectory>{trajectory}</trajectory>
  </encoding>
</ismrmrdHeader>"""


def header(*, coils=4, lines=32, samples=64, width=32, repetitions=1, trajectory="cartesian", encoded_fov=512) -> str:
    return HEADER.format(
        coils=coils,
        samples=samples,
        lines=lines,
        width=width,
        encoded_fov=encoded_fov,
        last=lines - 1,
        center=lines // 2,
        last_repetition=repetitions - 1,
        trajectory=trajectory,
    )


def object_kspace(coils=4, lines=32, samples=64, seed=0, signal=100) -> np.ndarray:
    """k-space `[coil, line, sample]` of a disc seen by smooth coils in noise of sd 1, oversampled twice along x."""
    y, x = np.mgrid[-1 : 1 : lines * 1j, -2 : 2 : samples * 1j]
    disc = (np.hypot(x, y * 1.1) < 0.7).astype(float) + 0.3 * (np.hypot(x - 0.2, y) < 0.25)
    angles = 2 * np.pi * np.arange(coils) / coils
    maps = np.stack([np.exp(-((x - np.cos(a)) ** 2 + (y - np.sin(a)) ** 2) / 2 + 1j * a) for a in angles])
    images = signal * disc * maps
    k = np.fft.fftshift(np.fft.fft2(np.fft.ifftshift(images, axes=(1, 2)), norm="ortho"), axes=(1, 2))
    rng = np.random.default_rng(seed)
    noise = rng.standard_normal((2, *k.shape))
    return (k + noise[0] + 1j * noise[1]).astype(np.complex64)


def acquisition(
    data: np.ndarray, line: int, *, last: bool = False, flags: tuple[int, ...] = (), **counters: int
) -> ismrmrd.Acquisition:
    """One readout `[coil, sample]`."""
    readout = ismrmrd.Acquisition.from_array(np.ascontiguousarray(data, np.complex64))
    readout.idx.kspace_encode_step_1 = line
    for name, value in counters.items():
        setattr(readout.idx, name, value)
    readout.center_sample = data.shape[1] // 2
    readout.sample_time_us = 5.0
    readout.measurement_uid = 17
    readout.read_dir, readout.phase_dir, readout.slice_dir = (1, 0, 0), (0, 1, 0), (0, 0, 1)
    readout.position = (1.0, 2.0, 3.0)
    if last:
        readout.set_flag(ismrmrd.ACQ_LAST_IN_SLICE)
    for number in flags:
        readout.set_flag(number)
    return readout


def frame(kspace: np.ndarray, repetition: int = 0, order: list[int] | None = None) -> list[ismrmrd.Acquisition]:
    """All readouts of one frame `[coil, line, sample]`."""
    lines = order if order is not None else list(range(kspace.shape[1]))
    return [
        acquisition(kspace[:, line], line, last=n == len(lines) - 1, repetition=repetition)
        for n, line in enumerate(lines)
    ]


def wire(*objects) -> bytes:
    """Messages as ismrmrd writes them; raw bytes pass unchanged; the header is given as XML text."""
    out = io.BytesIO()
    serializer = ProtocolSerializer(out)
    for thing in objects:
        if isinstance(thing, bytes):
            out.write(thing)
        elif type(thing) is str and thing.lstrip().startswith("<"):
            encoded = thing.encode()
            out.write(struct.pack("<HI", 3, len(encoded)) + encoded)
        else:
            serializer.serialize(thing)
    return out.getvalue()


CLOSE = struct.pack("<H", 4)


def begin(xml: str, config: str = "scanside") -> bytes:
    return wire(ConfigFile(config), xml)


@dataclass
class Answers:
    """What came back until CLOSE or the end of the stream."""

    images: list[ismrmrd.Image] = field(default_factory=list)
    texts: list[str] = field(default_factory=list)
    closed: bool = False

    @property
    def text(self) -> str:
        return "\n".join(self.texts)


class Scanner:
    """One connection; a thread reads the answers so that both sides can talk at once."""

    def __init__(self, port: int, host: str = "127.0.0.1") -> None:
        self.socket = socket.create_connection((host, port), timeout=30)
        self.answers = Answers()
        self._changed = threading.Condition()
        self._reader = threading.Thread(target=self._read, daemon=True)
        self._reader.start()

    def _read(self) -> None:
        stream = self.socket.makefile("rb")
        try:
            for thing in ProtocolDeserializer(stream).deserialize():
                if isinstance(thing, ismrmrd.Image):
                    with self._changed:
                        self.answers.images.append(thing)
                        self._changed.notify_all()
                elif isinstance(thing, str):
                    self.answers.texts.append(thing)
            self.answers.closed = True
        except (EOFError, OSError, ValueError):
            pass
        finally:
            stream.close()

    def wait_for_images(self, count: int, timeout: float = 10) -> None:
        with self._changed:
            assert self._changed.wait_for(lambda: len(self.answers.images) >= count, timeout)

    def send(self, data: bytes) -> None:
        with contextlib.suppress(BrokenPipeError, ConnectionResetError):  # refused early: the answers say why
            self.socket.sendall(data)

    def finish(self, *, half_close: bool = True, timeout: float = 20) -> Answers:
        """Everything is sent: wait for the rest of the answers."""
        if half_close:
            with contextlib.suppress(OSError):
                self.socket.shutdown(socket.SHUT_WR)
        self._reader.join(timeout)
        assert not self._reader.is_alive(), "the appliance never ended the session"
        self.socket.close()
        return self.answers


def talk(port: int, *parts: bytes) -> Answers:
    """Connect, send, close, and return what came back."""
    scanner = Scanner(port)
    for part in parts:
        scanner.send(part)
    return scanner.finish()
