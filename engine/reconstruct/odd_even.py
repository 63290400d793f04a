"""What phase-correction readouts say about the two directions of an echo-planar train.

Ahn and Cho 1987 (IEEE Trans Med Imaging 6:32): gradient delays and eddy currents give lines read backwards a phase
against those read forwards that is linear along the readout, constant and slope. It is measured on readouts without
phase encoding that precede the image. From one echo to the next the signal also turns by off-resonance; pairs
forward-reversed and reversed-forward turn opposite ways, so both kinds are added with equal weight.
"""

from dataclasses import dataclass, field, replace

import numpy as np
from numpy.typing import NDArray

from engine.acquisition import RECEIVER_RANGE, REVERSE
from engine.reconstruct.batch import Run
from engine.reconstruct.epi import RowTransform, row_transform
from engine.reconstruct.k_order import center_in_k_order, used_samples
from engine.reconstruct.plan import plan_frame, plan_readout, unsupported
from engine.types import Encoding, FrameIndex

_LEAST_COHERENCE = 0.8
"""Share of the navigators' cross product that lies along the fitted phase; real ones have 0.999."""
_LARGEST_RESIDUAL = 1.5
_MOST_GROUPS = 256
_MOST_TRANSFORMS = 64


@dataclass(frozen=True, slots=True)
class OddEvenPhase:
    """Phase of reversed lines against forward ones."""

    constant: float
    """Radians in the middle of the image."""
    slope: float
    """Radians per pixel along x."""

    def added(self, *, reverse: bool) -> tuple[float, float]:
        """(radians, radians per pixel) to add to a line of this direction: half the difference each."""
        sign = -0.5 if reverse else 0.5
        return sign * self.constant, sign * self.slope

    def ramp(self, columns: int, *, reverse: bool) -> NDArray[np.complex64]:
        """Factor `[x]` for a line of this direction."""
        constant, slope = self.added(reverse=reverse)
        return np.asarray(np.exp(1j * (constant + slope * (np.arange(columns) - columns // 2))), np.complex64)


def fit_phase(cross: NDArray[np.complexfloating]) -> OddEvenPhase | None:
    """The linear phase of `cross` `[x]`, by its autocorrelation, refined by weighted least squares; None: no phase.

    The autocorrelation needs no unwrapping; the refinement has a fraction of its variance.
    """
    size = float(np.abs(cross).sum())
    if not np.isfinite(size) or size <= 0:
        return None
    x = np.arange(len(cross)) - len(cross) // 2
    slope = float(np.angle((cross[1:] * cross[:-1].conj()).sum()))
    constant = float(np.angle((cross * np.exp(-1j * slope * x)).sum()))
    residual = np.angle(cross * np.exp(-1j * (constant + slope * x)))
    weight = np.abs(cross) * (np.abs(residual) < _LARGEST_RESIDUAL)
    terms = np.stack([np.ones(len(x)), x])
    normal = (weight * terms) @ terms.T
    if np.linalg.det(normal) > 0:
        fine = np.linalg.solve(normal, (weight * terms) @ residual)
        constant, slope = constant + float(fine[0]), slope + float(fine[1])
    aligned = float(np.abs((cross * np.exp(-1j * (constant + slope * x))).sum()))
    return OddEvenPhase(constant, slope) if aligned > _LEAST_COHERENCE * size else None


@dataclass
class _Group:
    """Navigators in a row, of one slice."""

    cross: dict[bool, NDArray[np.complex128]] = field(default_factory=dict)
    """Whether the earlier of a pair was reversed -> sum of reversed x conj(forward) `[x]`."""
    latest: NDArray[np.complex64] | None = None
    latest_reverse: bool = False
    used: bool = False
    """Image lines have been corrected with it: the next navigator begins anew."""
    fitted: OddEvenPhase | None = None
    """Of the group before until there is a pair."""
    stale: bool = False

    def take(self, row: NDArray[np.complex64], *, reverse: bool) -> None:
        """One more navigator `[coil, x]`."""
        before = self.latest
        if before is not None and before.shape == row.shape and self.latest_reverse is not reverse:
            product = row * before.conj() if reverse else before * row.conj()
            summed = product.sum(axis=0, dtype=np.complex128)
            self.cross[self.latest_reverse] = summed + self.cross.get(self.latest_reverse, 0)
            self.stale = True
        self.latest, self.latest_reverse = row, reverse

    def phase(self) -> OddEvenPhase | None:
        """Fitted when first asked for after a change."""
        if self.stale:
            parts = [part / size for part in self.cross.values() if (size := float(np.abs(part).sum())) > 0]
            self.fitted = fit_phase(np.sum(parts, axis=0)) if parts else None
            self.stale = False
        return self.fitted


class Navigators:
    """Phase-correction readouts of a scan, per slice; a slice without its own uses the encoding's latest."""

    def __init__(self) -> None:
        self._groups: dict[FrameIndex, _Group] = {}
        self._latest: dict[int, _Group] = {}
        self._transforms: dict[tuple[int, int, int, int, bool, int, int], RowTransform | None] = {}

    def take(self, run: Run, encoding: Encoding) -> None:
        """Navigators in order of arrival; what is no echo-planar readout, or impossible, is passed over."""
        if encoding.trajectory != "epi" or unsupported(encoding) is not None:
            return
        reverse = bool(run.flags & REVERSE)
        discarded = run.discard_pre + run.discard_post >= run.data.shape[2]
        transform = None if discarded else self._transform(run, encoding, reverse=reverse)
        if transform is None:
            return
        ordered = run.data[..., ::-1] if reverse else run.data
        ordered = ordered[(np.abs(ordered) < RECEIVER_RANGE).all(axis=(1, 2))]
        samples = np.zeros(ordered.shape, np.complex64)
        samples[..., used_samples(run)] = ordered[..., used_samples(run)]
        rows = np.empty((*samples.shape[:2], encoding.recon.matrix[0]), np.complex64)
        transform.apply(samples, rows)
        group = self._group(run.index)
        for number in range(len(rows)):
            group.take(rows[number], reverse=reverse)

    def phase(self, index: FrameIndex) -> OddEvenPhase | None:
        """For an image line of this index; None: no navigators, or none that agree with a linear phase."""
        group = self._groups.get(_place(index)) or self._latest.get(index.encoding)
        if group is None:
            return None
        group.used = True
        return group.phase()

    def _group(self, index: FrameIndex) -> _Group:
        place = _place(index)
        group = self._groups.get(place)
        if group is None or group.used:
            if len(self._groups) >= _MOST_GROUPS:
                self._groups.clear()
            group = self._groups[place] = _Group(fitted=group.fitted if group is not None else None)
        self._latest[index.encoding] = group
        return group

    def _transform(self, run: Run, encoding: Encoding, *, reverse: bool) -> RowTransform | None:
        coils, samples = run.data.shape[1:]
        key = (run.index.encoding, coils, samples, run.center_sample, reverse, run.discard_pre, run.discard_post)
        if key not in self._transforms:
            if len(self._transforms) >= _MOST_TRANSFORMS:
                self._transforms.clear()
            center = center_in_k_order(run, symmetric=True)
            axis = plan_readout(plan_frame(encoding), encoding, samples, center)
            self._transforms[key] = (
                row_transform(encoding, axis, (coils, samples), center, 1.0, used_samples(run), None, reverse=reverse)
                if axis is not None and coils
                else None
            )
        return self._transforms[key]


def _place(index: FrameIndex) -> FrameIndex:
    return replace(index, repetition=0, contrast=0, phase=0, set=0)
