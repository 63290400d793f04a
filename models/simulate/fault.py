"""A fault: what it does at each stage of the signal chain, and its truth."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from engine.types import Encoding
from models.simulate.base import Lines

PRESCAN = -1
"""The repetition that the noise readouts belong to: they are acquired before the first frame."""


@dataclass(frozen=True, slots=True)
class Truth:
    """What was done, in physical units, and what it costs."""

    kind: str
    finding: str
    """Kind of finding that it should raise; empty: no row of this version can see it."""
    strength: float
    unit: str
    first_frame: int
    """Repetition that it begins in; it stays to the end of the series."""
    lines: tuple[int, ...] = ()
    """Lines of the matrix that are hit; empty: all."""
    samples: tuple[int, ...] = ()
    columns: tuple[int, ...] = ()
    elements: tuple[int, ...] = ()
    """Coil elements that are hit; empty: all."""
    slices: tuple[int, ...] = ()
    impact_percent: float = 0.0
    """Root mean square change of the registered noise-free image over the object, % of its median signal."""


Change = Callable[[Lines, int], Lines]
"""`(lines, repetition) -> lines`; never changes its argument in place."""


def unchanged(lines: Lines, repetition: int) -> Lines:
    """The stage of a fault that does nothing."""
    del repetition
    return lines


def all_lines(repetition: int) -> NDArray[np.bool_] | None:
    """Every line is sent."""
    del repetition
    return None


def all_slices(repetition: int) -> NDArray[np.bool_] | None:
    """Every slice is sent."""
    del repetition
    return None


def same_encoding(encoding: Encoding) -> Encoding:
    """The prescription as it was."""
    return encoding


@dataclass(frozen=True, slots=True)
class Fault:
    """Stages in the order of the signal: object and coils, noise, receiver, transfer; and the prescription."""

    truths: tuple[Truth, ...]
    signal: Change = unchanged
    """Object and coils, before noise; may change the number of lines and samples with the prescription."""
    noise: Change = unchanged
    """Also for the noise readouts, as repetition `PRESCAN`."""
    received: Change = unchanged
    """Receiver, after noise."""
    sent: Callable[[int], NDArray[np.bool_] | None] = all_lines
    """`[line]` that reach the appliance in this repetition; None: all."""
    sent_slices: Callable[[int], NDArray[np.bool_] | None] = all_slices
    """`[slice]` that reach the appliance in this repetition; None: all."""
    encoding: Callable[[Encoding], Encoding] = same_encoding

    @property
    def truth(self) -> Truth:
        """Of the first fault, where several are combined."""
        return self.truths[0]


def from_frame(first_frame: int, change: Change) -> Change:
    """`change` from repetition `first_frame` on, nothing before."""
    return lambda lines, repetition: change(lines, repetition) if repetition >= first_frame else lines


def chain(changes: Sequence[Change]) -> Change:
    """One change after the other."""

    def apply(lines: Lines, repetition: int) -> Lines:
        for change in changes:
            lines = change(lines, repetition)
        return lines

    return apply
