"""When a frame is over. No flag of MRD is dependable, so a flag alone never cuts a frame in pieces.

Some senders set LAST_IN_SLICE (8) on every line, Siemens data may set it per segment, the standard's phantom once per
frame, others never. A frame is over

- when every expected line is there, as often as prescribed (`all_lines`, or the end flag on that very readout);
- when an end flag (8, 14, 25) came while lines were missing, and one of these shows that no later line comes:
  a readout of the same slice, contrast, phase and set with a newer repetition; a line that the frame already has, when
  this was its first flag and came on its latest readout (a sender that does not count repetitions); more readouts of
  other frames than all of them together could need (`patience`: the expected lines of every other open frame); a quiet
  connection (`Reconstruction.settle`). It is named after its flag;
- when a newer repetition of it begins without any flag (`next_frame`), or the stream ends (the stream's own reason).

A change of slice, contrast, phase or set closes nothing: slices may be interleaved.
"""

from engine import acquisition as mrd


def flag_name(flags: int) -> str:
    """The end flag among MRD `flags` that says most, or nothing."""
    if flags & mrd.LAST_IN_MEASUREMENT:
        return "last_in_measurement"
    if flags & mrd.LAST_IN_REPETITION:
        return "last_in_repetition"
    return "last_in_slice" if flags & mrd.LAST_IN_SLICE else ""


class Ending:
    """What a frame's end flags have said so far."""

    __slots__ = ("_flags_seen", "_latest_flagged", "_stream_position", "flag")

    def __init__(self) -> None:
        self.flag = ""
        """Name of an end flag that came; empty: none."""
        self._flags_seen = 0
        self._latest_flagged = False
        self._stream_position = 0

    def note(self, flags: int, stream_position: int) -> None:
        """A readout with these flags came; `stream_position` counts the imaging readouts of all frames."""
        name = flag_name(flags)
        self._latest_flagged = bool(name)
        self._stream_position = stream_position
        if name:
            self.flag = name
            self._flags_seen += 1

    @property
    def flagged_once_and_last(self) -> bool:
        """The only end flag came on the latest readout: as good as a flag can be."""
        return self._latest_flagged and self._flags_seen == 1

    def overdue(self, stream_position: int, patience: int) -> bool:
        """A flag came, and since then so many readouts of other frames that no more are to be expected."""
        return bool(self.flag) and stream_position - self._stream_position > patience
