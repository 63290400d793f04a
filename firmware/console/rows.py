"""The table of limits as the page says it."""

from functools import cache

from engine.decide.limits import Limit, RowLimits, shipped_limits
from firmware.console.api import RowInfo, RowList

_NONE = Limit(None, "", "")


@cache
def shipped_rows() -> RowList:
    """Every row that has limits."""
    table = shipped_limits()
    rows = [row_info(name, limits.kind.replace("-", " "), limits.detect.unit) for name, limits in table.rows.items()]
    return RowList(rows=rows, version=table.version)


def row_info(row: str, name: str, unit: str) -> RowInfo:
    """One row, called as its measurement is; a row without limits has none."""
    table = shipped_limits()
    limits = table.rows.get(row)
    if limits is None:
        return _info(row, name, unit, RowLimits("", True, _NONE, None, None, 1, 1, ""), mandatory=False)
    return _info(row, name, unit, limits, mandatory=row in table.mandatory)


def _info(row: str, name: str, unit: str, limits: RowLimits, *, mandatory: bool) -> RowInfo:
    warn, rescan = limits.warn or _NONE, limits.rescan or _NONE
    return RowInfo(
        row=row,
        name=name,
        unit=unit,
        kind=limits.kind,
        high_is_bad=limits.up,
        detect=limits.detect.value,
        detect_source=limits.detect.source,
        warn=warn.value,
        warn_unit=warn.unit,
        warn_source=warn.source,
        warn_of_value=warn.of_value,
        rescan=rescan.value,
        rescan_unit=rescan.unit,
        rescan_source=rescan.source,
        rescan_of_value=rescan.of_value,
        learned=limits.learned,
        mandatory=mandatory,
    )
