"""What the demo's series came to, as JSON."""

from collections.abc import Mapping, Sequence
from dataclasses import asdict
from typing import Any

from firmware.cli.demo_fault import NONE
from firmware.cli.demo_networks import networks_document
from firmware.loop import Judged
from models.simulate.fault import Truth


def demo_document(
    frames: Sequence[Judged], series: Judged, answers: Mapping[str, Any], truths: Sequence[Truth]
) -> dict[str, Any]:
    """`answers`: what came back to the scanner."""
    decision = series.decision
    last = frames[-1].decision
    return {
        "schema": "demo/1",
        "frames": len(frames),
        "images_returned": answers["images"],
        "processed_images_returned": answers["processed_images"],
        "verdict": decision.verdict.value,
        "sentence": decision.sentence,
        "findings": [
            {
                "kind": finding.kind,
                "severity": finding.severity.value,
                "first_frame": finding.first_frame,
                "where": asdict(finding.where),
                "advice": finding.action,
                "message": finding.message,
                "caused_by": finding.caused_by,
            }
            for finding in decision.findings
        ],
        "injected": _injected(truths),
        "measurements": [
            {
                "row": m.row,
                "name": m.name,
                "value": m.value,
                "unit": m.unit,
                "why_missing": m.why_missing,
            }
            for m in last.measurements
        ],
        "networks": networks_document(last.measurements, decision.findings),
    }


def _injected(truths: Sequence[Truth]) -> dict[str, Any]:
    """The simulated fault as JSON; further ones under `others`."""
    if not truths:
        return {"kind": NONE, "first_frame": None, "elements": [], "others": []}
    first, *others = (asdict(truth) for truth in truths)
    return {**first, "others": others}
