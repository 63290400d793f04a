"""m03: noise of one coil element beside the others."""

import numpy as np

from engine.assess.memory import StratumMemory
from engine.assess.view import FrameView
from engine.types import Measurement, Where


def noise_level(view: FrameView, memory: StratumMemory) -> Measurement:
    """Noise of the loudest element above the median element, dB."""
    del memory
    noise = view.noise
    if noise is None:
        return Measurement("m03", "noise_level", None, "dB", why_missing="noise_unknown")
    if view.coils < 2:
        return Measurement("m03", "noise_level", None, "dB", why_missing="one_coil")
    if noise.samples < 10 * view.coils:
        return Measurement("m03", "noise_level", None, "dB", why_missing="too_few_noise_samples")
    power = np.real(np.diag(noise.covariance))
    if not float(np.median(power)) > 0:
        return Measurement("m03", "noise_level", None, "dB", why_missing="no_noise")
    level = 10 * np.log10(np.maximum(power, 1e-300) / np.median(power))
    worst = int(level.argmax())
    return Measurement(
        "m03",
        "noise_level",
        float(level[worst]),
        "dB",
        where=Where(coils=(worst,)),
        estimated=noise.estimated,
    )
