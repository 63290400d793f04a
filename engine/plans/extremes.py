"""Hostile frames within a manifest's promise: what a form that was tuned on sound frames breaks on."""

from collections.abc import Mapping

import numpy as np
from numpy.typing import NDArray

from engine.package import Package
from engine.package.manifest import Axis, Tensor
from engine.package.sizes import shape_at

_SEED = 7
_BRIGHT = 99.0
"""Percentile of the golden frames that stands for bright tissue."""

Batch = NDArray[np.float32]


def extremes(package: Package) -> dict[str, Batch]:
    """Name -> a batch for the package's one input, made from its golden frames, every value within its range.

    Intensities that are halved and doubled, nothing, evenness, noise alone, a step, single pixels at the ends of the
    range; and the golden frame at the least, an odd and the typical size, and several at once.
    """
    taken = package.manifest.inputs[0]
    low, high = (np.float32(limit) for limit in taken.range)
    golden: Batch = package.golden[taken.name].astype(np.float32)
    frame, bright = golden[0], np.float32(np.percentile(golden, _BRIGHT))
    random = np.random.default_rng(_SEED)
    left = np.arange(frame.shape[-1]) < frame.shape[-1] // 2
    batches: dict[str, Batch] = {
        "zeros": np.zeros_like(frame),
        "constant": np.full_like(frame, bright / 2),
        "noise alone": np.abs(random.standard_normal(frame.shape, np.float32)),
        "step": np.broadcast_to(np.where(left, np.float32(0), bright), frame.shape),
        "one pixel at the top of the range": _with_pixel(frame, high),
        "one pixel at the bottom of the range": _with_pixel(frame, low),
        **{name: _at(golden, taken, sizes) for name, sizes in _sizes(taken, frame).items()},
    }
    for number, image in enumerate(golden):
        batches[f"frame {number} at half the intensity"] = image * np.float32(0.5)
        batches[f"frame {number} at twice the intensity"] = image * np.float32(2)
    return {name: np.clip(batch, low, high) for name, batch in batches.items()}


def typical(package: Package) -> Batch:
    """The golden frame repeated to the size that plans are made for: what latency is measured with."""
    taken = package.manifest.inputs[0]
    sizes = {axis.name: axis.typical for axis in taken.shape if isinstance(axis, Axis)}
    low, high = taken.range
    return np.clip(_at(package.golden[taken.name].astype(np.float32), taken, sizes), np.float32(low), np.float32(high))


def _sizes(taken: Tensor, frame: Batch) -> dict[str, dict[str, int]]:
    """Name -> axis name -> size."""
    there = {
        axis.name: (axis, size) for axis, size in zip(taken.shape, frame.shape, strict=True) if isinstance(axis, Axis)
    }
    if not there:
        return {}
    sizes = {
        "least size": {name: axis.min for name, (axis, _) in there.items()},
        "odd size": {name: max(axis.min, size - 1 + size % 2) for name, (axis, size) in there.items()},
        "typical size": {name: axis.typical for name, (axis, _) in there.items()},
    }
    first = taken.shape[0]
    if isinstance(first, Axis) and first.max > 1:
        sizes["two at once"] = {name: size for name, (_, size) in there.items()} | {first.name: max(first.min, 2)}
    return sizes


def _at(golden: Batch, taken: Tensor, sizes: Mapping[str, int]) -> Batch:
    """The golden frames, one after the other along the first axis, cut or repeated to `sizes`."""
    made = golden.reshape(-1, *golden.shape[2:])
    for axis, size in enumerate(shape_at(taken, sizes)):
        made = np.take(made, range(size), axis=axis, mode="wrap")
    return made


def _with_pixel(frame: Batch, value: np.float32) -> Batch:
    made = frame.copy()
    made[(..., *(size // 2 for size in frame.shape[2:]))] = value
    return made
