"""Orders of acquisition and the time of each line."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from models.simulate.order import centre_out, echo_trains, interleaved, line_times, sequential


@given(st.integers(8, 300), st.integers(1, 16))
def test_every_order_holds_every_line_once(lines: int, count: int) -> None:
    for order in (sequential(lines), interleaved(lines, count), centre_out(lines), echo_trains(lines, count)):
        assert sorted(order.tolist()) == list(range(lines))


def test_centre_out_is_as_a_real_scan_has_it() -> None:
    assert centre_out(128)[:6].tolist() == [64, 63, 65, 62, 66, 61]


def test_the_nth_echo_of_each_train_fills_the_nth_band() -> None:
    order = echo_trains(64, 8).reshape(8, 8)
    for echo in range(8):
        assert sorted(order[:, echo].tolist()) == list(range(8 * echo, 8 * echo + 8))


def test_lines_of_a_train_follow_each_other_within_the_repetition() -> None:
    order = echo_trains(32, 4)
    times = line_times(order, 1.0, train=4, spacing_seconds=0.01)
    assert times[order] == pytest.approx([n // 4 * 1.0 + n % 4 * 0.01 for n in range(32)])
    assert (np.diff(times[order]) > 0).all()
