"""The table of limits: read, checked, compared."""

import hashlib
import tomllib
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from importlib.resources import files
from typing import Any

from engine.errors import ConfigError
from engine.types import Measurement, Verdict

CLEAR_FACTOR = 0.8
"""Hysteresis: a fault is over below this share of its limit (above the limit divided by it where low is bad)."""

_ROW_KEYS = {"kind", "direction", "detect", "warn", "rescan", "debounce", "advice", "learned"}


@dataclass(frozen=True, slots=True)
class Limit:
    """One number to compare with, and where it comes from."""

    value: float | None
    """None: follows from statistics and comes with the measurement."""
    unit: str
    source: str
    of_value: bool = False
    """Compare the measurement's value instead of its impact."""


@dataclass(frozen=True, slots=True)
class RowLimits:
    """How one row of measurements becomes a finding."""

    kind: str
    up: bool
    """Large values are bad."""
    detect: Limit
    warn: Limit | None
    rescan: Limit | None
    needed: int
    window: int
    """Raised when `needed` of the last `window` frames are bad."""
    advice: str
    learned: bool = False
    """A network's row: its findings live beside those of the rules, and only warn."""


@dataclass(frozen=True, slots=True)
class Judgement:
    """One measurement held against its limits."""

    severity: Verdict
    """ok, warn or rescan; cannot_judge when there is no number."""
    limit: float
    source: str
    clear: bool
    """Far enough below the limit to end a finding."""
    why_missing: str = ""


@dataclass(frozen=True, slots=True)
class Limits:
    """The whole table."""

    name: str
    version: str
    """Short hash of the table's text."""
    rows: Mapping[str, RowLimits]
    mandatory: Mapping[str, tuple[str, ...]]
    """Row -> reasons for which its absence is excused."""

    def judge(self, measurement: Measurement) -> Judgement:
        """Severity of one measurement; raises KeyError for a row that the table does not know."""
        row = self.rows[measurement.row]
        if measurement.value is None:
            return Judgement(Verdict.CANNOT_JUDGE, 0.0, "", False, measurement.why_missing)
        detect = row.detect.value if row.detect.value is not None else measurement.detect_limit
        if detect is None:
            return Judgement(Verdict.CANNOT_JUDGE, 0.0, "", False, "no_limit")
        at_detection = measurement.impact_at_detection
        if row.rescan is not None and at_detection is not None and at_detection > (row.rescan.value or 0.0):
            return Judgement(Verdict.CANNOT_JUDGE, detect, row.detect.source, False, "insensitive")
        clear = _far_inside(measurement, detect, row)
        if not _beyond(measurement.value, detect, row.up) or not _costs(measurement, row.warn, row.up, default=True):
            return Judgement(Verdict.OK, detect, row.detect.source, clear)
        # Estimated noise errs on the high side: enough to warn of, not to repeat a scan for.
        rescan = row.rescan if not measurement.estimated else None
        if rescan is not None and _costs(measurement, rescan, row.up, default=False):
            return Judgement(Verdict.RESCAN, rescan.value or 0.0, rescan.source, False)
        return Judgement(Verdict.WARN, detect, row.detect.source, False)


def _beyond(value: float, limit: float, up: bool) -> bool:
    return value > limit if up else value < limit


def _far_inside(measurement: Measurement, detect: float, row: RowLimits) -> bool:
    """Well inside the limit, or costing so little that a warning is far off."""
    assert measurement.value is not None, "a measurement without a number is not judged"
    if measurement.value <= detect * CLEAR_FACTOR if row.up else measurement.value >= detect / CLEAR_FACTOR:
        return True
    warn = row.warn.value if row.warn is not None and not row.warn.of_value else None
    return warn is not None and measurement.impact is not None and measurement.impact <= warn * CLEAR_FACTOR


def _costs(measurement: Measurement, limit: Limit | None, up: bool, *, default: bool) -> bool:
    if limit is None or limit.value is None:
        return default
    if limit.of_value:
        return measurement.value is not None and _beyond(measurement.value, limit.value, up)
    return measurement.impact > limit.value if measurement.impact is not None else default


@cache
def shipped_limits() -> Limits:
    """The table that comes with the engine."""
    return load_limits(files("engine.decide").joinpath("limits.toml").read_text("utf-8"))


def load_limits(text: str) -> Limits:
    """Raises ConfigError that lists everything wrong with the table."""
    try:
        table = tomllib.loads(text)
    except tomllib.TOMLDecodeError as error:
        raise ConfigError(f"not TOML ({error})", "limits table") from error
    errors: list[str] = [f"unknown key {key!r}" for key in table.keys() - {"version", "mandatory", "rows"}]
    rows = {name: _row(name, body, errors) for name, body in table.get("rows", {}).items()}
    mandatory = {entry.get("row", "?"): tuple(entry.get("excused_when", ())) for entry in table.get("mandatory", [])}
    errors += [f"mandatory row {name!r} has no limits" for name in mandatory if name not in rows]
    if not rows:
        errors.append("no rows")
    if errors:
        raise ConfigError("; ".join(errors), "limits table", "correct the table")
    digest = hashlib.sha256(text.encode()).hexdigest()[:12]
    return Limits(str(table.get("version", "")), digest, {n: r for n, r in rows.items() if r}, mandatory)


def _row(name: str, body: dict[str, Any], errors: list[str]) -> RowLimits | None:
    before = len(errors)
    errors += [f"rows.{name}: unknown key {key!r}" for key in body.keys() - _ROW_KEYS]
    errors += [
        f"rows.{name}: {key} is missing"
        for key in ("kind", "direction", "detect", "debounce", "advice")
        if key not in body
    ]
    if body.get("direction") not in ("up", "down"):
        errors.append(f"rows.{name}: direction is up or down")
    if body.get("learned", False) not in (False, True) or (body.get("learned") and "rescan" in body):
        errors.append(f"rows.{name}: learned is true or false, and a learned row only warns")
    debounce = body.get("debounce")
    if not (isinstance(debounce, list) and len(debounce) == 2 and 1 <= debounce[0] <= debounce[1]):
        errors.append(f"rows.{name}: debounce is [needed, of]")
    limits = {
        key: _limit(f"rows.{name}.{key}", body[key], errors) for key in ("detect", "warn", "rescan") if key in body
    }
    if len(errors) > before:
        return None
    detect = limits["detect"]
    assert detect is not None
    return RowLimits(
        kind=body["kind"],
        up=body["direction"] == "up",
        detect=detect,
        warn=limits.get("warn"),
        rescan=limits.get("rescan"),
        needed=body["debounce"][0],
        window=body["debounce"][1],
        advice=body["advice"],
        learned=body.get("learned", False),
    )


def _limit(where: str, body: dict[str, Any], errors: list[str]) -> Limit | None:
    before = len(errors)
    errors += [f"{where}: unknown key {key!r}" for key in body.keys() - {"value", "unit", "source", "of", "from"}]
    errors += [f"{where}: {key} is missing" for key in ("unit", "source") if not body.get(key)]
    statistics = body.get("from") == "statistics"
    value = body.get("value")
    if not statistics and not isinstance(value, (int, float)):
        errors.append(f"{where}: value is a number, or from = 'statistics'")
    if len(errors) > before:
        return None
    number = float(value) if isinstance(value, (int, float)) else None
    return Limit(None if statistics else number, body["unit"], body["source"], body.get("of") == "value")
