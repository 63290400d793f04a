"""Hostile and broken scanners over a real socket: a clear reason, a counter, and the next one is served.

The numbers in the test names are those of the list of hostile inputs that this server was designed against: every
one of them made an existing server crash, hang, import code or present a wrong picture as good.
"""

import socket
import struct

import ismrmrd
import numpy as np
import psutil
import pytest
from ismrmrd.serialization import ConfigFile, ConfigText

from engine.types import Verdict
from tests.appliance.conftest import Running
from tests.appliance.mrd_client import (
    CLOSE,
    Scanner,
    acquisition,
    begin,
    frame,
    header,
    object_kspace,
    talk,
    wire,
)

GOOD = object_kspace()


def assert_next_is_served(server: Running) -> None:
    """A well-behaved scanner gets its image, a verdict and CLOSE."""
    before = len(server.series)
    answers = talk(server.port, begin(header()), wire(*frame(GOOD)), CLOSE)
    assert len(answers.images) == 1
    assert answers.closed
    server.wait_for_series(before + 1)


def config_message(name: bytes) -> bytes:
    return struct.pack("<H1024s", 1, name)


def string_message(message_id: int, length: int, sent: bytes = b"") -> bytes:
    return struct.pack("<HI", message_id, length) + sent


def raw_acquisition(
    samples: int, channels: int, dimensions: int = 0, payload: bytes = b"", flags: int = 0, version: int = 1
) -> bytes:
    head = ismrmrd.AcquisitionHeader()
    head.version, head.flags = version, flags
    head.number_of_samples, head.active_channels = samples, channels
    head.available_channels, head.trajectory_dimensions = channels, dimensions
    return struct.pack("<H", 1008) + bytes(head) + payload


BEGUN = begin(header())

