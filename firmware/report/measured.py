"""Every row of measurements over a scan: the worst and the last number, the limits and where they come from."""

from engine.decide.evidence import with_unit
from engine.decide.limits import Limit, RowLimits, shipped_limits
from firmware.report.chart import chart
from firmware.report.gather import Gathered, RowNumbers
from firmware.report.story import Chart, MeasuredRow

_NETWORK = "n"
"""What rows of networks begin with."""


def measured_rows(gathered: Gathered) -> tuple[tuple[MeasuredRow, ...], tuple[MeasuredRow, ...]]:
    """(what rules use, what networks see); limits are left out where the scan was judged with another table."""
    table = shipped_limits()
    same = gathered.limits_version == table.version
    rules: list[MeasuredRow] = []
    seen: list[MeasuredRow] = []
    for name, numbers in sorted(gathered.rows.items()):
        limits = table.rows.get(name) if same else None
        row = _row(name, numbers, limits, mandatory=name in table.mandatory)
        (seen if name.startswith(_NETWORK) else rules).append(row)
    return tuple(rules), tuple(seen)


def row_chart(gathered: Gathered, row: str) -> Chart | None:
    """The course of one row; None where there is none to draw."""
    numbers = gathered.rows.get(row)
    if numbers is None:
        return None
    table = shipped_limits()
    limits = table.rows.get(row) if gathered.limits_version == table.version else None
    return chart(numbers, limits.detect.value if limits is not None else None)


def _row(name: str, numbers: RowNumbers, limits: RowLimits | None, *, mandatory: bool) -> MeasuredRow:
    worst, last = "", ""
    if numbers.values:
        up = limits is None or limits.up
        worst = with_unit(max(numbers.values) if up else min(numbers.values), numbers.unit)
        last = with_unit(numbers.values[-1], numbers.unit)
    estimated = f" (estimated in {numbers.estimated})" if numbers.estimated else ""
    return MeasuredRow(
        row=name,
        name=numbers.name.replace("_", " "),
        worst=worst,
        last=last + estimated if last else "",
        limits=_limits(limits) if limits is not None else (),
        sources=_sources(limits) if limits is not None else (),
        missing=_missing(numbers),
        mandatory=mandatory,
        chart=chart(numbers, limits.detect.value if limits is not None else None),
    )


def _limits(limits: RowLimits) -> tuple[str, ...]:
    side = "above" if limits.up else "below"
    there = "a limit that follows from each image"
    if limits.detect.value is not None:
        there = with_unit(limits.detect.value, limits.detect.unit)
    said = [f"found {side} {there}"]
    for word, limit in (("warns", limits.warn), ("repeat", limits.rescan)):
        if limit is not None and limit.value is not None:
            bound = with_unit(limit.value, limit.unit)
            said.append(f"{word} {side} {bound}" if limit.of_value else f"{word} when it costs more than {bound}")
    return tuple(said)


def _sources(limits: RowLimits) -> tuple[str, ...]:
    """Each once."""
    told: list[Limit] = [limit for limit in (limits.detect, limits.warn, limits.rescan) if limit is not None]
    return tuple(dict.fromkeys(limit.source for limit in told))


def _missing(numbers: RowNumbers) -> str:
    if not numbers.missing:
        return ""
    count = sum(numbers.missing.values())
    whys = ", ".join(f"{why.replace('_', ' ')} ({times})" for why, times in numbers.missing.most_common(4))
    return f"missing in {count} of {count + len(numbers.values)} images: {whys}"
