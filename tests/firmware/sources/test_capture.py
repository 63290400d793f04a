"""Captures are bounded and never hold up the scanner."""

from pathlib import Path

from firmware.sources.capture import Capture


def test_bytes_come_out_as_they_went_in(tmp_path: Path) -> None:
    capture = Capture(tmp_path, "s1-1", limit_bytes=1000)
    capture.take(memoryview(b"abc"))
    capture.take(memoryview(b"def"))
    capture.close()
    assert (tmp_path / "s1-1.mrdwire").read_bytes() == b"abcdef"


def test_the_size_limit_ends_it_and_the_name_says_so(tmp_path: Path) -> None:
    capture = Capture(tmp_path, "s1-1", limit_bytes=5)
    capture.take(memoryview(b"abc"))
    capture.take(memoryview(b"def"))
    capture.take(memoryview(b"g"))
    capture.close()
    assert (tmp_path / "s1-1.partial.mrdwire").read_bytes() == b"abc"


def test_an_unwritable_place_is_said_and_harmless(tmp_path: Path) -> None:
    (tmp_path / "s1-1.mrdwire").mkdir()
    capture = Capture(tmp_path, "s1-1", limit_bytes=1000)
    capture.take(memoryview(b"abc"))
    capture.close()
