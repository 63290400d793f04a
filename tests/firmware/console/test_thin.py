"""Thinning hides no extreme."""

import math

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from firmware.console.thin import said, thinned

NUMBERS = st.lists(st.one_of(st.floats(-1e6, 1e6, width=32), st.just(math.nan)), min_size=0, max_size=300)


@settings(deadline=None)
@given(NUMBERS, st.integers(1, 100))
def test_each_run_keeps_its_least_its_greatest_and_its_newest(numbers, points):
    values = np.array(numbers, np.float32)
    found = thinned(values, points)
    assert len(found.positions) == min(points, len(values))
    start = 0
    for position, last, low, high in zip(found.positions, found.last, found.low, found.high, strict=True):
        run = [value for value in values[start : position + 1].tolist() if not math.isnan(value)]
        assert position >= start
        if run:
            assert (last, low, high) == (run[-1], min(run), max(run))
        else:
            assert math.isnan(last)
            assert math.isnan(low)
            assert math.isnan(high)
        start = position + 1
    assert start == len(values)


@given(NUMBERS)
def test_as_many_points_as_frames_is_every_frame(numbers):
    values = np.array(numbers, np.float32)
    found = thinned(values, max(len(values), 1))
    np.testing.assert_array_equal(found.last, values)


@given(st.lists(st.floats(-1e30, 1e30), max_size=50))
def test_six_digits_are_said_and_nothing_is_no_number(numbers):
    told = said(np.array([*numbers, math.nan]))
    assert told[-1] is None
    for number, back in zip(numbers, told[:-1], strict=True):
        assert back is not None
        assert math.isclose(back, number, rel_tol=1e-5, abs_tol=1e-300)
