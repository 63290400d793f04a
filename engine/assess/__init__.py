"""What is measured of a frame: one row each, named as in the table of limits."""

from collections.abc import Callable

from engine.assess.coil import coil_element
from engine.assess.completeness import completeness
from engine.assess.consistency import line_consistency
from engine.assess.coverage import coverage
from engine.assess.displacement import displacement
from engine.assess.dropout import drop_out
from engine.assess.echo import echo_position
from engine.assess.frequency import frequency_drift
from engine.assess.ghost import ghost_uncorrected, half_view_ghost
from engine.assess.interference import rf_interference
from engine.assess.memory import StratumMemory
from engine.assess.motion import motion_ghost
from engine.assess.noise import noise_level
from engine.assess.offset import receiver_offset
from engine.assess.ringing import gibbs_ringing
from engine.assess.saturation import adc_saturation
from engine.assess.scale import scale_change
from engine.assess.selection import coil_selection
from engine.assess.signal import snr
from engine.assess.spike import rf_spike
from engine.assess.unencoded import unencoded_signal
from engine.assess.uniformity import uniformity
from engine.assess.view import FrameView
from engine.assess.wrap import wrap
from engine.types import Measurement

Row = Callable[[FrameView, StratumMemory], Measurement]

ROWS: dict[str, tuple[str, str, Row]] = {
    "m01": ("completeness", "1", completeness),
    "m02": ("adc_saturation", "1e-6", adc_saturation),
    "m03": ("noise_level", "dB", noise_level),
    "m04": ("coil_element", "dB", coil_element),
    "m13": ("displacement", "mm", displacement),
    "m05": ("snr", "1", snr),
    "m06": ("rf_spike", "1", rf_spike),
    "m07": ("rf_interference", "1", rf_interference),
    "m08": ("receiver_offset", "sd", receiver_offset),
    "m09": ("ghost", "%", half_view_ghost),
    "m10": ("motion_ghost", "%", motion_ghost),
    "m11": ("line_consistency", "1", line_consistency),
    "m15": ("drop_out", "1", drop_out),
    "m16": ("wrap", "%", wrap),
    "m17": ("gibbs_ringing", "%", gibbs_ringing),
    "m18": ("uniformity", "%", uniformity),
    "m19": ("frequency_drift", "Hz", frequency_drift),
    "m20": ("coverage", "%", coverage),
    "m23": ("echo_position", "samples", echo_position),
    "m24": ("scale_change", "octaves", scale_change),
    "m25": ("coil_selection", "dB", coil_selection),
    "m26": ("unencoded_signal", "%", unencoded_signal),
    "m27": ("ghost_uncorrected", "%", ghost_uncorrected),
}
"""Row -> (name, unit, function). Rows run in this order: m13 leaves out elements that m04 found lost, m07 heeds what
both found."""
