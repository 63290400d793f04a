"""One training sample: a frame with a fault or without, the frame before it, and the truth; noise comes later."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.optimize import minimize

from engine.errors import InputRefused
from models.data.anatomy import Volume
from models.quality.kinds import KINDS
from models.quality.scene import Scene, draw_prior, make_scene
from models.quality.shape import CELLS
from models.simulate import FAULTS
from models.simulate.base import Base, Lines, magnitude, object_mask, signal_level
from models.simulate.fault import Fault
from models.simulate.impact import central
from models.simulate.rigid import moved

CLEAN = -1
"""Number of the kind of a sample without fault."""
LEAST_PEAK = 0.7
"""% of the median signal: a fault that changes no cell of the map by more is made again, stronger or elsewhere."""

_TRIES = 6
_REGISTERED = "motion"
_EVALUATIONS = 40

_Image = NDArray[np.float32]


@dataclass(frozen=True, slots=True)
class Sample:
    """Amplitudes are noise-free root sums of squares in units of the object's median signal."""

    image: _Image
    """`[y, x]` the frame."""
    before: _Image
    """`[y, x]` the frame before, in which no fault had begun (a prescription had)."""
    kind: int
    """In KINDS, or CLEAN."""
    fault: str
    impact: float
    """Root mean square change of the registered image over the object, % of the median signal."""
    where: _Image
    """`[16, 16]` root mean square change in each cell, % of the median signal."""
    subject: str
    rows: NDArray[np.bool_]
    """`[y]` lines of k-space that hold data, noise too."""
    columns: NDArray[np.bool_]
    """`[x]` the same of samples."""


def make_sample(volumes: Sequence[Volume], shape: tuple[int, int], rng: np.random.Generator) -> Sample:
    """A random sample on a matrix of `shape`; without fault where none could be shown in several tries."""
    for _ in range(_TRIES):
        try:
            sample = sample_of(make_scene(volumes, shape, draw_prior(rng), rng))
        except InputRefused:  # this picture cannot show this fault: another one
            continue
        if sample is not None:
            return sample
    clean = sample_of(make_scene(volumes, shape, None, rng))
    assert clean is not None, "nothing can go wrong with a sample that has no fault"
    return clean


def sample_of(scene: Scene) -> Sample | None:
    """None where the fault cannot be seen."""
    base, shape = scene.base, scene.shape
    level = signal_level(base)
    clean = magnitude(base, base.lines) / level
    earlier = magnitude(scene.before, scene.before.lines) / level
    if scene.prior is None or scene.fault is None:
        held = (np.ones(shape[0], bool), np.ones(shape[1], bool))
        return Sample(clean, earlier, CLEAN, "", 0.0, np.zeros((CELLS, CELLS), np.float32), scene.subject, *held)
    image, held = _faulted(base, scene.fault)
    image = image / level
    if image.shape != shape:
        return None
    if FAULTS[scene.prior.fault].from_start:
        earlier = _faulted(scene.before, scene.fault)[0] / level
    clean, mask = central(clean, shape), central(object_mask(base), shape)
    back = _put_back(image, clean, mask) if scene.prior.finding == _REGISTERED else image
    change = 100 * np.abs(back - clean)
    where = cells(change)
    if where.max() < LEAST_PEAK or not mask.any():
        return None
    impact = float(np.sqrt(np.mean(change[mask] ** 2)))
    kind = KINDS.index(scene.prior.finding)
    return Sample(image, earlier, kind, scene.prior.fault, impact, where, scene.subject, *held)


def cells(change: NDArray[np.floating]) -> _Image:
    """`[16, 16]` root mean square of `change [y, x]` in cells of equal size."""
    power = np.asarray(change, np.float64) ** 2
    for axis in (0, 1):
        size = power.shape[axis]
        edges = np.arange(CELLS) * size // CELLS
        counts = np.diff([*edges, size])
        power = np.add.reduceat(power, edges, axis=axis) / np.expand_dims(counts, 1 - axis)
    return np.sqrt(power).astype(np.float32)


def _faulted(base: Base, fault: Fault) -> tuple[_Image, tuple[NDArray[np.bool_], NDArray[np.bool_]]]:
    """Noise-free magnitude of the first frame, as bright as the clean one; lines and samples that hold data."""
    lines: Lines = fault.received(fault.signal(base.lines, 0), 0)
    if (sent := fault.sent(0)) is not None:
        lines = np.where(sent[:, None, None], lines, np.complex64(0))
    filled = np.abs(lines).sum(axis=1) > 0
    image = magnitude(base, lines) * np.float32(np.sqrt(base.lines.size / lines.size))
    return image, (filled.any(axis=1), filled.any(axis=0))


def _put_back(image: _Image, clean: _Image, mask: NDArray[np.bool_]) -> _Image:
    """`image` moved to where it is nearest to `clean` within the mask; looked for at half the resolution."""
    small, target, inside = image[::2, ::2], clean[::2, ::2], mask[::2, ::2]

    def difference(pose: NDArray[np.float64]) -> float:
        return float(np.mean((np.abs(moved(small, *pose)) - target)[inside] ** 2))

    start = np.vstack([np.zeros(3), np.eye(3)])
    options = {"initial_simplex": start, "maxfev": _EVALUATIONS, "xatol": 0.02, "fatol": 1e-6}
    best = minimize(difference, np.zeros(3), method="Nelder-Mead", options=options)
    if best.fun >= difference(np.zeros(3)):
        return image
    down, right, degrees = best.x
    return np.asarray(np.abs(moved(image, 2 * down, 2 * right, degrees)), np.float32)
