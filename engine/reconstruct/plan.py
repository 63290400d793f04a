"""What the header promises of a frame: matrix, expected lines, transform sizes - or why there will be no image."""

import math
from dataclasses import dataclass

import numpy as np

from engine.types import CounterLimits, Encoding, Trapezoid

_LINES = "kspace_encoding_step_1"
_PARTITIONS = "kspace_encoding_step_2"


@dataclass(frozen=True, slots=True)
class AxisPlan:
    """Sizes of one transform axis."""

    transform: int
    """Length of the zero-filled transform; its field of view is the encoded one."""
    image: int
    """Pixels kept around the centre; their field of view is the reconstructed one."""
    oversampling: float
    """Encoded over reconstructed field of view."""


@dataclass(frozen=True, slots=True)
class FramePlan:
    """How the readouts of one encoding become a frame."""

    lines: int
    """k-space lines of the matrix; k = 0 is line `lines // 2`."""
    line_shift: int
    """Added to the encoding counter to get the line of the matrix."""
    expected: range
    """Lines of the matrix that the encoding limits promise."""
    averages: int
    """How often each line is prescribed."""
    readout: AxisPlan
    phase: AxisPlan

    @property
    def center_line(self) -> int:
        """Line of the matrix that holds k = 0."""
        return self.lines // 2


def plan_axis(encoded: int, recon: int, encoded_mm: float, recon_mm: float) -> AxisPlan:
    """Transform and crop sizes along one axis, for any oversampling ratio, also a fractional one.

    Pixels must be as fine as the reconstructed space says, so the transform has `recon * ratio` points; where that
    is more than was encoded, k-space is zero-filled. It is never less: a header whose fields of view do not mention
    the oversampling that its matrices show (encoded 512, recon 256, equal mm) is read by its matrices, because no
    scanner throws acquired resolution away.
    """
    sizes_valid = np.isfinite([encoded_mm, recon_mm]).all() and encoded_mm > 0 and recon_mm > 0
    ratio = encoded_mm / recon_mm if sizes_valid else encoded / recon
    wanted = round(recon * ratio)
    transform = encoded if wanted <= encoded + 1 else wanted  # one more is rounding, not interpolation
    transform = max(transform, recon)
    return AxisPlan(transform, recon, transform / recon if wanted < encoded - 1 else ratio)


def plan_frame(encoding: Encoding) -> FramePlan:
    """The plan of a fully sampled 2D Cartesian or echo-planar encoding; ask `unsupported` first."""
    lines = encoding.encoded.matrix[1]
    limits = encoding.limits.get(_LINES)
    shift = lines // 2 - limits.center if limits and limits.center is not None else 0
    first, last = (limits.minimum + shift, limits.maximum + shift) if limits else (0, lines - 1)
    axes = [
        plan_axis(
            encoding.encoded.matrix[axis],
            encoding.recon.matrix[axis],
            encoding.encoded.field_of_view[axis],
            encoding.recon.field_of_view[axis],
        )
        for axis in (0, 1)
    ]
    return FramePlan(
        lines=lines,
        line_shift=shift,
        expected=range(max(first, 0), min(last, lines - 1) + 1),
        averages=_count(encoding.limits.get("average")),
        readout=axes[0],
        phase=axes[1],
    )


def plan_readout(plan: FramePlan, encoding: Encoding, samples: int, center: int) -> AxisPlan | None:
    """The readout axis for readouts of `samples` points; None: they do not fit the encoded matrix.

    A scanner may have removed the oversampling itself: then there are as many samples as pixels and, unlike in an
    asymmetric echo, they would touch neither edge of the encoded matrix. Samples that are regridded may be any number.
    """
    if usable_trapezoid(encoding, samples) is not None:
        return plan.readout
    encoded, pixels = encoding.encoded.matrix[0], encoding.recon.matrix[0]
    start = encoded // 2 - center
    if samples == pixels < encoded and start > 0 and start + samples < encoded:
        return AxisPlan(pixels, pixels, 1.0)
    return plan.readout if samples <= plan.readout.transform else None


def usable_trapezoid(encoding: Encoding, samples: int) -> Trapezoid | None:
    """The header's trapezoid if it describes echo-planar readouts of this many samples, all within the gradient."""
    found = encoding.trapezoid
    if encoding.trajectory != "epi" or found is None or found.samples != samples:
        return None
    times = found.ramp_up, found.flat_top, found.ramp_down, found.delay
    total = found.ramp_up + found.flat_top + found.ramp_down
    valid = all(math.isfinite(time) and time >= 0 for time in times) and found.dwell > 0
    return found if valid and found.delay + samples * found.dwell <= total * (1 + 1e-6) else None


def unsupported(encoding: Encoding) -> tuple[str, str] | None:
    """(reason, sentence) where this version makes no image of an encoding; None where it does."""
    if encoding.trajectory not in ("cartesian", "epi"):
        reason = {"goldenangle": "radial"}.get(encoding.trajectory, encoding.trajectory)
        reason = reason if reason in ("radial", "spiral") else "trajectory"
        sentence = f"readouts follow a {encoding.trajectory} trajectory, only cartesian and epi ones are reconstructed"
        return reason, sentence
    if encoding.multiband > 1:
        return "multiband", f"{encoding.multiband} slices are excited at once, which is not unfolded here"
    if max(encoding.acceleration) > 1:
        factors = " x ".join(str(factor) for factor in encoding.acceleration)
        return "acceleration", f"accelerated {factors} by parallel imaging, which is not unfolded here"
    if encoding.encoded.matrix[2] > 1:
        return "three_dimensional", f"{encoding.encoded.matrix[2]} partitions: only 2D frames are reconstructed"
    return None


def expected_readouts(encoding: Encoding) -> int:
    """Distinct readouts that an encoding without image promises per frame; 0 where that cannot be told."""
    limits = encoding.limits.get(_LINES)
    if max(encoding.acceleration) > 1 or limits is None:
        return 0
    return _count(limits) * _count(encoding.limits.get(_PARTITIONS))


def _count(limits: CounterLimits | None) -> int:
    return limits.maximum - limits.minimum + 1 if limits else 1
