"""What a form costs beside the reference, in the unit that matters: of what people are shown or told."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from math import inf, isfinite
from typing import Any

import numpy as np
from numpy.typing import NDArray

from engine.decide.limits import shipped_limits
from engine.denoise import TASK as DENOISE
from engine.forms import FP16, FP32
from engine.package.manifest import Manifest, Tensor
from engine.quality import FARTHEST, LEARNED

VERSION = 2
"""Of these rules; part of every key under which a verdict is kept."""

MOST_DB, MOST_PROBABILITY, MOST_RELATIVE, MOST_RELATIVE_COARSE = 0.15, 0.05, 0.01, 0.05
"""dB in the object; of a probability; rms of the difference over the rms of the answer, of fp32 and fp16, and of a form
with eight bits (int8, and the significand of bf16).

A probability may move by 0.05 where no clear verdict differs: a warning is raised or it is not."""
HOSTILE_TIMES = 5.0
"""What dB and probability may lose on hostile frames, over the limits of others."""

_OBJECT, _PEAK = 0.1, 99.5
"""The object is what lies above a tenth of this percentile of the truth."""
_LEAST_LEFT = 0.05
"""Noise energy per pixel that a denoiser leaves at least: 13 dB gained."""
_FAINT = 1e-6
"""Of an output's range: an answer below is nothing, and is not divided by."""
_DISTANCE, RMS = "distance", "of its rms"
_CLOSE, _CLOSE_DISTANCE = 0.03, 0.05
"""A verdict whose probability lies nearer to its limit, or whose distance lies nearer to its own, is a toss-up for the
reference, too, and is not compared."""

Answers = Mapping[str, NDArray[Any]]
"""Output -> `[frame, *shape]`."""


@dataclass(frozen=True, slots=True)
class Loss:
    """How far a form's answers are from the reference's."""

    value: float
    """Of the output that comes nearest to its limit, or is furthest beyond; infinite for answers without use."""
    unit: str
    limit: float
    output: str
    against: str = "the reference"
    """What the value is measured against; where there is no truth, that it is an estimate."""
    agreement: float | None = None
    """Share of clear verdicts (each frame, each kind of fault) that are the same; None: the network gives none."""
    problem: str = ""
    """Why these answers are not good enough, in words; empty: they are."""


def loss(
    manifest: Manifest,
    form: str,
    reference: Answers,
    candidate: Answers,
    truth: Answers | None = None,
    frames: NDArray[Any] | None = None,
    *,
    hostile: bool = False,
) -> Loss:
    """The worst of all outputs, each held against its own limit.

    A denoised image: dB of PSNR in the object that are lost against the `truth` (output -> what it should be), or an
    estimate from the noisy `frames`. A probability: its largest error, at most 0.05, and the same verdicts. Anything
    else: rms of the difference over rms of the reference. What is said of a frame that is out of distribution does not
    count, as nobody is told. `form` is the candidate's precision. `hostile` frames are no images: limits are five times
    as wide there, and an answer that is neither dB nor probability need only be finite. A truth of another size, one
    that is not finite, and one without an object in a frame are problems: nothing can be held against them.
    """
    if problem := _unusable(manifest, reference, candidate) or _no_truth(manifest, reference, truth or {}):
        return Loss(float("inf"), "", 0.0, manifest.outputs[0].name, problem=problem)
    told = _told(reference, candidate)
    losses = []
    for output in manifest.outputs:
        made, other = reference[output.name], candidate[output.name]
        if manifest.task == DENOISE:
            losses.append(_in_db(output, made, other, (truth or {}).get(output.name), frames))
        elif output.name == _DISTANCE:
            losses.append(_in_rms(output, made, other, form))
        else:
            losses.append(_in_rms(output, made[told], other[told], form))
            if output.unit == "probability":
                losses[-1] = _in_probability(output, made[told], other[told])
    for one in losses:
        if not isfinite(one.value):
            return replace(one, value=inf, problem=f"what {one.output} loses is {one.value}: no number")
    judged = [one for one in losses if one.unit != RMS] if hostile else losses
    worst = max(judged or losses, key=lambda one: one.value / one.limit)
    limit = round(worst.limit * (HOSTILE_TIMES if hostile else 1), 6)
    agreement, problem = agreement_of(manifest, reference, candidate), ""
    if worst.value > limit and judged:
        problem = f"{worst.output} loses {worst.value:.3g} {worst.unit}, {limit:.3g} is allowed"
    elif agreement is not None and agreement < 1:
        problem = f"{1 - agreement:.1%} of the clear verdicts are others than the reference's"
    return Loss(worst.value, worst.unit, limit, worst.output, worst.against, agreement, problem)


