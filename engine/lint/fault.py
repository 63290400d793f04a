"""What the lint says."""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import NamedTuple


@dataclass(frozen=True, slots=True)
class Fault:
    """One thing that a runner would refuse, misread or compute wrongly."""

    rule: str
    """The row of the table that found it."""
    place: str
    """The node, named as people find it in a viewer; or the tensor; or what holds for the whole file."""
    what: str
    mend: str

    def __str__(self) -> str:
        return f"{self.place}: {self.what}; {self.mend}"


class Found(NamedTuple):
    """A fault before its rule is known: place, what, mend."""

    place: str
    what: str
    mend: str


Findings = Iterator[Found]
