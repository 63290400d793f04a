"""m01: what is missing of a frame."""

from engine.assess.memory import StratumMemory
from engine.assess.view import FrameView
from engine.types import Measurement, Where


def completeness(view: FrameView, memory: StratumMemory) -> Measurement:
    """Share of readouts that are missing, doubled, misplaced or impossible; impact: missing k-space energy in %.

    What a missing line would hold is known from the series' first complete frame; without one it is estimated from the
    line's mirror image (`engine.reconstruct.assemble.missing_energy`).
    """
    found = view.kspace.completeness
    if not found.expected:
        return Measurement("m01", "completeness", None, "1", why_missing="no_encoding_limits")
    if memory.line_energy is None and found.complete:
        memory.line_energy = view.line_energy
    wrong = len(found.missing) + found.duplicates + found.misplaced + (1 if found.non_finite else 0)
    absent = [line for line in found.missing if not view.acquired[line]]
    share = found.missing_central_energy
    if absent and memory.line_energy is not None and len(memory.line_energy) == len(view.acquired):
        share = float(memory.line_energy[absent].sum() / max(memory.line_energy.sum(), 1e-30))
    return Measurement(
        "m01",
        "completeness",
        wrong / found.expected,
        "1",
        impact=100 * share,
        impact_unit="%",
        where=Where(lines=found.missing[:64]),
    )
