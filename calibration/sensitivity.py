"""Which convolutions stay in float: as little work as the allowed loss asks for."""

from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass

from calibration.judge import HeldOut

LossOf = Callable[[Collection[str]], HeldOut]
"""Names of the convolutions in float -> loss."""

_TRIED = 8
"""Convolutions tried at each step, those first that lose most alone: a network of a hundred must end, too."""

_SWITCH = 0.02
"""Of the work of all convolutions, what leaving int8 and coming back costs besides."""


@dataclass(frozen=True, slots=True)
class Sensitivity:
    """One convolution; losses are means over frames, as a share of what is allowed."""

    name: str
    alone: float
    """Loss when it alone is in int8."""
    gain: float
    """What the loss falls by when it alone is in float."""
    work: float
    """Its share of the multiplications of all convolutions."""


def sensitivities(work: Mapping[str, float], loss_of: LossOf, tell: Callable[[float], None]) -> list[Sensitivity]:
    """Each convolution (name -> share of the work) alone in int8 and alone in float; `tell`s the share that is done."""
    whole, found = loss_of(()).mean, []
    for done, (name, share) in enumerate(work.items(), 1):
        alone, gain = loss_of([n for n in work if n != name]).mean, whole - loss_of([name]).mean
        found.append(Sensitivity(name, alone, gain, share))
        tell(done / len(work))
    return found


def kept_in_float(found: Sequence[Sensitivity], loss_of: LossOf, most: int) -> list[str]:
    """Names, in the network's order, with which the loss is allowed; the best `most` where no few reach that.

    Greedy: at each step the one that helps most for its work, or the one of least work among those that are enough; in
    the end every one that is not needed is put back.
    """
    work = {one.name: one.work + _SWITCH for one in found}
    order = [one.name for one in sorted(found, key=lambda one: (-max(one.alone, one.gain), one.name))]
    kept: list[str] = []
    while loss_of(kept).strain > 1 and len(kept) < most:
        tried = {name: loss_of([*kept, name]) for name in [n for n in order if n not in kept][:_TRIED]}
        enough = [name for name, loss in tried.items() if loss.strain <= 1]
        before = loss_of(kept).mean
        best = max(tried, key=lambda name: (before - tried[name].mean) / work[name])
        kept.append(min(enough, key=lambda name: work[name]) if enough else best)
    if loss_of(kept).strain <= 1:
        for name in list(kept):
            without = [n for n in kept if n != name]
            kept = without if loss_of(without).strain <= 1 else kept
    return [one.name for one in found if one.name in kept]
