"""Every measurement of a scan over its frames: columns of numbers, kept for the scans that are looked at."""

import threading
from collections import Counter, OrderedDict
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from firmware.console.api import Trend, Trends
from firmware.console.follow import ROWS, decoded
from firmware.console.rows import row_info
from firmware.console.thin import said, thinned
from firmware.journal_reader import JournalReader
from firmware.sinks.payloads import DecisionPayload, MeasurementPayload

KEPT = 4
"""Scans whose columns are kept."""
LONGEST = 100_000
"""Frames of one scan that are kept; later ones are not drawn."""
_FIRST = 256


class _Column:
    """Numbers that grow at the end; what was never said is NaN."""

    def __init__(self) -> None:
        self._numbers = np.full(_FIRST, np.nan, np.float32)

    def put(self, position: int, number: float | None) -> None:
        if position >= len(self._numbers):
            more = np.full(max(position + 1, 2 * len(self._numbers)) - len(self._numbers), np.nan, np.float32)
            self._numbers = np.concatenate([self._numbers, more])
        if number is not None:
            self._numbers[position] = number

    def first(self, count: int) -> NDArray[np.float32]:
        """The first `count` numbers."""
        self.put(max(count, 1) - 1, None)
        return self._numbers[:count]


@dataclass(slots=True)
class _RowColumns:
    name: str
    unit: str
    values: _Column = field(default_factory=_Column)
    limits: _Column = field(default_factory=_Column)
    has_limits: bool = False
    missing: Counter[str] = field(default_factory=Counter)


class _ScanColumns:
    def __init__(self) -> None:
        self.lock = threading.Lock()
        self.sequence = 0
        """Of the last decision that was taken."""
        self._numbers: list[int] = []
        self._rows: dict[str, _RowColumns] = {}
        self._limits_version = ""
        self._latest_why: dict[str, str] = {}
        """Row -> why the newest frame has no value of it."""

    def take(self, decision: DecisionPayload) -> None:
        self.sequence = decision.sequence
        if decision.number is None or len(self._numbers) >= LONGEST:
            return
        if self._numbers and decision.number <= self._numbers[-1]:
            return  # it was told twice
        self._limits_version = decision.limits_version
        self._numbers.append(decision.number)
        self._latest_why = {one.row: one.why_missing for one in decision.measurements if one.value is None}
        for measurement in decision.measurements:
            self._take_measurement(measurement, len(self._numbers) - 1)

    def _take_measurement(self, measurement: MeasurementPayload, position: int) -> None:
        row = self._rows.setdefault(measurement.row, _RowColumns(measurement.name, measurement.unit))
        if measurement.value is None:
            row.missing[measurement.why_missing] += 1
            return
        row.values.put(position, measurement.value)
        if measurement.detect_limit is not None:
            row.has_limits = True
            row.limits.put(position, measurement.detect_limit)

    def trends(self, scan: str, points: int) -> Trends:
        return Trends(
            scan=scan,
            frames=len(self._numbers),
            trends=[self._trend(name, row, points) for name, row in sorted(self._rows.items())],
            limits_version=self._limits_version,
        )

    def _trend(self, name: str, row: _RowColumns, points: int) -> Trend:
        count = len(self._numbers)
        drawn = thinned(row.values.first(count), points)
        limits = thinned(row.limits.first(count), points).last if row.has_limits else np.zeros(0)
        return Trend(
            info=row_info(name, row.name, row.unit),
            numbers=[self._numbers[position] for position in drawn.positions.tolist()],
            values=said(drawn.last),
            low=said(drawn.low),
            high=said(drawn.high),
            limits=said(limits),
            why_missing=dict(row.missing),
            latest_why=self._latest_why.get(name, ""),
        )


class TrendBook:
    """Columns of the scans that were looked at last; each look reads only what is new."""

    def __init__(self, reader: JournalReader) -> None:
        self._reader = reader
        self._lock = threading.Lock()
        self._scans: OrderedDict[str, _ScanColumns] = OrderedDict()

    def trends(self, scan: str, points: int) -> Trends:
        """Every row of a scan, at most `points` points each; raises RecordBusy."""
        with self._lock:
            columns = self._scans.setdefault(scan, _ScanColumns())
            self._scans.move_to_end(scan)
            while len(self._scans) > KEPT:
                self._scans.popitem(last=False)
        with columns.lock:
            while rows := self._reader.decisions(scan, columns.sequence, ROWS):
                for row in rows:
                    if (decision := decoded(row)) is not None:
                        columns.take(decision)
                columns.sequence = rows[-1].sequence
            return columns.trends(scan, points)
