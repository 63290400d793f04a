"""What is measured of a frame: one row each, named as in the table of limits."""

from collections.abc import Callable

from engine.assess.coil import coil_element
from engine.assess.completeness import completeness
from engine.assess.displacement import displacement
from engine.assess.interference import rf_interference
from engine.assess.memory import StratumMemory
from engine.assess.noise import noise_level
from engine.assess.saturation import adc_saturation
from engine.assess.signal import snr
from engine.assess.spike import rf_spike
from engine.assess.view import FrameView
from engine.types import Measurement

Row = Callable[[FrameView, StratumMemory], Measurement]

ROWS: dict[str, tuple[str, str, Row]] = {
    "m01": ("completeness", "1", completeness),
    "m02": ("adc_saturation", "1e-6", adc_saturation),
    "m03": ("noise_level", "dB", noise_level),
    "m04": ("coil_element", "dB", coil_element),
    "m05": ("snr", "1", snr),
    "m06": ("rf_spike", "1", rf_spike),
    "m07": ("rf_interference", "1", rf_interference),
    "m13": ("displacement", "mm", displacement),
}
"""Row -> (name, unit, function). Rows run in this order: m13 leaves out elements that m04 found lost."""
