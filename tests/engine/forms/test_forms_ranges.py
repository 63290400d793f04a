"""The table of ranges: read, refused, bound to its network."""

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from engine.errors import PackageRefused
from engine.forms.ranges import FILE, MAX_BYTES, KindRanges, Ranges, parse_ranges, ranges_bytes, read_ranges
from engine.package import load_package
from tests.engine.forms.networks import table
from tests.engine.package_cases import KEYS, files, gain, seal

numbers = st.floats(-1e6, 1e6, width=32)
pairs = st.tuples(numbers, numbers).map(lambda pair: (min(pair), max(pair)))
kinds = st.builds(
    KindRanges,
    method=st.sampled_from(["minmax", "entropy"]),
    tensors=st.dictionaries(st.text(min_size=1, max_size=20), pairs, min_size=1, max_size=4),
    kept=st.lists(st.text(min_size=1, max_size=9), max_size=3),
    loss=numbers,
    unit=st.just("dB"),
)


@given(one=kinds, other=kinds)
def test_what_is_written_is_read_again(one: KindRanges, other: KindRanges) -> None:
    ranges = Ranges("0" * 64, 1, {"s8": one, "u8": other}, ["1" * 64], ["2" * 64])
    data = ranges_bytes(ranges)
    assert parse_ranges(data, "x") == ranges
    assert ranges_bytes(parse_ranges(data, "x")) == data


GOOD = ranges_bytes(table(b"", {"a": (0.0, 1.0)}))


@pytest.mark.parametrize(
    ("old", "new", "said"),
    [
        (b"ranges/1", b"ranges/9", "ranges/9"),
        (b'"a": [\n     0.0', b'"a": [\n     3.0', "the range of 'a' in s8 is 3.0 to 1.0"),
        (b'"a": [\n     0.0,\n     1.0', b'"a": [\n     0.0,\n     1e300', "the range of 'a' in s8 is 0.0 to 1e+300"),
        (b'"a": [\n     0.0', b'"a": [\n     -4e38', "the range of 'a' in s8 is -4e+38 to 1.0"),
        (b'"loss": 0.1', b'"loss": 1e999', "out of range"),
        (b'"loss": 0.1', b'"loss": NaN', "not a table"),
        (b'"unit": "dB"', b'"unit": "dB", "more": 1', "more"),
        (b'"s8"', b'"s9"', "kinds"),
        (b'"quantiser": 1', b'"quantiser": "1"', "quantiser"),
        (b"{", b"[", "not a table"),
    ],
)
def test_a_wrong_table_is_refused_with_the_field(old: bytes, new: bytes, said: str) -> None:
    with pytest.raises(PackageRefused, match="int8") as raised:
        parse_ranges(GOOD.replace(old, new), "x/int8.json")
    assert said in str(raised.value)
    assert raised.value.reason == "ranges"


def test_a_frame_is_calibrated_on_or_held_out() -> None:
    both = table(b"", {"a": (0.0, 1.0)})
    same = Ranges(both.model_sha256, 1, both.kinds, both.frames, both.frames)
    with pytest.raises(PackageRefused, match="calibrated on and held out"):
        parse_ranges(ranges_bytes(same), "x")


@pytest.mark.parametrize("data", [b"", b"[" * 100_000, b"\xff\xfe", b" " * (MAX_BYTES + 1)])
def test_what_is_no_table_at_all_is_refused(data: bytes, tmp_path: Path) -> None:
    (tmp_path / FILE).write_bytes(data)
    with pytest.raises(PackageRefused):
        read_ranges(tmp_path / FILE)


def test_a_missing_table_is_named(tmp_path: Path) -> None:
    with pytest.raises(PackageRefused, match=r"int8\.json: cannot be read"):
        read_ranges(tmp_path / FILE)


def test_a_package_brings_its_table(tmp_path: Path) -> None:
    ranges = table(gain(), {"a": (0.0, 1.0)})
    package = load_package(seal(tmp_path / "p", {**files(), FILE: ranges_bytes(ranges)}), KEYS)
    assert package.ranges == ranges
    assert load_package(seal(tmp_path / "q", files()), KEYS).ranges is None


def test_a_package_with_the_table_of_another_network_is_refused(tmp_path: Path) -> None:
    other = ranges_bytes(table(gain(3.0), {"a": (0.0, 1.0)}))
    with pytest.raises(PackageRefused, match=r"int8\.json: made for model") as raised:
        load_package(seal(tmp_path / "p", {**files(), FILE: other}), KEYS)
    assert raised.value.reason == "ranges"
