"""Which fault the demo puts into its series: from the command line to the simulator."""

from dataclasses import dataclass
from pathlib import Path

from engine.errors import ConfigError, InputRefused
from firmware.sources.simulated import ScanFile, load_scan, repeated_slices
from models.simulate import FAULTS, combine, make_fault, with_impact
from models.simulate.base import Base
from models.simulate.coil_loss import lose_elements
from models.simulate.fault import Fault

NONE = "none"


@dataclass(frozen=True, slots=True)
class FaultWishes:
    """As asked for; plain values, so that they travel to another process."""

    kinds: str
    """Kinds separated by commas, or none."""
    seed: int
    first_frame: int
    times_limit: float | None = None
    """Impact as so many times the limit of the row that finds it; None: the fault's natural strength."""
    elements: str | None = None
    """Coil elements that fail instead of a whole connector, separated by commas."""


def demo_scan(path: Path, wishes: FaultWishes) -> ScanFile:
    """The scan of a file; its frame as several slices where a fault needs some. Raises InputRefused."""
    file = load_scan(path)
    needed = max((FAULTS[kind].slices for kind in _kinds(wishes) if kind in FAULTS), default=1)
    return repeated_slices(file, needed + 1) if needed > file.base.slices else file


def _kinds(wishes: FaultWishes) -> list[str]:
    return [kind.strip() for kind in wishes.kinds.split(",")]


def wished_fault(base: Base, wishes: FaultWishes) -> Fault | None:
    """The fault, None for none; raises ConfigError with one sentence where it cannot be."""
    kinds = _kinds(wishes)
    if wishes.elements and "coil-loss" not in kinds:
        raise ConfigError("names coil elements that fail, for --fault coil-loss only", "--fault-element")
    if wishes.elements and wishes.times_limit is not None:
        raise ConfigError("names the elements, so their loss takes no --strength", "--fault-element")
    if kinds == [NONE]:
        return None
    try:
        faults = [_one(base, kind, wishes) for kind in kinds]
        return faults[0] if len(faults) == 1 else combine(faults)
    except InputRefused as error:
        raise ConfigError(str(error), "--fault") from error


def _one(base: Base, kind: str, wishes: FaultWishes) -> Fault:
    if kind == "coil-loss" and wishes.elements:
        return with_impact(base, lose_elements(_elements(wishes.elements, base.coils), wishes.first_frame))
    if kind not in FAULTS:
        raise InputRefused(f"{kind!r} is no fault", mend=f"give {NONE} or one or several of {', '.join(FAULTS)}")
    return make_fault(kind, base, wishes.seed, wishes.first_frame, times_limit=wishes.times_limit)


def _elements(text: str, coils: int) -> tuple[int, ...]:
    try:
        elements = tuple(sorted({int(element) for element in text.split(",")}))
    except ValueError:
        elements = (-1,)
    if not all(0 <= element < coils for element in elements):
        raise ConfigError(f"takes numbers from 0 to {coils - 1}, separated by commas", "--fault-element")
    return elements
