"""m19: drift of the resonance frequency, from the phase that the k-space centre gains over the echo time.

arg(sum z_t conj(z_1)) / (2 pi TE), z the line through the k-space centre of the frame and of the series' first
complete one, summed over elements and samples: an object that moved along the readout or a lost element changes the
sum's length, not its angle. Drifts beyond 1 / (2 TE) appear reduced by a multiple of 1 / TE. A spin echo refocuses
the drift, so there the row reads zero.
"""

import math

import numpy as np

from engine.assess.memory import StratumMemory
from engine.assess.view import FrameView
from engine.types import Measurement

_HALF_PIXEL = 0.5
_LEAST_LIKENESS = 0.5


def frequency_drift(view: FrameView, memory: StratumMemory) -> Measurement:
    """Hz away from the first complete frame, without sign; impact: shift of the image in acquired pixels.

    The limit is half a pixel. In echo planar imaging the shift is along the lines, which take the whole train.
    """
    line, _ = view.kspace.center
    center = view.raw[line]
    echo_time = _echo_time(view)
    why = ""
    if echo_time is None:
        why = "no_echo_time"
    elif not view.acquired[line]:
        why = "no_center_line"
    elif memory.center_line is None:
        memory.center_line = center.copy()
        why = "first_frame"
    elif memory.center_line.shape != center.shape:
        why = "size_changed"
    if why or echo_time is None or memory.center_line is None:
        return Measurement("m19", "frequency_drift", None, "Hz", why_missing=why)
    product = np.vdot(memory.center_line, center)
    most = float(np.linalg.norm(center)) * float(np.linalg.norm(memory.center_line))
    if not abs(product) > _LEAST_LIKENESS * most:
        return Measurement("m19", "frequency_drift", None, "Hz", why_missing="images_differ")
    hertz = abs(float(np.angle(product))) / (2 * math.pi * echo_time)
    sampling = _sampling_time(view)
    return Measurement(
        "m19",
        "frequency_drift",
        hertz,
        "Hz",
        impact=hertz * sampling if sampling else None,
        impact_unit="px" if sampling else "",
        detect_limit=_HALF_PIXEL / sampling if sampling else None,
    )


def _echo_time(view: FrameView) -> float | None:
    """Seconds; None where the header has none for this contrast."""
    times = view.scan.echo_times if view.scan is not None else ()
    contrast = view.frame.index.contrast
    return times[contrast] / 1e3 if contrast < len(times) else None


def _sampling_time(view: FrameView) -> float:
    """Seconds in which the direction that drifts most is sampled; 1 / it is the bandwidth per pixel. 0: unknown."""
    samples = view.raw.shape[2]
    readout: float = 1e-6 * float(view.frame.header["sample_time_us"]) * samples
    planar = view.scan is not None and view.scan.encodings[view.frame.index.encoding].trajectory == "epi"
    return readout * (view.raw.shape[0] if planar else 1)
