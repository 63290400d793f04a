"""Root cause first: which kind of finding explains which."""

from collections.abc import Sequence
from dataclasses import replace

from engine.types import Finding

EXPLAINS: dict[str, tuple[str, ...]] = {
    "missing-lines": ("motion", "low-snr", "drop-out", "wrap", "ghost", "gibbs"),
    "saturation": ("low-snr", "motion", "ghost", "drop-out", "bias-field", "rf-interference"),
    "noise-change": ("low-snr",),
    "coil-loss": ("low-snr", "noise-change", "motion", "drop-out", "wrap", "bias-field", "rf-interference"),
    "dc-offset": ("rf-interference", "unencoded-signal", "motion", "ghost"),
    "spike": ("low-snr", "motion", "ghost", "rf-interference", "unencoded-signal"),
    "rf-interference": ("low-snr", "motion", "ghost", "spike"),
    "echo-position": ("low-snr", "drop-out", "bias-field"),
    "frequency-drift": ("ghost", "drop-out", "motion", "wrap"),
    "ghost": ("motion", "bias-field"),
    "wrap": ("low-snr", "bias-field", "cut-off", "ghost", "unencoded-signal"),
    "motion": ("drop-out", "bias-field", "frequency-drift", "ghost", "rf-interference", "pulsation"),
    "bias-field": ("motion", "rf-interference"),
    "drop-out": ("low-snr", "bias-field", "scale-change"),
    "scale-change": ("drop-out", "low-snr"),
}
"""Left explains right. Where two kinds explain each other, the earlier one does; in the same frame, the upper one."""


_RANK = {kind: rank for rank, kind in enumerate(EXPLAINS)}
_LATE = 1
"""Frames by which a cause may seem younger than what it explains: debounced kinds may miss their first frame."""


def name_causes(findings: Sequence[Finding]) -> tuple[Finding, ...]:
    """The same findings, each consequence with the id of its cause; causes come first, earlier ones before later ones.

    A cause must not be newer than what it explains. What a rule has measured explains what a network sees, of the same
    kind whenever it was seen; never the other way round.
    """
    ordered = sorted(findings, key=_order)
    named = []
    for finding in ordered:
        cause = next((other for other in ordered if _is_cause(other, finding)), None)
        named.append(replace(finding, caused_by=cause.id if cause else ""))
    return tuple(sorted(named, key=lambda finding: bool(finding.caused_by)))


def _order(finding: Finding) -> tuple[bool, int, int]:
    return finding.learned, finding.first_frame, _RANK.get(finding.kind, len(_RANK))


def _is_cause(other: Finding, finding: Finding) -> bool:
    if other.learned and not finding.learned:
        return False
    if finding.learned and not other.learned and other.kind == finding.kind:
        return True
    if finding.kind not in EXPLAINS.get(other.kind, ()) or other.first_frame > finding.first_frame + _LATE:
        return False
    each_other = other.kind in EXPLAINS.get(finding.kind, ())
    return not each_other or _order(other) < _order(finding)
