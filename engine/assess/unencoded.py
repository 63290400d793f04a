"""m26: signal that the phase encoding did not reach, a bright line along the readout through the middle of the image.

Transverse magnetisation that is neither spoiled nor rephased, and the free induction decay of an imperfect refocusing
pulse, give the same signal in every line; its transform along the phase direction is a line at the centre. The line
must stand out in nearly every column of the object, which anatomy rarely does: over the public scans the lower quartile
of the ratio is 0.96 to 1.04 on clean images, at most 1.22 on any other row, and 1.9 with the fault. A fissure or a
bright band that lies exactly in the middle along the readout can look like it: 0.2 % of the rows in the middle third of
634 slices of public anatomy pass 1.25, and one axial head does where it lies.
"""

import numpy as np

from engine.assess.memory import StratumMemory
from engine.assess.view import FrameView
from engine.types import Measurement, Where

_HALF_LINE = 1
_NEAR, _FAR = 1 / 43, 1 / 17
"""The rows on either side that the line is held against, as shares of the rows."""
_LEAST_COLUMNS = 16
_WITHIN = 0.9
_QUARTILE = 25


def unencoded_signal(view: FrameView, memory: StratumMemory) -> Measurement:
    """Lower quartile over the object's columns of the line's magnitude above that of its surroundings, in %."""
    del memory
    if why := view.why_no_object:
        return Measurement("m26", "unencoded_signal", None, "%", why_missing=why)
    assert view.foreground is not None, "there is an object"
    magnitude = np.sqrt(np.maximum(view.corrected, 0.0))
    height = magnitude.shape[0]
    middle, near, far = height // 2, max(3, round(_NEAR * height)), max(6, round(_FAR * height))
    line = slice(middle - _HALF_LINE, middle + _HALF_LINE + 1)
    beside = np.r_[middle - far : middle - near, middle + near + 1 : middle + far + 1]
    inside = view.foreground[line].all(axis=0) & (view.foreground[beside].mean(axis=0) > _WITHIN)
    if int(inside.sum()) < _LEAST_COLUMNS:
        return Measurement("m26", "unencoded_signal", None, "%", why_missing="object_not_central")
    ratio = magnitude[line][:, inside].mean(axis=0) / np.median(magnitude[beside][:, inside], axis=0)
    columns = np.flatnonzero(inside)
    return Measurement(
        "m26",
        "unencoded_signal",
        100 * (float(np.percentile(ratio, _QUARTILE)) - 1),
        "%",
        where=Where(box=(int(columns[0]), line.start, int(columns[-1]) + 1, line.stop)),
    )