def lost_db(reference: NDArray[Any], candidate: NDArray[Any], truth: NDArray[Any]) -> float:
    """PSNR of the reference less that of the candidate in the object, dB, of the worst frame; all `[frame, ...]`.

    PSNR = 10 log10(peak^2 / mean squared error); the peak is the same for both and drops out. Each frame stands for a
    level of noise: a form that fails at one of them is not made good by the others.
    """
    lost = []
    for made, other, true in zip(reference, candidate, truth, strict=True):
        true64 = true.astype(np.float64)
        inside = true64 > _OBJECT * np.percentile(true64, _PEAK)
        before, after = (float(np.mean((image - true64)[inside] ** 2)) for image in (made, other))
        lost.append(10 * np.log10(max(after, 1e-12) / max(before, 1e-12)))
    return float(np.max(lost))


def estimated_db(reference: NDArray[Any], candidate: NDArray[Any], frames: NDArray[Any] | None) -> float:
    """The same without a truth, from the noisy `frames`; all `[frame, ...]` in SNR units.

    Noise has energy 1 per pixel there. The best estimate's error is orthogonal to whatever can be made of the image, so
    what it leaves is what it does not take away: 1 - mean((frame - reference)^2), here at least 0.05. A difference of
    energy d that knows nothing of it costs 10 log10(1 + d / left). Without frames the least is taken to be left.
    """
    lost = []
    for number, (made, other) in enumerate(zip(reference, candidate, strict=True)):
        removed = 1.0 if frames is None else _energy(frames[number], made)
        lost.append(10 * np.log10(1 + _energy(made, other) / max(1 - removed, _LEAST_LEFT)))
    return float(np.max(lost))


def agreement_of(manifest: Manifest, reference: Answers, candidate: Answers) -> float | None:
    """Share of equal verdicts over frames and kinds: beyond the limit of its row or not, or out of distribution.

    Only those that the reference gives clearly. None for a network without labelled probabilities.
    """
    same: list[NDArray[np.bool_]] = []
    for output in manifest.outputs:
        if output.unit == "probability" and output.labels:
            equal = _verdicts(output, reference) == _verdicts(output, candidate)
            same.append(equal[_clear(output, reference)])
    if not same:
        return None
    compared = np.concatenate(same)
    return float(compared.mean()) if compared.size else 1.0


def _in_db(
    output: Tensor, made: NDArray[Any], other: NDArray[Any], true: NDArray[Any] | None, frames: NDArray[Any] | None
) -> Loss:
    if true is not None:
        return Loss(lost_db(made, other, true), "dB in the object", MOST_DB, output.name, "the truth")
    against = "the reference: an estimate, there is no truth"
    return Loss(estimated_db(made, other, frames), "dB", MOST_DB, output.name, against)


def _in_probability(output: Tensor, made: NDArray[Any], other: NDArray[Any]) -> Loss:
    error = float(np.abs(made.astype(np.float64) - other).max(initial=0.0))
    return Loss(error, "of a probability", MOST_PROBABILITY, output.name)


