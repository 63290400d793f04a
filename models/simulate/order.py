"""Orders in which the lines of a frame are acquired, and the time of each."""

import numpy as np
from numpy.typing import NDArray

Order = NDArray[np.intp]
"""Lines of the matrix as they are acquired."""


def sequential(lines: int) -> Order:
    """0, 1, 2, ..."""
    return np.arange(lines)


def interleaved(lines: int, interleaves: int = 2) -> Order:
    """Every `interleaves`-th line, then the same shifted by one, and so on."""
    return np.concatenate([np.arange(first, lines, interleaves) for first in range(interleaves)])


def centre_out(lines: int) -> Order:
    """The middle line, then one line below and one above in turn."""
    away = np.arange(lines) - lines // 2
    return np.argsort(2 * np.abs(away) - (away < 0), kind="stable")


def echo_trains(lines: int, length: int) -> Order:
    """Trains of `length` echoes: the n-th echo of every train fills the n-th band of lines (turbo spin echo)."""
    trains = -(-lines // length)
    grid = np.arange(length) * trains + np.arange(trains)[:, None]
    return np.asarray(grid[grid < lines])


def line_times(
    order: Order, repetition_seconds: float, train: int = 1, spacing_seconds: float = 0.0
) -> NDArray[np.float64]:
    """`[line]` seconds from the start: a train of `train` lines per repetition, `spacing_seconds` apart.

    Echo-planar imaging is one train (or a few) in sequential order.
    """
    place = np.arange(len(order))
    times = np.empty(len(order))
    times[order] = place // train * repetition_seconds + place % train * spacing_seconds
    return times
