"""int8 forms of one network held against its fp32 answers."""

from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from math import isfinite
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from calibration.bounds import Bounds
from calibration.frames import Frame
from engine.denoise import TASK as DENOISE
from engine.forms import INT8_S8, INT8_U8, Form, fp32
from engine.forms.int8 import quantised
from engine.forms.ranges import S8, U8, KindRanges
from engine.package import Package
from engine.plans.parity import Loss, loss
from engine.runners import ort_cpu, reference
from engine.seams import Runner

if TYPE_CHECKING:
    from onnx import ModelProto

FORMS = {S8: INT8_S8, U8: INT8_U8}

Answers = dict[str, NDArray[np.float32]]

_ASKED = 0.7
"""Of what is allowed: the worst of some frames, and of some levels of noise, is beaten by others."""
_TOGETHER = 12
"""Frames whose worst counts once in the mean."""


@dataclass(frozen=True, slots=True)
class HeldOut:
    """What a form loses on the held-out frames."""

    loss: Loss
    """In dB the mean over frames that have their noise in common, of the noise at which it is worst: a single frame
    says little, and a mean over all would hide that a form fails at an end of the range. Of anything else the worst."""
    mean: float
    """The same as a share of what is allowed, over groups of frames: steadier than the worst, to choose by."""
    levels: Mapping[str, float] = field(default_factory=dict)
    """What frames have in common -> dB; nothing for anything else."""

    @property
    def strain(self) -> float:
        """The loss as a share of what is asked; above 1 when it is not good enough."""
        return strain(self.loss) / _ASKED


class Judge:
    """What a form of a folded network loses on some frames."""

    def __init__(self, package: Package, network: "ModelProto", frames: Sequence[Frame]) -> None:
        self.network = network
        self._package, self._frames = package, frames
        self._wanted = self._answers(reference.load(package, fp32(package)))

    def loss(self, bounds: Bounds, kind: str, kept: Collection[str]) -> HeldOut:
        """Of the int8 form with these ranges and layers in float; u8 as CPUs run it, s8 as the file says."""
        table = KindRanges("", bounds, list(kept), 0.0, "")
        form = Form(FORMS[kind], quantised(self.network, table, kind))
        runner = (ort_cpu if kind == U8 else reference).load(self._package, form)
        given = self._answers(runner)
        losses = [(self._loss(numbers, given, form.name), numbers) for numbers in self._groups()]
        worst = max((one for one, _ in losses), key=strain)
        if self._package.manifest.task != DENOISE or not isfinite(worst.value):
            return HeldOut(worst, sum(strain(one) * len(numbers) for one, numbers in losses) / len(self._frames))
        levels = self._levels([one.value for one, _ in losses])
        worst = _at_worst(worst, levels)
        return HeldOut(worst, strain(worst), levels)

    def _loss(self, numbers: Sequence[int], given: Sequence[Answers], form: str) -> Loss:
        truths = [self._frames[number].truth for number in numbers]
        truth = _stacked(truths) if all(truths) else None
        wanted, found = (_stacked([answers[n] for n in numbers]) for answers in (self._wanted, given))
        batches = [self._frames[number].batch for number in numbers]
        frames = np.stack(batches) if len({batch.shape for batch in batches}) == 1 else None
        return loss(self._package.manifest, form, wanted, found, truth, frames)

    def _levels(self, lost: Sequence[float]) -> dict[str, float]:
        """What frames have in common -> mean of what is lost of each, dB."""
        means = {}
        for like in dict.fromkeys(frame.like for frame in self._frames):
            means[like] = float(
                np.mean([db for db, frame in zip(lost, self._frames, strict=True) if frame.like == like])
            )
        return means

    def _answers(self, runner: Runner) -> list[Answers]:
        names = [output.name for output in self._package.manifest.outputs]
        return [
            {name: answer.copy() for name, answer in zip(names, runner.run(frame.batch), strict=True)}
            for frame in self._frames
        ]

    def _groups(self) -> Iterator[list[int]]:
        """Numbers of frames whose answers have the same sizes, some `_TOGETHER` in each; a denoiser's one by one."""
        if self._package.manifest.task == DENOISE:
            yield from ([number] for number in range(len(self._frames)))
            return
        sizes = [tuple(answer.shape for answer in answers.values()) for answers in self._wanted]
        for size in dict.fromkeys(sizes):
            numbers = [number for number, other in enumerate(sizes) if other == size]
            parts = max(len(numbers) // _TOGETHER, 1)
            yield from (numbers[part::parts] for part in range(parts))


def strain(loss: Loss) -> float:
    """The loss over what is allowed; above 1 when it is not good enough."""
    return loss.value / loss.limit if not loss.problem or loss.value > loss.limit > 0 else max(loss.value, 1.01)


def _at_worst(loss: Loss, levels: Mapping[str, float]) -> Loss:
    """Of what frames have in common, that at which most is lost, in place of the worst frame's loss."""
    like = max(levels, key=lambda name: levels[name])
    where = f" at {like}" if like else ""
    problem = f"{loss.output} loses {levels[like]:.3g} {loss.unit}{where}, {loss.limit:.3g} is allowed"
    return replace(loss, value=levels[like], problem=problem if levels[like] > loss.limit else "")


def _stacked(rows: Sequence[Mapping[str, NDArray[np.float32]]]) -> Answers:
    return {name: np.stack([row[name] for row in rows]) for name in rows[0]}
