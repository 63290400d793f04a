"""Root cause first: which kind of finding explains which."""

from collections.abc import Sequence
from dataclasses import replace

from engine.types import Finding

EXPLAINS: dict[str, tuple[str, ...]] = {
    "missing_data": ("motion", "low_snr"),
    "adc_saturation": ("low_snr", "motion"),
    "noise_change": ("low_snr",),
    "coil_element": ("low_snr", "noise_change"),
    "rf_spike": ("low_snr",),
    "rf_interference": ("low_snr",),
}
"""Left explains right; only kinds that this version can find."""


def name_causes(findings: Sequence[Finding]) -> tuple[Finding, ...]:
    """The same findings, each consequence with the id of its cause; causes come first.

    A cause must not be newer than what it explains.
    """
    named = []
    for finding in findings:
        cause = next(
            (
                other
                for other in findings
                if finding.kind in EXPLAINS.get(other.kind, ()) and other.first_frame <= finding.first_frame
            ),
            None,
        )
        named.append(replace(finding, caused_by=cause.id if cause else ""))
    return tuple(sorted(named, key=lambda finding: bool(finding.caused_by)))
