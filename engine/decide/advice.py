"""Words for findings, from a table by advice code."""

import tomllib
from functools import cache
from importlib.resources import files

from engine.types import Measurement, Scan, Verdict

UNITS = {"1": "", "1e-6": " ppm", "%": " %"}
SHARES = {"m01"}
"""Rows whose value is a share of one and is told in per cent."""

_MOST_NAMED = 8
"""Coil elements that a message names."""


@cache
def table() -> dict[str, dict[str, str]]:
    """Advice code -> message and action templates."""
    return tomllib.loads(files("engine.decide").joinpath("advice.toml").read_text("utf-8"))


def words(code: str, scan: Scan, measurement: Measurement, severity: Verdict, first_number: int) -> tuple[str, str]:
    """(message, action) of a finding."""
    entry = table()[code]
    coils = measurement.where.coils
    message = entry["message_many"] if len(coils) > 1 and "message_many" in entry else entry["message"]
    action = entry.get("action_rescan", entry["action"]) if severity is Verdict.RESCAN else entry["action"]
    filled = message.format(
        elements=elements(coils, scan),
        count=len(coils),
        value=_number(measurement),
        impact=f"{measurement.impact or 0:.1f} %",
        frame=first_number,
        line=measurement.where.lines[0] if measurement.where.lines else 0,
    )
    return filled[0].upper() + filled[1:], action


def elements(coils: tuple[int, ...], scan: Scan) -> str:
    """Coil elements by label where the header has them, else by channel number (from 0, as in the data).

    Of more than eight the first seven are named: a message is read at a glance, and has to fit a packet.
    """
    names = [scan.coil_labels[c] if c < len(scan.coil_labels) else str(c) for c in coils]
    if len(names) > _MOST_NAMED:
        names[_MOST_NAMED - 1 :] = [f"and {len(names) - _MOST_NAMED + 1} more"]
    if len(names) == 1:
        return f"coil element {names[0]}"
    return ", ".join(names) if names else "a coil element"


def _number(measurement: Measurement) -> str:
    value = measurement.value or 0.0
    if measurement.row in SHARES:
        return f"{100 * value:.0f} %"
    return f"{value:.1f}{UNITS.get(measurement.unit, ' ' + measurement.unit)}"


FAULTS = {
    "bias-field": "shading changed",
    "coil-loss": "coil elements lost",
    "cut-off": "object cut off",
    "dc-offset": "receiver fault",
    "echo-position": "echo moved",
    "low-snr": "too noisy",
    "missing-lines": "lines missing",
    "noise-change": "noisy coil element",
    "rf-interference": "radio interference",
    "saturation": "receiver overdriven",
    "scale-change": "brightness changed",
    "unencoded-signal": "unencoded signal",
    "wrap": "folded over",
    "wrong-coil": "other coil elements",
}
"""Kinds of faults in two or three words; the others are said by their own name."""


REASONS = {
    "m01": "completeness unknown",
    "m02": "receiver saturation unknown",
    "m05": "noise level unknown (no noise scan)",
    "m06": "spikes could not be looked for",
    "m13": "motion could not be measured",
    "non_finite": "the data hold impossible numbers",
    "incomplete": "the image is incomplete",
    "ramp_not_regridded": "the header does not describe the readout gradient: the picture may be warped",
    "phase_not_corrected": "no navigators came to correct every second line with",
    "no_frames": "no image came",
    "eof": "the scan was aborted",
    "timeout": "the scanner fell silent",
    "stopped": "the appliance was stopped",
    "refused": "the data were refused",
    "fault": "an internal fault",
    "overloaded": "images come faster than they can be judged",
}
"""Reasons for not judging, in words."""


def reason_words(reason: str, detail: str = "") -> str:
    """A reason in words; the detail where there is no fixed phrase."""
    return REASONS.get(reason, detail or reason.replace("_", " "))
