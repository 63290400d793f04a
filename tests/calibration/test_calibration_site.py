"""The site's table is used when it belongs to the network, and costs nothing but itself when it does not."""

import hashlib
from pathlib import Path

import pytest

from calibration.site import ranges_folder, usable_ranges
from engine.forms.ranges import U8, KindRanges, Ranges, ranges_bytes
from engine.package import Package, load_package, trusted_keys
from models.shipped import KEYS, PACKAGES


@pytest.fixture(scope="module")
def smooth() -> Package:
    return load_package(PACKAGES / "smooth", trusted_keys(KEYS))


def table(model: bytes) -> Ranges:
    kind = KindRanges("minmax", {"padded": (0.0, 100.0)}, [], 0.0, "dB")
    return Ranges(hashlib.sha256(model).hexdigest(), 1, {U8: kind}, ["0" * 64], ["1" * 64])


def write(state: Path, package: Package, content: bytes) -> Path:
    file = ranges_folder(state, package) / "int8.json"
    file.parent.mkdir(parents=True)
    file.write_bytes(content)
    return file


def test_the_table_for_this_network_is_used(smooth: Package, tmp_path: Path) -> None:
    write(tmp_path, smooth, ranges_bytes(table(smooth.model)))
    assert usable_ranges(tmp_path, smooth) == (table(smooth.model), "")


def test_where_there_is_none_nothing_is_said(smooth: Package, tmp_path: Path) -> None:
    assert usable_ranges(tmp_path, smooth) == usable_ranges(None, smooth) == (None, "")


@pytest.mark.parametrize(
    ("content", "said"),
    [(ranges_bytes(table(b"version 1.0")), "made for model"), (b'{"schema": ', "not a table"), (b"", "not a table")],
)
def test_one_of_an_earlier_version_and_a_damaged_one_are_not_and_it_is_said_why(
    smooth: Package, tmp_path: Path, content: bytes, said: str
) -> None:
    file = write(tmp_path, smooth, content)
    ranges, why_not = usable_ranges(tmp_path, smooth)
    assert ranges is None
    assert str(file) in why_not
    assert said in why_not
    assert "scanside calibrate int8" in why_not


def test_a_folder_that_may_not_be_looked_into_is_said(
    smooth: Package, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(path: Path) -> bool:
        raise PermissionError(13, "Permission denied", str(path))

    monkeypatch.setattr(Path, "exists", refuse)
    ranges, why_not = usable_ranges(tmp_path, smooth)
    assert ranges is None
    assert "int8.json: cannot be read (Permission denied)" in why_not
