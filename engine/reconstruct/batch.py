"""Splits a batch of readouts into runs that go the same way, with few numpy calls per batch.

The header is looked at as 170 16-bit words, so that one comparison covers many fields; a whole batch that belongs to
one frame costs the same handful of calls whatever its length.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from itertools import pairwise

import numpy as np
from numpy.typing import NDArray

from engine import acquisition as mrd
from engine.acquisition import ACQUISITION_HEADER, Readouts
from engine.types import FrameIndex


def _word(name: str) -> int:
    fields = ACQUISITION_HEADER.fields
    assert fields is not None
    return int(fields[name][1]) // 2


_WORDS = np.dtype([("words", "<u2", (ACQUISITION_HEADER.itemsize // 2,))])
_READOUT = slice(_word("discard_pre"), _word("encoding_space_ref") + 1)
_IDX = _word("idx")
_COUNTERS = slice(_IDX + 1, _IDX + 9)  # partition, average, slice, contrast, phase, repetition, set, segment
_SPECIAL = mrd.NOT_IMAGING | mrd.END_OF_FRAME | mrd.REVERSE
_ROUTE = np.uint64(mrd.NOT_IMAGING | mrd.REVERSE)
_END = np.uint64(mrd.END_OF_FRAME)


@dataclass(frozen=True, slots=True)
class Run:
    """Consecutive readouts that differ in nothing but line and time; only the last may carry an end flag."""

    head: NDArray[np.void]
    data: NDArray[np.complex64]
    flags: int
    """Of the last readout."""
    discard_pre: int
    discard_post: int
    center_sample: int
    partition: int
    identity: int
    """Average and segment as one number: the same line with another identity is folded in, not a duplicate."""
    index: FrameIndex


def runs(readouts: Readouts) -> Iterator[Run]:
    """The runs of a batch, in order."""
    head = readouts.head
    if not len(head):
        return
    words = head.view(_WORDS)["words"]
    flags = head["flags"]
    routing, counters = words[:, _READOUT], words[:, _COUNTERS]
    plain = not int(np.bitwise_or.reduce(flags)) & _SPECIAL
    if plain and (routing == routing[0]).all() and (counters == counters[0]).all():
        yield _run(readouts.head, readouts.data, routing[0], counters[0], int(flags[-1]))
        return
    change = (routing[1:] != routing[:-1]).any(axis=1) | (counters[1:] != counters[:-1]).any(axis=1)
    change |= (flags[1:] ^ flags[:-1]) & _ROUTE != 0
    change |= flags[:-1] & _END != 0
    bounds = [0, *(np.flatnonzero(change) + 1).tolist(), len(head)]
    for start, stop in pairwise(bounds):
        part = slice(start, stop)
        yield _run(head[part], readouts.data[part], routing[start], counters[start], int(flags[stop - 1]))


def _run(
    head: NDArray[np.void],
    data: NDArray[np.complex64],
    routing: NDArray[np.uint16],
    counters: NDArray[np.uint16],
    flags: int,
) -> Run:
    pre, post, center, encoding = routing.tolist()
    partition, average, slice_, contrast, phase, repetition, set_, segment = counters.tolist()
    index = FrameIndex(encoding, slice_, contrast, phase, repetition, set_)
    return Run(head, data, flags, pre, post, center, partition, average << 16 | segment, index)