REFUSED = {
    "04 unknown id first": (struct.pack("<H", 777) + b"x" * 64, "777"),
    "04 unknown id after the header": (BEGUN + struct.pack("<H", 777) + b"x" * 64, "777"),
    "05 MRD v2 preamble": (b"yardl" + struct.pack("<i", 1) + b"{}", "v2"),
    "06 HTTP": (b"GET / HTTP/1.1\r\nHost: x\r\n\r\n", "HTTP"),
    "06 TLS hello": (b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03" + b"\0" * 64, "TLS"),
    "07 config not UTF-8": (config_message(b"\xff\xfe\xfd") + BEGUN, "UTF-8"),
    "08 both configs": (wire(ConfigFile("scanside"), ConfigText("<a/>")) + wire(header()), "config"),
    "08 config twice": (wire(ConfigFile("scanside"), ConfigFile("scanside")), "config"),
    "08 header twice": (BEGUN + wire(header()), "header"),
    "08 data before header": (wire(ConfigFile("scanside"), *frame(GOOD)[:1]), "header"),
    "08 header missing": (wire(ConfigFile("scanside")) + CLOSE, "header"),
    "09 config text length 2^32-1": (string_message(2, 2**32 - 1, b"abc"), "4294967295"),
    "09 text length 2^31": (BEGUN + string_message(5, 2**31, b"abc"), "2147483648"),
    "09 header length 2^32-1": (wire(ConfigFile("scanside")) + string_message(3, 2**32 - 1, b"<"), "4294967295"),
    "10 XML empty": (wire(ConfigFile("scanside")) + string_message(3, 1, b"\0"), "header"),
    "10 XML garbage": (wire(ConfigFile("scanside")) + string_message(3, 7, b"garbage"), "XML"),
    "10 XML bomb": (
        wire(ConfigFile("scanside"))
        + wire('<!DOCTYPE x [<!ENTITY a "aaaa"><!ENTITY b "&a;&a;">]><ismrmrdHeader>&b;</ismrmrdHeader>'),
        "DOCTYPE",
    ),
    "10 XML nested 10^5 deep": (wire(ConfigFile("scanside")) + wire("<a>" * 100_000), "deep"),
    "10 no encoding": (
        wire(ConfigFile("scanside"), '<ismrmrdHeader xmlns="http://www.ismrm.org/ISMRMRD"></ismrmrdHeader>'),
        "encoding",
    ),
    "10 zero matrix": (begin(header(samples=0)), "matrix"),
    "10 NaN field of view": (begin(header(encoded_fov="NaN")), "field"),
    "10 matrix 65535": (begin(header(samples=65535, lines=65535)), "matrix"),
    "10 UTF-16": (
        wire(ConfigFile("scanside")) + string_message(3, len(x := header().encode("utf-16")), x),
        "header",
    ),
    "11 no samples": (BEGUN + raw_acquisition(0, 4), "samples"),
    "12 no channels": (BEGUN + raw_acquisition(64, 0), "channel"),
    "13 65535 samples of 65535 channels": (BEGUN + raw_acquisition(65535, 65535), "65535"),
    "14 65535 trajectory dimensions": (BEGUN + raw_acquisition(64, 4, 65535), "trajectory"),
    "15 compressed readout": (BEGUN + raw_acquisition(64, 4, 0, b"\0" * 2048, flags=1 << 52), "compress"),
    "25 NDARRAY": (BEGUN + struct.pack("<HHHH", 1030, 5, 1, 65535), "NDARRAY"),
    "26 header version 0": (BEGUN + raw_acquisition(64, 4, 0, b"\0" * 2048, version=0), "version"),
}


@pytest.mark.parametrize("case", REFUSED)
def test_refused_with_a_reason(server: Running, case: str) -> None:
    sent, fragment = REFUSED[case]
    answers = talk(server.port, sent)
    assert fragment.lower() in answers.text.lower()
    assert "ERROR" in answers.text
    assert answers.closed
    assert not answers.images
    assert any(name.startswith("refused_") for name in server.health.snapshot()["counters"])
    assert_next_is_served(server)


def test_01_connect_and_close(server: Running) -> None:
    talk(server.port)
    assert_next_is_served(server)


def test_02_silent_client_delays_nobody(server: Running) -> None:
    silent = [Scanner(server.port) for _ in range(8)]
    assert_next_is_served(server)
    for scanner in silent:
        scanner.finish()


def test_02_silent_client_is_let_go(impatient_server: Running) -> None:
    answers = Scanner(impatient_server.port).finish(half_close=False)
    assert "silent" in answers.text
    assert answers.closed


def test_03_half_an_id_then_silence(impatient_server: Running) -> None:
    scanner = Scanner(impatient_server.port)
    scanner.send(b"\x01")
    answers = scanner.finish(half_close=False)
    assert "unfinished" in answers.text
    assert answers.closed


@pytest.mark.parametrize(
    "name",
    [b"os", b"this.is.x", b"../../etc/passwd", b"x" * 1023, b"x" * 1024, b"\0scanside", b"simplefft"],
    ids=["module", "dotted", "path", "1023", "no-nul", "nul-first", "simplefft"],
)
def test_07_strange_config_names_fall_back_and_say_so(server: Running, name: bytes) -> None:
    answers = talk(server.port, config_message(name), wire(header()), wire(*frame(GOOD)), CLOSE)
    assert len(answers.images) == 1
    assert "scanside" in answers.texts[0]


def test_09_lying_lengths_cost_nothing(server: Running) -> None:
    process = psutil.Process()
    before = process.memory_info().rss
    for message_id in (2, 3, 5):
        start = b"" if message_id == 2 else wire(ConfigFile("scanside"))
        talk(server.port, start, string_message(message_id, 2**31, b"x" * 100))
    talk(server.port, BEGUN, raw_acquisition(65535, 65535, payload=b"\0" * 100_000))
    assert process.memory_info().rss - before < 50 << 20


def test_16_channels_change_inside_a_frame(server: Running) -> None:
    answers = talk(server.port, BEGUN, wire(*frame(GOOD)[:4], acquisition(GOOD[:2, 4], 4)), CLOSE)
    server.wait_for_series(1)
    assert "channels changes from 4 to 2" in answers.text
    assert answers.closed
    assert Verdict.OK not in server.verdicts()
    assert server.series[0].verdict is not Verdict.OK
    assert_next_is_served(server)


def test_16_samples_change_inside_a_frame(server: Running) -> None:
    answers = talk(server.port, BEGUN, wire(*frame(GOOD)[:4], acquisition(GOOD[:, 4, :40], 4), *frame(GOOD)[5:]), CLOSE)
    server.wait_for_series(1)
    assert answers.closed
    assert Verdict.OK not in server.verdicts()
    assert server.series[0].verdict is not Verdict.OK
    assert_next_is_served(server)


@pytest.mark.parametrize("counter", ["kspace_encode_step_1", "slice", "repetition"])
def test_17_counter_65535(server: Running, counter: str) -> None:
    readouts = frame(GOOD)
    setattr(readouts[5].idx, counter, 65535)
    answers = talk(server.port, BEGUN, wire(*readouts), CLOSE)
    server.wait_for_series(1)
    assert answers.closed
    assert Verdict.OK not in server.verdicts()
    assert server.series[0].verdict is not Verdict.OK
    assert_next_is_served(server)


def test_18_encoding_space_that_is_not_in_the_header(server: Running) -> None:
    readouts = frame(GOOD)
    readouts[3].encoding_space_ref = 9
    answers = talk(server.port, BEGUN, wire(*readouts), CLOSE)
    assert "encoding" in answers.text
    assert_next_is_served(server)


def test_19_discard_more_than_there_is(server: Running) -> None:
    readouts = frame(GOOD)
    readouts[3].discard_pre, readouts[3].discard_post = 60, 60
    answers = talk(server.port, BEGUN, wire(*readouts), CLOSE)
    assert answers.closed
    assert Verdict.OK not in server.verdicts()
    assert_next_is_served(server)


def test_19_center_sample_beyond_the_readout_is_the_middle(server: Running) -> None:
    readouts = frame(GOOD)
    for readout in readouts:
        readout.center_sample = 64
    shifted = talk(server.port, BEGUN, wire(*readouts), CLOSE)
    plain = talk(server.port, BEGUN, wire(*frame(GOOD)), CLOSE)
    np.testing.assert_array_equal(shifted.images[0].data, plain.images[0].data)


@pytest.mark.parametrize("value", [np.nan, np.inf, 1e30], ids=str)
def test_20_impossible_samples_are_never_ok(server: Running, value: float) -> None:
    k = GOOD.copy()
    k[1, 10, 20] = value
    answers = talk(server.port, BEGUN, wire(*frame(k)), CLOSE)
    server.wait_for_series(1)
    assert server.verdicts() == [Verdict.CANNOT_JUDGE]
    assert np.isfinite(answers.images[0].data).all()
    assert_next_is_served(server)


@pytest.mark.parametrize("value", [0, 7], ids=["all zero", "all equal"])
def test_20_empty_signals_are_never_ok(server: Running, value: float) -> None:
    answers = talk(server.port, BEGUN, wire(*frame(np.full_like(GOOD, value))), CLOSE)
    server.wait_for_series(1)
    assert answers.closed
    assert server.verdicts()[0] in (Verdict.CANNOT_JUDGE, Verdict.RESCAN)
    assert_next_is_served(server)


def test_every_second_line_missing_keeps_its_shape_and_is_not_ok(server: Running) -> None:
    readouts = [readout for readout in frame(GOOD) if readout.idx.kspace_encode_step_1 % 2 == 0]
    answers = talk(server.port, BEGUN, wire(*readouts), CLOSE)
    server.wait_for_series(1)
    assert answers.images[0].data.shape[-2:] == (32, 32)
    assert server.verdicts()[0] is Verdict.RESCAN


def test_a_scanner_that_waits_gets_its_incomplete_image_without_closing(server: Running) -> None:
    scanner = Scanner(server.port)
    lossy = [readout for readout in frame(GOOD) if readout.idx.kspace_encode_step_1 != 5]
    scanner.send(BEGUN + wire(*lossy))
    scanner.wait_for_images(1)
    scanner.send(CLOSE)
    assert "incomplete" in scanner.finish().images[0].attribute_string


def test_half_a_frame_then_close_is_delivered_and_marked(server: Running) -> None:
    answers = talk(server.port, BEGUN, wire(*frame(GOOD)[:16]), CLOSE)
    server.wait_for_series(1)
    assert len(answers.images) == 1
    assert "incomplete" in answers.images[0].attribute_string.lower()
    assert server.verdicts()[0] is not Verdict.OK


@pytest.mark.parametrize("cut", [1, 200, 345, 1000], ids=lambda n: f"after {n} bytes")
def test_scanner_vanishes_inside_a_readout(server: Running, cut: int) -> None:
    one = wire(*frame(GOOD)[3:4])
    talk(server.port, BEGUN, wire(*frame(GOOD)[:3]) + one[:cut])
    server.wait_for_series(1)
    assert server.series[0].verdict is not Verdict.OK
    assert not server.series[0].alerting
    assert_next_is_served(server)


def test_scanner_resets_the_connection(server: Running) -> None:
    sock = socket.create_connection(("127.0.0.1", server.port), timeout=30)
    sock.sendall(BEGUN + wire(*frame(GOOD)[:3]))
    sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    sock.close()
    server.wait_for_series(1)
    assert server.series[0].verdict is not Verdict.OK
    assert_next_is_served(server)


def test_last_flags_on_every_line_cut_nothing(server: Running) -> None:
    readouts = frame(GOOD)
    for readout in readouts:
        readout.set_flag(ismrmrd.ACQ_LAST_IN_SLICE)
    answers = talk(server.port, BEGUN, wire(*readouts), CLOSE)
    assert len(answers.images) == 1


def test_no_flags_at_all_still_gives_the_frame_at_once(server: Running) -> None:
    readouts = frame(GOOD)
    for readout in readouts:
        readout.clear_all_flags()
    answers = talk(server.port, BEGUN, wire(*readouts), CLOSE)
    assert len(answers.images) == 1


def test_24_images_come_back_unchanged(server: Running) -> None:
    image = ismrmrd.Image.from_array(np.arange(64 * 48, dtype=np.int16).reshape(64, 48))
    image.attribute_string = "<ismrmrdMeta><meta><name>a</name><value>b</value></meta></ismrmrdMeta>"
    answers = talk(server.port, BEGUN, wire(image), CLOSE)
    np.testing.assert_array_equal(answers.images[0].data, image.data)
    assert answers.images[0].attribute_string == image.attribute_string


def test_24_images_come_back_even_when_reconstruction_fails(server: Running, monkeypatch: pytest.MonkeyPatch) -> None:
    def explode(*_: object) -> None:
        raise RuntimeError("planted")

    monkeypatch.setattr("engine.reconstruct.series.Reconstruction.add", explode)
    image = ismrmrd.Image.from_array(np.ones((8, 8), np.float32))
    answers = talk(server.port, BEGUN, wire(*frame(GOOD), image), CLOSE)
    assert len(answers.images) == 1
    assert "internal fault" in answers.text
    server.wait_for_series(1)
    assert server.series[0].verdict is Verdict.CANNOT_JUDGE


def test_28_client_that_never_reads_loses_images_not_the_scan(server: Running) -> None:
    repetitions = 20
    sock = socket.create_connection(("127.0.0.1", server.port), timeout=30)
    sock.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
    sock.sendall(begin(header(repetitions=repetitions)))
    for repetition in range(repetitions):
        sock.sendall(wire(*frame(GOOD, repetition)))
    sock.sendall(CLOSE)
    server.wait_for_series(1)
    assert len(server.frames) == repetitions
    sock.close()
    assert_next_is_served(server)


def test_27_one_byte_at_a_time(server: Running) -> None:
    scanner = Scanner(server.port)
    scanner.socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    data = BEGUN + wire(*frame(GOOD)[:2])
    for n in range(len(data)):
        scanner.send(data[n : n + 1])
    scanner.send(wire(*frame(GOOD)[2:]) + CLOSE)
    assert len(scanner.finish().images) == 1


@pytest.mark.parametrize("trajectory", ["radial", "spiral", "goldenangle", "other"])
def test_what_is_not_reconstructed_is_named(server: Running, trajectory: str) -> None:
    answers = talk(server.port, begin(header(trajectory=trajectory)), wire(*frame(GOOD)), CLOSE)
    server.wait_for_series(1)
    assert not answers.images
    assert server.verdicts() == [Verdict.CANNOT_JUDGE]
    assert trajectory in answers.text.lower()
