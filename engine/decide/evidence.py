"""How sure a finding is, in words: the number that decided, beside the limit that it passed."""

from engine.decide.advice import SHARES, UNITS
from engine.decide.limits import Limit, RowLimits
from engine.types import Measurement, Verdict

LONGEST = 80
"""Characters."""

_MANY = 1.5
"""From this factor on it is said how many times the limit a number is."""

_LOGARITHMIC = ("dB", "octaves")
"""Units in which a ratio says nothing."""


def evidence(row: RowLimits, measurement: Measurement, severity: Verdict) -> str:
    """Part of a sentence, at most 80 characters: "9 % where 5 % is the limit (1.8 times)".

    The comparison is the one on which `severity` (warn or rescan) hung: what the fault costs where the table has a
    limit for that, else whether it is there at all. An estimated number is said to be one. Raises ValueError for a
    measurement without a number: it has raised nothing.
    """
    if measurement.value is None:
        raise ValueError(f"{measurement.name}: a finding rests on a number")
    if row.learned:
        limit = row.detect.value or 0.0
        return cut(f"probability {measurement.value:.2f} (quality network), limit {limit:.2f}")
    decisive = row.rescan if severity is Verdict.RESCAN else row.warn
    if decisive is None or (not decisive.of_value and measurement.impact is None):
        decisive = row.detect
    said = _compared(row, measurement, decisive)
    if decisive is not row.detect and row.detect.value is None and row.up and measurement.detect_limit:
        said += f"; {_number(measurement.value / measurement.detect_limit)} times what noise reaches"
    return cut(f"{said}; an estimate" if measurement.estimated else said)


def cut(text: str) -> str:
    """At most 80 characters."""
    return text if len(text) <= LONGEST else f"{text[: LONGEST - 1]}…"


def _compared(row: RowLimits, measurement: Measurement, limit: Limit) -> str:
    """One number beside its limit."""
    of_value = limit is row.detect or limit.of_value
    number, unit = measurement.impact, measurement.impact_unit
    if of_value:
        number, unit = measurement.value, measurement.unit
    value = number or 0.0
    bound = limit.value if limit.value is not None else measurement.detect_limit or 0.0
    if of_value and measurement.row in SHARES:
        value, bound, unit = 100 * value, 100 * bound, "%"
    shown, allowed = with_unit(value, unit), with_unit(bound, unit)
    if not of_value:
        shown = f"costs {shown}"
    up = row.up or not of_value
    if up and bound == 0:
        return f"{shown} where none may be"
    if shown.removeprefix("costs ") == allowed:
        return f"{'' if of_value else 'costs '}just {'above' if up else 'below'} {allowed}, the limit"
    if not up:
        return f"{shown} where {allowed} is the least"
    times = value / bound if bound > 0 and unit not in _LOGARITHMIC else 0.0
    return f"{shown} where {allowed} is the limit" + (f" ({_number(times)} times)" if times >= _MANY else "")


def with_unit(value: float, unit: str) -> str:
    """A number for people: two or three digits, then the unit as it is written."""
    return _number(value) + UNITS.get(unit, f" {unit}" if unit else "")


def _number(value: float) -> str:
    """Two or three digits, without an exponent where people expect none."""
    if 100 <= abs(value) < 1e6:
        return f"{value:.0f}"
    return f"{value:.1f}".removesuffix(".0") if 10 <= abs(value) < 100 else f"{value:.2g}"
