"""m25: coil selection, a scan with fewer elements and less signal to noise than an earlier one of its prescription.

One scan alone cannot tell: the wrong coil gives a clean, merely noisier image. So the appliance remembers the latest
scans, and one of the same scanner, matrix and field of view that had more elements is what this one is held against.
"""

import math
from collections import deque
from dataclasses import dataclass, field

from engine.assess.memory import StratumMemory
from engine.assess.view import FrameView
from engine.types import Measurement, Scan

_REMEMBERED = 8


@dataclass(frozen=True, slots=True)
class EarlierScan:
    """What is remembered of a scan."""

    prescription: tuple[object, ...]
    coils: int
    snr: float


@dataclass
class ExamMemory:
    """The latest scans of the appliance; shared by all of them, safe between threads."""

    _scans: deque[EarlierScan] = field(default_factory=lambda: deque(maxlen=_REMEMBERED))

    def note(self, scan: Scan, coils: int, snr: float) -> None:
        """Remember a scan."""
        self._scans.append(EarlierScan(prescription(scan), coils, snr))

    def best(self, scan: Scan) -> EarlierScan | None:
        """The one with the best signal to noise among those of the same prescription."""
        alike = [earlier for earlier in tuple(self._scans) if earlier.prescription == prescription(scan)]
        return max(alike, key=lambda earlier: earlier.snr, default=None)


def prescription(scan: Scan) -> tuple[object, ...]:
    """What must agree for two scans' signal to noise to be comparable."""
    sizes = [(e.encoded.matrix, e.encoded.field_of_view, e.recon.matrix) for e in scan.encodings]
    return scan.scanner, scan.field_strength, scan.echo_times, tuple(sizes)


def coil_selection(view: FrameView, memory: StratumMemory) -> Measurement:
    """Signal to noise below that of an earlier scan with more elements, dB; 0 where this one has as many."""
    earlier = memory.earlier
    if earlier is None:
        return Measurement("m25", "coil_selection", None, "dB", why_missing="no_earlier_scan")
    if why := view.why_no_object:
        return Measurement("m25", "coil_selection", None, "dB", why_missing=why)
    if not view.noise_known or not view.signal:
        return Measurement("m25", "coil_selection", None, "dB", why_missing="noise_unknown")
    lost = 20 * math.log10(earlier.snr / view.signal) if view.coils < earlier.coils else 0.0
    estimated = view.noise is None or view.noise.estimated
    return Measurement("m25", "coil_selection", max(lost, 0.0), "dB", estimated=estimated)
