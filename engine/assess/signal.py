"""m05: signal to noise ratio, from power so that the floor of the magnitude does not count as signal.

Kellman and McVeigh 2005: in whitened data the squared magnitude has mean 2 x coils on pure noise.
"""

from engine.assess.memory import StratumMemory
from engine.assess.view import FrameView
from engine.types import Measurement


def snr(view: FrameView, memory: StratumMemory) -> Measurement:
    """Median over the object of sqrt(max(Q - 2 C, 0)), with the noise's sd per real and imaginary part as unit."""
    del memory
    if not view.noise_known:
        return Measurement("m05", "snr", None, "1", why_missing="noise_unknown")
    if view.signal is None:
        return Measurement("m05", "snr", None, "1", why_missing="no_object")
    estimated = view.noise is not None and view.noise.estimated
    return Measurement("m05", "snr", view.signal, "1", estimated=estimated)
