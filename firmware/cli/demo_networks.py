"""The networks in the demo: waiting until they serve, and what they added, as JSON."""

import threading
from collections.abc import Sequence
from typing import Any

from engine.quality import LEARNED
from engine.types import Finding, Measurement
from firmware.sinks.payloads import ModelState

_READY_S = 30.0


class Readiness:
    """Whether every network serves or will not; the first images would go on without them otherwise."""

    def __init__(self, networks: int) -> None:
        self._networks = networks
        self._settled: set[str] = set()
        self._changed = threading.Condition()

    def hear(self, state: ModelState) -> None:
        """A network's state has changed."""
        if state.state in ("serving", "failed"):
            with self._changed:
                self._settled.add(state.task)
                self._changed.notify_all()

    def wait(self) -> None:
        """Until all are settled, half a minute at most: the demo goes on without."""
        with self._changed:
            self._changed.wait_for(lambda: len(self._settled) >= self._networks, _READY_S)


def networks_document(last: Sequence[Measurement], findings: Sequence[Finding]) -> dict[str, Any]:
    """What the networks said of the last image, and which findings of the series came from the quality network alone.

    A network that is not configured is null. `why_missing` says why there is no number; a probability without one is
    null.
    """
    rows = {m.row: m for m in last}
    ruled = {finding.kind for finding in findings if not finding.learned}
    learned = [finding.kind for finding in findings if finding.learned]
    denoised, distance = rows.get("n01"), rows.get("n02")
    return {
        "denoiser": denoised
        and {"removed": denoised.value, "unit": denoised.unit, "why_missing": denoised.why_missing},
        "quality": distance
        and {
            "distance": distance.value,
            "why_missing": distance.why_missing,
            "probabilities": {kind: rows[row].value for kind, row in LEARNED.items() if row in rows},
            "added": [kind for kind in dict.fromkeys(learned) if kind not in ruled],
        },
    }
