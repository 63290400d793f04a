"""The acquisition (readout) header of MRD v1 as a numpy type, its flags, and batches of readouts.

Field names are those of the MRD (ISMRMRD) v1 standard, `AcquisitionHeader`; the layout is the packed,
little-endian one that travels on the wire and lies in files, so a batch is a view and never a copy.
"""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

ENCODING_COUNTERS = np.dtype(
    [
        ("kspace_encode_step_1", "<u2"),
        ("kspace_encode_step_2", "<u2"),
        ("average", "<u2"),
        ("slice", "<u2"),
        ("contrast", "<u2"),
        ("phase", "<u2"),
        ("repetition", "<u2"),
        ("set", "<u2"),
        ("segment", "<u2"),
        ("user", "<u2", (8,)),
    ]
)

ACQUISITION_HEADER = np.dtype(
    [
        ("version", "<u2"),
        ("flags", "<u8"),
        ("measurement_uid", "<u4"),
        ("scan_counter", "<u4"),
        ("acquisition_time_stamp", "<u4"),
        ("physiology_time_stamp", "<u4", (3,)),
        ("number_of_samples", "<u2"),
        ("available_channels", "<u2"),
        ("active_channels", "<u2"),
        ("channel_mask", "<u8", (16,)),
        ("discard_pre", "<u2"),
        ("discard_post", "<u2"),
        ("center_sample", "<u2"),
        ("encoding_space_ref", "<u2"),
        ("trajectory_dimensions", "<u2"),
        ("sample_time_us", "<f4"),
        ("position", "<f4", (3,)),
        ("read_dir", "<f4", (3,)),
        ("phase_dir", "<f4", (3,)),
        ("slice_dir", "<f4", (3,)),
        ("patient_table_position", "<f4", (3,)),
        ("idx", ENCODING_COUNTERS),
        ("user_int", "<i4", (8,)),
        ("user_float", "<f4", (8,)),
    ]
)
assert ACQUISITION_HEADER.itemsize == 340, "MRD v1 AcquisitionHeader is 340 bytes"


def flag(number: int) -> int:
    """Bit mask of MRD flag `number` (the standard counts them from 1)."""
    return 1 << (number - 1)


FIRST_IN_SLICE = flag(7)
LAST_IN_SLICE = flag(8)
LAST_IN_REPETITION = flag(14)
NOISE_MEASUREMENT = flag(19)
PARALLEL_CALIBRATION = flag(20)
PARALLEL_CALIBRATION_AND_IMAGING = flag(21)
REVERSE = flag(22)
NAVIGATION = flag(23)
PHASE_CORRECTION = flag(24)
LAST_IN_MEASUREMENT = flag(25)
HP_FEEDBACK = flag(26)
DUMMY = flag(27)
RT_FEEDBACK = flag(28)
SURFACE_COIL_CORRECTION = flag(29)
PHASE_STABILIZATION_REFERENCE = flag(30)
PHASE_STABILIZATION = flag(31)
COMPRESSION = flag(53) | flag(54) | flag(55) | flag(56)

NOT_IMAGING = (
    NOISE_MEASUREMENT
    | PARALLEL_CALIBRATION
    | NAVIGATION
    | PHASE_CORRECTION
    | HP_FEEDBACK
    | DUMMY
    | RT_FEEDBACK
    | SURFACE_COIL_CORRECTION
    | PHASE_STABILIZATION_REFERENCE
    | PHASE_STABILIZATION
)
"""A readout with any of these flags never enters an image."""

RECEIVER_RANGE = 1e16
"""Larger samples come from no receiver, and the square of an image made of them would overflow single precision."""

END_OF_FRAME = LAST_IN_SLICE | LAST_IN_REPETITION | LAST_IN_MEASUREMENT


@dataclass(frozen=True, slots=True)
class Readouts:
    """Consecutive readouts of one size, in the order in which they came.

    Both arrays may be views of a receive buffer: valid only until the next ones are asked for.
    """

    head: NDArray[np.void]
    """`[readout]` of `ACQUISITION_HEADER`."""
    data: NDArray[np.complex64]
    """`[readout, coil, sample]`, as acquired (reversed readouts are not flipped)."""

    def __len__(self) -> int:
        return len(self.head)
