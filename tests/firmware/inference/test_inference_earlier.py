"""The memory of the image before: of the same place, of the same scan, and never more than it may hold."""

from dataclasses import replace

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from engine.types import FrameIndex
from firmware.inference.earlier import EarlierImages


def image(level: float, size: int = 4) -> np.ndarray:
    return np.full((1, size, size), level, np.float32)


def test_the_repetition_before_of_the_same_place() -> None:
    earlier, places = EarlierImages(), [FrameIndex(slice=n) for n in range(3)]
    for repetition in range(3):
        for place in places:
            level = 10 * repetition + place.slice
            before = earlier.exchange("s1", replace(place, repetition=repetition), image(level))
            assert (before is None) if repetition == 0 else (before[0, 0, 0] == level - 10)


def test_looking_keeps_what_is_there_and_counts_as_use() -> None:
    earlier, a, b, c = EarlierImages(2 * image(0).nbytes), *(FrameIndex(slice=n) for n in range(3))
    assert earlier.before("s1", a) is None
    for place in (a, b):
        earlier.exchange("s1", place, image(place.slice))
    assert earlier.before("s1", replace(a, repetition=5))[0, 0, 0] == 0
    earlier.exchange("s1", c, image(2))
    assert earlier.before("s1", a) is not None
    assert earlier.before("s1", b) is None, "gone for c"


def test_scans_do_not_see_each_other_and_are_forgotten() -> None:
    earlier, place = EarlierImages(), FrameIndex()
    assert earlier.exchange("s1", place, image(1)) is None
    assert earlier.exchange("s2", place, image(2)) is None
    earlier.forget("s1")
    assert earlier.exchange("s1", place, image(3)) is None
    assert earlier.exchange("s2", place, image(4))[0, 0, 0] == 2


def test_the_longest_unused_go_first() -> None:
    earlier, a, b, c = EarlierImages(2 * image(0).nbytes), *(FrameIndex(slice=n) for n in range(3))
    for place in (a, b, a, c):
        earlier.exchange("s1", place, image(place.slice))
    assert earlier.exchange("s1", a, image(7))[0, 0, 0] == 0
    assert earlier.exchange("s1", b, image(7)) is None, "gone for c"


@given(st.lists(st.tuples(st.sampled_from("ab"), st.integers(0, 5), st.integers(1, 9)), max_size=60))
def test_it_never_holds_more_than_it_may(events: list[tuple[str, int, int]]) -> None:
    earlier = EarlierImages(200)
    for scan, place, size in events:
        earlier.exchange(scan, FrameIndex(slice=place), image(0, size))
        assert sum(held.nbytes for held in earlier._images.values()) == earlier._bytes <= 200
    for scan in "ab":
        earlier.forget(scan)
    assert earlier._bytes == 0
