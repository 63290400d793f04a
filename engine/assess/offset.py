"""m08: constant offset of a receiver (a dot at the centre of the image) and its quadrature error (a turned ghost).

Both are looked for in the corners of k-space, beyond a quarter of its width on both axes, where the object is weakest.
A constant offset is the centre pixel of the image made of the corners alone. A gain error e between the two channels
of a quadrature receiver adds e / 2 times the conjugate to every sample y (the object turned by 180 degrees), so the
mean of y^2 is e times that of |y|^2, in noise as in the object: the centre pixel of the image made of y^2.

Pixels an even number apart do not leak into each other in such images, so each centre pixel is held against its
neighbours on the even lattice: noise and edges of the object are in all of them, these two faults in the centre alone.
An object that is its own mirror image about the centre has y^2 there too, so the ghost is looked for only in elements
whose corners hold hardly more than noise.
"""

import math

import numpy as np
from numpy.typing import NDArray

from engine.assess.memory import StratumMemory
from engine.assess.view import FrameView
from engine.types import Measurement, Where

DETECTED = 6.0
"""Standard deviations from which an element counts as faulty; the limit of the table."""
_LATTICE = np.arange(-6, 7, 2)
_LEAST = 256
_MOSTLY_NOISE = 2.0


def receiver_offset(view: FrameView, memory: StratumMemory) -> Measurement:
    """The greater of both faults in the worst element, sd; impact: dot or ghost of the elements beyond 6 sd, %."""
    del memory
    why = view.why_no_object or ("" if view.noise_known else "noise_unknown")
    lines, _, samples = view.raw.shape
    rows, columns = _outer(lines, view.kspace.center[0]), _outer(samples, view.kspace.center[1])
    count = int(view.acquired[rows].sum()) * len(columns)
    if not why and count < _LEAST:
        why = "too_few_samples"
    if why or not view.signal or view.noise is None:
        return Measurement("m08", "receiver_offset", None, "sd", why_missing=why)
    corners = _corners(view.raw, rows, columns)
    turns = _turns(rows - view.kspace.center[0], lines), _turns(columns - view.kspace.center[1], samples)
    constant, constant_sd = center_over_ring(corners, *turns)
    conjugate, conjugate_sd = center_over_ring(corners * corners, *turns)
    power = np.square(corners.view(np.float32)).sum(axis=(0, 2), dtype=np.float64)
    constant, conjugate, power = constant / count, conjugate / count, power / count
    conjugate_sd[power > _MOSTLY_NOISE * view.noise.covariance.diagonal().real] = 0
    offset = np.where(constant_sd > DETECTED, constant, 0)
    dot = float(np.linalg.norm(view.in_noise_units(offset))) * math.sqrt(lines * samples) / view.signal
    ghost = 0.5 * np.abs(conjugate[conjugate_sd > DETECTED]) / power[conjugate_sd > DETECTED]
    significance = np.maximum(constant_sd, conjugate_sd)
    return Measurement(
        "m08",
        "receiver_offset",
        float(significance.max()),
        "sd",
        impact=100 * max(dot, float(ghost.max(initial=0.0))),
        impact_unit="%",
        where=Where(coils=tuple(np.flatnonzero(significance > DETECTED).tolist())),
        estimated=view.noise.estimated,
    )


def center_over_ring(
    samples: NDArray[np.complex64], along_y: NDArray[np.complex64], along_x: NDArray[np.complex64]
) -> tuple[NDArray[np.complex128], NDArray[np.float64]]:
    """Per coil the sum of `samples` `[line, coil, sample]`, and its size in sd per real and imaginary part.

    The sd is the root mean square of the other lattice pixels; without any signal the figure follows a Rayleigh
    distribution of parameter 1, so 6 is passed once in 66 million times.
    """
    lattice = (np.tensordot(along_y, samples, axes=1) @ along_x.T).astype(np.complex128)
    power = lattice.real**2 + lattice.imag**2
    middle = len(_LATTICE) // 2
    center = lattice[middle, :, middle]
    ring = (power.sum(axis=(0, 2)) - power[middle, :, middle]) / (len(_LATTICE) ** 2 - 1)
    return center, np.abs(center) / np.sqrt(np.maximum(0.5 * ring, 1e-300))


def _outer(extent: int, center: int) -> NDArray[np.intp]:
    """Places beyond a quarter of the extent from the centre."""
    places = np.arange(extent)
    return places[np.abs(places - center) > extent / 4]


def _corners(raw: NDArray[np.complex64], rows: NDArray[np.intp], columns: NDArray[np.intp]) -> NDArray[np.complex64]:
    """`[line, coil, sample]` of both ends of both axes; by slices, an index array would take twenty times as long."""
    ends = [np.split(places, np.flatnonzero(np.diff(places) > 1) + 1) for places in (rows, columns)]
    bounds = [[slice(end[0], end[-1] + 1) for end in both] for both in ends]
    return np.concatenate(
        [np.concatenate([raw[lines, :, samples] for samples in bounds[1]], axis=2) for lines in bounds[0]]
    )


def _turns(k: NDArray[np.intp], extent: int) -> NDArray[np.complex64]:
    """exp(2 pi i k x / extent) of the lattice's places x: `[x, k]`."""
    return np.asarray(np.exp(2j * np.pi * np.outer(_LATTICE, k) / extent), np.complex64)
