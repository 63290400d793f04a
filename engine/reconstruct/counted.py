"""A frame of which no image is made: counted with bounded memory, reported once."""

import numpy as np
from numpy.typing import NDArray

from engine.reconstruct.batch import Run
from engine.reconstruct.ending import Ending
from engine.reconstruct.plan import expected_readouts
from engine.types import Completeness, Encoding, FrameIndex

_MOST_COUNTED = 1 << 20
"""Encoding steps that are told apart (one byte each); beyond it the number expected counts as unknown."""


class CountedFrame:
    """Stands for a frame that cannot be reconstructed; keeps no samples."""

    def __init__(self, index: FrameIndex, encoding: Encoding, reason: str, detail: str, now: float) -> None:
        self.index, self.reason, self.detail = index, reason, detail
        self.first_readout = self.last_readout = now
        self.ending = Ending()
        self.expected = expected_readouts(encoding)
        self._lines = max(encoding.encoded.matrix[1], 1)
        steps = self._lines * max(encoding.encoded.matrix[2], 1)
        if steps > _MOST_COUNTED or self.expected > steps:
            self.expected = 0
        self._seen: NDArray[np.bool_] | None = np.zeros(steps, bool) if self.expected else None
        self._taken = 0

    @property
    def received(self) -> int:
        """Distinct encoding steps (readouts, where the number expected is unknown)."""
        return self._taken if self._seen is None else int(np.count_nonzero(self._seen))

    @property
    def complete(self) -> bool:
        """As many distinct steps as the limits promise."""
        return self._seen is not None and self.received >= self.expected

    def count(self, run: Run) -> None:
        """Take note of readouts."""
        self._taken += len(run.head)
        if self._seen is not None:
            steps = run.head["idx"]["kspace_encode_step_1"].astype(np.int64) + run.partition * self._lines
            self._seen[steps[steps < len(self._seen)]] = True

    def holds(self, run: Run) -> bool:
        """Whether the run's first step came already."""
        if self._seen is None:
            return False
        step = int(run.head["idx"]["kspace_encode_step_1"][0]) + run.partition * self._lines
        return step < len(self._seen) and bool(self._seen[step])

    def completeness(self, ended_by: str) -> Completeness:
        """Expected (0: unknown) and received readouts."""
        return Completeness(self.expected, self.received, ended_by=ended_by)