def _in_rms(output: Tensor, made: NDArray[Any], other: NDArray[Any], form: str) -> Loss:
    """rms of the difference over the rms of the reference."""
    limit = MOST_RELATIVE if form in (FP32, FP16) else MOST_RELATIVE_COARSE
    least = _FAINT * (output.range[1] - output.range[0])
    rms = max(float(np.sqrt(_energy(made, 0.0))), least)
    return Loss(float(np.sqrt(_energy(made, other))) / rms, RMS, limit, output.name)


def _unusable(manifest: Manifest, reference: Answers, candidate: Answers) -> str:
    for output in manifest.outputs:
        made, other = reference[output.name], candidate[output.name]
        if made.shape != other.shape:
            return f"{output.name} is {list(other.shape[1:])} instead of {list(made.shape[1:])}"
        if not np.isfinite(other).all():
            return f"{output.name} holds NaN or infinite values"
        if not np.isfinite(made).all():
            return f"the reference's {output.name} holds NaN or infinite values"
    return ""


def _no_truth(manifest: Manifest, reference: Answers, truth: Answers) -> str:
    """Why a denoiser cannot be held against `truth`; empty: it can, or need not."""
    for name in (output.name for output in manifest.outputs if manifest.task == DENOISE and output.name in truth):
        true, made = truth[name], reference[name]
        if len(true) != len(made):
            return f"{len(true)} truths for {len(made)} frames"
        if true.shape != made.shape:
            return f"the truth of {name} is {list(true.shape[1:])} instead of {list(made.shape[1:])}"
        if not np.isfinite(true).all():
            return f"the truth of {name} holds NaN or infinite values"
        if (empty := np.flatnonzero(true.reshape(len(true), -1).max(axis=1) <= 0)).size:
            return f"the truth of {name} shows no object in frame {empty[0]}"
    return ""


def _told(reference: Answers, candidate: Answers) -> NDArray[np.bool_]:
    """`[frame]`: whether anything is said of it: neither finds all of it out of distribution."""
    made = next(iter(reference.values()))
    if _DISTANCE not in reference:
        return np.ones(len(made), np.bool_)
    far = (reference[_DISTANCE] > FARTHEST) & (candidate[_DISTANCE] > FARTHEST)
    return np.asarray(~far.reshape(len(far), -1).all(axis=1))


def _verdicts(output: Tensor, answers: Answers) -> NDArray[np.int8]:
    """`[frame * batch, kind]`: 1 beyond the limit, 0 not, -1 out of distribution, where nothing is said."""
    said = answers[output.name].reshape(-1, len(output.labels))
    verdicts = np.asarray(said > _limits(output.labels), np.int8)
    if _DISTANCE in answers:
        verdicts[answers[_DISTANCE].reshape(-1) > FARTHEST] = -1
    return verdicts


def _clear(output: Tensor, answers: Answers) -> NDArray[np.bool_]:
    """`[frame * batch, kind]`: far enough from the limits that rounding does not decide."""
    said = answers[output.name].reshape(-1, len(output.labels))
    clear = np.abs(said - _limits(output.labels)) > _CLOSE
    if _DISTANCE in answers:
        distance = answers[_DISTANCE].reshape(-1, 1)
        clear = np.where(distance > FARTHEST, True, clear) & (np.abs(distance - FARTHEST) > _CLOSE_DISTANCE)
    return np.asarray(clear, np.bool_)


def _limits(labels: Sequence[str]) -> NDArray[np.float64]:
    """A probability per label from which the appliance warns; a half for what it has no row for."""
    rows = shipped_limits().rows
    known = [rows[LEARNED[label]].detect.value if label in LEARNED else None for label in labels]
    return np.array([0.5 if value is None else value for value in known])


def _energy(one: NDArray[Any], other: NDArray[Any] | float) -> float:
    """Mean squared difference; 0 of nothing."""
    difference = one.astype(np.float64) - other
    return float(np.square(difference).sum() / max(difference.size, 1))
