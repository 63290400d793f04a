"""m01: what is missing of a frame."""

from engine.assess.memory import StratumMemory
from engine.assess.view import FrameView
from engine.types import Measurement, Where


def completeness(view: FrameView, memory: StratumMemory) -> Measurement:
    """Share of readouts that are missing, doubled, misplaced or impossible; impact: missing k-space energy in %."""
    del memory
    found = view.kspace.completeness
    if not found.expected:
        return Measurement("m01", "completeness", None, "1", why_missing="no_encoding_limits")
    wrong = len(found.missing) + found.duplicates + found.misplaced + (1 if found.non_finite else 0)
    return Measurement(
        "m01",
        "completeness",
        wrong / found.expected,
        "1",
        impact=100 * found.missing_central_energy,
        impact_unit="%",
        where=Where(lines=found.missing[:64]),
    )
