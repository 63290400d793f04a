"""A series that was judged without networks, judged again with the rows of two of them."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from engine import denoise, quality
from engine.decide.decider import Decider
from engine.errors import InputRefused
from engine.residual import why_not_noise
from engine.seams import Runner
from engine.types import Decision, Frame, FrameIndex, Measurement, Verdict
from firmware.offline import ScanReport

Told = tuple[Verdict, tuple[str, ...]]
"""Verdict and kinds of the findings, of a frame or a series."""

Picture = NDArray[np.float32]
"""`[z, y, x]`, noise sd."""


@dataclass(frozen=True, slots=True)
class Answered:
    """One frame with what the networks said of it."""

    told: Told
    rows: tuple[Measurement, ...] = ()
    """n01 and on; none where there is no image."""
    denoised: Picture | None = None
    """What the denoiser answered, shown or not; None where it did not, or without use."""

    @property
    def shown(self) -> bool:
        """Whether people see that picture: the guard let it through."""
        return bool(self.rows) and self.rows[0].value is not None


def replay(
    report: ScanReport, denoiser: Runner, network: Runner, kinds: tuple[str, ...]
) -> tuple[tuple[Answered, ...], Told]:
    """Each frame, and what is told of the series; `network` looks for `kinds`."""
    decider = Decider(report.scan)
    frames = tuple(_frames(report, decider, denoiser, network, kinds))
    return frames, _said(decider.close("close"))


def probability_apart(one: Answered, other: Answered) -> float:
    """Largest difference of a probability, 0 to 1; 1 where only one of them gives it."""
    return max((_apart(a, b) for a, b in zip(one.rows, other.rows, strict=True) if a.unit == "probability"), default=0)


def denoised_apart(one: Answered, other: Answered) -> tuple[float, float]:
    """(root mean square, absolute mean) of the difference of the pictures, noise sd; infinite where one has none.

    The first bounds the difference of row n01 (the triangle inequality) but is mostly the rounding of int8; the second
    sees a shift or a gain, which rounding is not.
    """
    if one.denoised is None or other.denoised is None:
        return (0.0, 0.0) if one.denoised is other.denoised else (float("inf"), float("inf"))
    difference = np.subtract(one.denoised, other.denoised, dtype=np.float64)
    return float(np.sqrt(np.mean(np.square(difference)))), abs(float(difference.mean()))


def _apart(one: Measurement, other: Measurement) -> float:
    if one.value is None or other.value is None:
        return float(one.value is not other.value)
    return abs(one.value - other.value)


def _frames(
    report: ScanReport, decider: Decider, denoiser: Runner, network: Runner, kinds: Sequence[str]
) -> Iterator[Answered]:
    before: dict[FrameIndex, Picture] = {}
    for one in report.frames:
        if one.image is None:
            yield Answered(_said(one.decision))
            continue
        image = denoise.in_noise_units(one.image)
        row, picture = _denoised(denoiser, image)
        rows = row, *_screened(network, kinds, one.image, image, before)
        yield Answered(_said(decider.frame(one.image, (*one.decision.measurements, *rows))), rows, picture)


def _said(decision: Decision) -> Told:
    return decision.verdict, tuple(finding.kind for finding in decision.findings)


def _denoised(runner: Runner, image: Picture | None) -> tuple[Measurement, Picture | None]:
    if image is None:
        return denoise.not_denoised("noise_unknown"), None
    answer = runner.run(np.ascontiguousarray(image[:, None]))[0][:, 0]
    if why := denoise.fault_in(answer, image):
        return denoise.not_denoised(why), None
    why = why_not_noise(image, answer)
    return denoise.not_denoised(why) if why else denoise.removed(image, answer), np.array(answer)


def _screened(
    runner: Runner,
    kinds: Sequence[str],
    frame: Frame,
    image: Picture | None,
    before: dict[FrameIndex, Picture],
) -> tuple[Measurement, ...]:
    if image is None:
        return quality.not_measured(kinds, "noise_unknown")
    place = replace(frame.index, repetition=0)
    paired = quality.pairs(image, before.get(place))
    before[place] = image
    try:
        answers = runner.run(paired.reshape(-1, quality.PLANES, *image.shape[1:]))
    except InputRefused:
        return quality.not_measured(kinds, "out_of_range")
    if why := quality.fault_in(answers, len(image)):
        return quality.not_measured(kinds, why)
    _, height, width = image.shape
    return quality.measured(quality.joined(answers), kinds, (height, width))
