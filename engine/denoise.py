"""The denoising step: the identity until a model is packaged."""

from dataclasses import replace

import numpy as np

from engine.seams import Runner
from engine.types import Frame


def denoise(frame: Frame, runner: Runner | None) -> Frame:
    """The frame itself without a runner, else one whose `[z, y, x]` data the runner made; the input is not changed.

    Raises ValueError when the runner's answer has another shape or is not finite.
    """
    if runner is None:
        return frame
    processed = runner.run(frame.data[:, None])[:, 0]
    if processed.shape != frame.data.shape or not np.isfinite(processed).all():
        raise ValueError(f"the runner answered {processed.shape}, or values that are not finite")
    return replace(frame, data=processed)
