"""Series and faults made from real raw data, with their truth."""

from collections.abc import Sequence
from dataclasses import replace

import numpy as np

from engine.errors import InputRefused
from engine.types import Encoding
from models.simulate import (
    bias_field,
    breathing,
    chemical_shift,
    coil_loss,
    cut_off,
    dc_offset,
    drift,
    drop_out,
    frequency_drift,
    ghost,
    ghost_delay,
    gibbs,
    intermittent_element,
    low_snr,
    missing_lines,
    missing_slices,
    motion,
    nod,
    pulsation,
    rf_interference,
    saturation,
    spike,
    tremor,
    weak_element,
    wrap,
    wrong_coil,
)
from models.simulate.base import Base
from models.simulate.fault import Fault, Truth, chain
from models.simulate.impact import registered_impact
from models.simulate.recipe import Recipe, check_size, check_strength, strength_at

FAULTS: dict[str, Recipe] = {
    "bias-field": bias_field.RECIPE,
    "chemical-shift": chemical_shift.RECIPE,
    "frequency-drift": frequency_drift.RECIPE,
    "drop-out": drop_out.RECIPE,
    "pulsation": pulsation.RECIPE,
    "motion": motion.RECIPE,
    "drift": drift.RECIPE,
    "nod": nod.RECIPE,
    "tremor": tremor.RECIPE,
    "breathing": breathing.RECIPE,
    "wrong-coil": wrong_coil.RECIPE,
    "weak-element": weak_element.RECIPE,
    "intermittent-element": intermittent_element.RECIPE,
    "coil-loss": coil_loss.RECIPE,
    "ghost": ghost.RECIPE,
    "ghost-delay": ghost_delay.RECIPE,
    "wrap": wrap.RECIPE,
    "cut-off": cut_off.RECIPE,
    "low-snr": low_snr.RECIPE,
    "rf-interference": rf_interference.RECIPE,
    "spike": spike.RECIPE,
    "dc-offset": dc_offset.RECIPE,
    "saturation": saturation.RECIPE,
    "gibbs": gibbs.RECIPE,
    "missing-lines": missing_lines.RECIPE,
    "missing-slices": missing_slices.RECIPE,
}
"""Kind -> recipe, as the signal meets them: object, coils, prescription, noise, receiver, transfer."""


def make_fault(
    kind: str,
    base: Base,
    seed: int,
    first_frame: int,
    strength: float | None = None,
    times_limit: float | None = None,
) -> Fault:
    """One fault of the table with its truth; of its natural strength unless one is given.

    `strength` is in the recipe's unit; `times_limit` asks for so many times the impact limit of the row that finds it.
    Raises InputRefused for an unknown kind, a strength outside its physical range, or a scan too small.
    """
    recipe = FAULTS.get(kind)
    if recipe is None:
        raise InputRefused(f"{kind!r} is no fault", "fault", f"give one of {', '.join(FAULTS)}")
    check_size(kind, recipe, base)
    if strength is None:
        strength = recipe.default if times_limit is None else strength_at(kind, recipe, base, times_limit, seed)
    check_strength(kind, recipe, strength)
    first = 0 if recipe.from_start else first_frame
    return with_impact(base, recipe.make(base, strength, first, np.random.default_rng(seed)))


def with_impact(base: Base, fault: Fault) -> Fault:
    """The same fault, its truth completed by what it costs the image in its first frame."""
    truth = fault.truth
    impact = registered_impact(base, fault, truth.first_frame)
    return replace(fault, truths=(replace(truth, impact_percent=impact),))


def combine(faults: Sequence[Fault]) -> Fault:
    """All at once, in the order of the signal; raises InputRefused where they contradict each other."""
    kinds = list(FAULTS)
    ordered = sorted(faults, key=lambda fault: kinds.index(fault.truth.kind))
    for number, fault in enumerate(ordered):
        for other in ordered[number + 1 :]:
            if why := _contradiction(fault.truth, other.truth):
                where = f"{fault.truth.kind} and {other.truth.kind}"
                raise InputRefused(f"cannot be at once: {why}", where, "leave one out")
    return Fault(
        tuple(truth for fault in ordered for truth in fault.truths),
        signal=chain([fault.signal for fault in ordered]),
        noise=chain([fault.noise for fault in ordered]),
        received=chain([fault.received for fault in ordered]),
        sent=lambda repetition: _all_of([fault.sent(repetition) for fault in ordered]),
        sent_slices=lambda repetition: _all_of([fault.sent_slices(repetition) for fault in ordered]),
        encoding=lambda encoding: _encoding(ordered, encoding),
    )


def _contradiction(one: Truth, other: Truth) -> str:
    if one.kind == other.kind:
        return "the same kind twice"
    if shared := set(one.elements) & set(other.elements):
        return f"both take element {min(shared)}"
    return FAULTS[one.kind].contradicts.get(other.kind, "") or FAULTS[other.kind].contradicts.get(one.kind, "")


def _all_of(masks: Sequence[np.ndarray | None]) -> np.ndarray | None:
    given = [mask for mask in masks if mask is not None]
    return np.logical_and.reduce(given) if given else None


def _encoding(faults: Sequence[Fault], encoding: Encoding) -> Encoding:
    for fault in faults:
        encoding = fault.encoding(encoding)
    return encoding
