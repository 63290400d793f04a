"""Wrap-around: the field of view is too small along phase, and what lies outside folds in from the other side."""

from dataclasses import replace

import numpy as np

from engine.errors import InputRefused
from engine.types import CounterLimits, Encoding, Space
from models.simulate.base import Base, Lines, clean_magnitude, images, kspace, object_mask, signal_level
from models.simulate.fault import Fault, Truth
from models.simulate.recipe import Recipe

_STEP = "kspace_encoding_step_1"
_SEEN = 0.2
"""Signal that counts, of the median signal: the ghosts of clean in-vivo scans stay below."""
_BAND = 0.02
"""Height of the strip beyond the border that is looked at, of the field of view."""


def solve(base: Base, impact: float, rng: np.random.Generator) -> float:
    """The smallest reduction that folds over at least `impact` % of the object's columns."""
    del rng
    height = len(base.lines)
    for reduced in range(height - 2, round(height * (1 - RECIPE.range[1] / 100)) - 1, -2):
        if folded_border(base, reduced) >= impact:
            return 100 * (1 - reduced / height)
    raise InputRefused(f"no reduction folds over {impact:g} % of the border", "wrap", "give a larger object")


def make(base: Base, strength: float, first_frame: int, rng: np.random.Generator) -> Fault:
    """The field of view is `strength` % smaller along phase, with pixels of the same size."""
    del first_frame, rng
    height = len(base.lines)
    reduced = _even(height * (1 - strength / 100))
    truth = Truth("wrap", RECIPE.finding, 100 * (1 - reduced / height), RECIPE.unit, 0)

    def sampled(lines: Lines, repetition: int) -> Lines:
        del repetition
        return fold(lines, reduced)

    return Fault((truth,), signal=sampled, encoding=lambda encoding: _smaller(encoding, reduced / height))


def fold(lines: Lines, reduced: int) -> Lines:
    """K-space at the spacing of a field of view of `reduced` pixels, `[reduced, coil, sample]`.

    Sampling more coarsely adds up the pixels that lie a field of view apart, exactly; noise of the base included.
    """
    whole = images(lines)
    height = len(whole)
    folded = np.zeros((reduced, *whole.shape[1:]), np.complex64)
    rows = (np.arange(height) - height // 2 + reduced // 2) % reduced
    np.add.at(folded, rows, whole)
    return kspace(folded) * np.float32(np.sqrt(reduced / height))


def folded_border(base: Base, reduced: int) -> float:
    """Share (%) of the object's columns with signal just outside a border of the smaller view: it crosses there."""
    image = clean_magnitude(base)
    height = len(image)
    top = height // 2 - reduced // 2
    band = max(2, round(_BAND * height))
    ends = [image[max(top - band, 0) : top], image[top + reduced : top + reduced + band]]
    power = [(end**2).mean(axis=0) if len(end) else np.zeros(image.shape[1]) for end in ends]
    crossed = np.maximum(power[0], power[1]) > (_SEEN * signal_level(base)) ** 2
    return 100 * float(crossed[object_mask(base)[top : top + reduced].any(axis=0)].mean())


def _smaller(encoding: Encoding, share: float) -> Encoding:
    lines = _even(encoding.encoded.matrix[1] * share)
    return replace(
        encoding,
        encoded=_space(encoding.encoded, share),
        recon=_space(encoding.recon, share),
        limits={**encoding.limits, _STEP: CounterLimits(0, lines - 1, lines // 2)},
    )


def _space(space: Space, share: float) -> Space:
    (x, y, z), (wide, high, deep) = space.matrix, space.field_of_view
    return Space((x, _even(y * share), z), (wide, high * share, deep))


def _even(lines: float) -> int:
    return 2 * round(lines / 2)


RECIPE = Recipe(
    make,
    physics="k-space is sampled more coarsely along phase: pixels a field of view apart add up",
    unit="% of the field of view",
    range=(1.0, 60.0),
    default=30.0,
    prior="start value: field of view 5 to 40 % too small",
    finding="wrap",
    row="m16",
    solve=solve,
    from_start=True,
    contradicts={"missing-lines": "the lines of the whole view are not acquired"},
)
