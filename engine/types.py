"""The values that flow from source to sink. Frozen; each field says its unit."""

import math
from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any

import numpy as np
from numpy.typing import NDArray

# --- what was prescribed ---------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Space:
    """One encoded or reconstructed space of a scan."""

    matrix: tuple[int, int, int]
    """Samples along x (readout), y (line), z (partition)."""
    field_of_view: tuple[float, float, float]
    """mm along x, y, z."""


@dataclass(frozen=True, slots=True)
class CounterLimits:
    """Range of one encoding counter; `center` is the counter at the k-space centre."""

    minimum: int
    maximum: int
    center: int | None = None


@dataclass(frozen=True, slots=True)
class Trapezoid:
    """The readout gradient of an echo-planar scan and when the receiver was open; times in microseconds."""

    ramp_up: float
    flat_top: float
    ramp_down: float
    delay: float
    """From the start of the ramp to the start of the first sample."""
    samples: int
    dwell: float


@dataclass(frozen=True, slots=True)
class Encoding:
    """One `<encoding>` of the MRD header."""

    encoded: Space
    recon: Space
    limits: Mapping[str, CounterLimits]
    """By MRD counter name: kspace_encoding_step_1, kspace_encoding_step_2, slice, repetition, ..."""
    trajectory: str = "cartesian"
    acceleration: tuple[int, int] = (1, 1)
    """Parallel-imaging acceleration along line and partition."""
    calibration_mode: str = ""
    multiband: int = 1
    trapezoid: Trapezoid | None = None
    """Of an echo-planar readout; None: not stated."""


class ScanRole(StrEnum):
    """What a scan is for; all but imaging raise no alert."""

    IMAGING = "imaging"
    LOCALIZER = "localizer"
    PRESCAN = "prescan"
    CALIBRATION = "calibration"


@dataclass(frozen=True, slots=True)
class Scan:
    """One series as prescribed. Nothing in it identifies a patient."""

    id: str
    """Pseudonymous, unique per appliance; safe as one MQTT topic level."""
    encodings: tuple[Encoding, ...]
    coils: int | None = None
    """Receiver channels announced in the header; the data decide."""
    coil_labels: tuple[str, ...] = ()
    protocol: str = ""
    body_part: str = ""
    vendor: str = ""
    scanner: str = ""
    field_strength: float | None = None
    """Tesla."""
    relative_noise_bandwidth: float | None = None
    """Relative receiver noise bandwidth; None: not stated."""
    echo_times: tuple[float, ...] = ()
    """ms, one per contrast; empty: not stated."""
    role: ScanRole = ScanRole.IMAGING
    modality: str = "MR"
    exam: str = ""
    """Pseudonym of the examination, the same for all its scans; empty: not known."""
    exam_is_study: bool = False
    """It is made of the study's own number; otherwise of the patient's and the day."""

    @property
    def stratum(self) -> str:
        """The group whose limits apply: scanner / coil count / protocol."""
        return f"{self.scanner or 'unknown'}/{self.coils or 0}ch/{self.protocol or 'unknown'}"


# --- what was acquired -----------------------------------------------------------------------------


@dataclass(frozen=True, slots=True, order=True)
class FrameIndex:
    """Which image of a scan; averages and segments are folded in."""

    encoding: int = 0
    slice: int = 0
    contrast: int = 0
    phase: int = 0
    repetition: int = 0
    set: int = 0


@dataclass(frozen=True, slots=True)
class Noise:
    """Noise of the receive chain, from noise readouts or estimated."""

    covariance: NDArray[np.complex128]
    """`[coil, coil]`, of complex samples at the imaging readouts' dwell time (E[n n^H])."""
    samples: int
    """Number of complex samples per coil that it was formed from."""
    estimated: bool
    """True: no noise readouts came, taken from signal-free parts of the data."""


@dataclass(frozen=True, slots=True)
class Completeness:
    """What arrived of a frame."""

    expected: int
    """Lines that the encoding limits promise (0: unknown)."""
    received: int
    """Distinct lines that arrived."""
    missing: tuple[int, ...] = ()
    """k-space lines (0 = first of the matrix) that did not arrive."""
    duplicates: int = 0
    """Readouts for a line beyond the averages it should have."""
    non_finite: int = 0
    """Samples that are NaN, infinite or beyond any receiver's range."""
    misplaced: int = 0
    """Readouts whose counters lie outside the matrix."""
    missing_central_energy: float = 0.0
    """Estimated share (0..1) of the k-space energy that the missing lines would hold."""
    ended_by: str = ""
    """all_lines, last_in_slice, last_in_repetition, last_in_measurement, next_frame, close, eof, timeout."""

    @property
    def complete(self) -> bool:
        """Every expected line is there, once, and finite."""
        return not (self.missing or self.non_finite or self.misplaced or self.duplicates) and self.received > 0


@dataclass(frozen=True, slots=True)
class Geometry:
    """Where the image lies, DICOM patient coordinates (LPS)."""

    position: tuple[float, float, float]
    """Centre of the image, mm."""
    read_dir: tuple[float, float, float]
    phase_dir: tuple[float, float, float]
    slice_dir: tuple[float, float, float]
    field_of_view: tuple[float, float, float]
    """mm along x, y, z of the reconstructed space."""
    assumed: bool = False
    """The header states no usable directions: they are defaults, and no side of the patient may be read from them."""


@dataclass(frozen=True, slots=True)
class KSpace:
    """One frame's raw data, valid until it is released to the frame pool."""

    index: FrameIndex
    data: NDArray[np.complex64]
    """`[coil, partition, line, sample]` as acquired, not whitened; lines that never came are zero."""
    hybrid: NDArray[np.complex64]
    """`[line, coil, x]` after whitening (where noise is known), readout transform and crop."""
    counts: NDArray[np.int32]
    """`[line]` how often each line was acquired."""
    time_stamps: NDArray[np.uint32]
    """`[line]` acquisition time stamp in vendor ticks."""
    order: NDArray[np.int32]
    """`[line]` position of the line in the order of arrival, -1 where none came."""
    whitening: NDArray[np.complex64] | None
    """`[coil, coil]`: times it, noise has sd 1 per real and imaginary part and no correlation."""
    noise: Noise | None
    center: tuple[int, int]
    """(line, sample) of the k-space centre within `data`."""
    readout_oversampling: float
    """Encoded over reconstructed field of view along the readout."""
    completeness: Completeness
    correction: NDArray[np.float32] | None = None
    """`[line, 2]` phase that was added to an echo-planar line against its opposite direction: radians in the middle of
    the image, radians per pixel along x. None: none was."""


@dataclass(frozen=True, slots=True)
class OpenLines:
    """Raw lines of a frame as far as they have come; a view that keeps filling."""

    index: FrameIndex
    data: NDArray[np.complex64]
    """`[line, coil, sample]` in k order; a line holds old data until it is counted."""
    counts: NDArray[np.int32]
    """`[line]` how often each line was acquired."""
    whitening: NDArray[np.complex64] | None = None
    """`[coil, coil]` as in `KSpace`."""


@dataclass(frozen=True, slots=True)
class Timings:
    """Seconds of the injected clock."""

    first_readout: float
    last_readout: float
    image_ready: float


@dataclass(frozen=True, slots=True)
class Frame:
    """One image."""

    number: int
    """Place in the order of completion within the scan, from 0."""
    index: FrameIndex
    data: NDArray[np.float32]
    """`[z, y, x]` magnitude."""
    noise_sd: float | None
    """Standard deviation per real and imaginary part in the image's own unit; None: unknown."""
    snr_units: bool
    """True: scaled so that `noise_sd` is 1 (Kellman and McVeigh 2005)."""
    coils: int
    geometry: Geometry
    completeness: Completeness
    header: NDArray[np.void]
    """Acquisition header of the readout nearest to the k-space centre (a copy, 0-dimensional)."""
    timings: Timings
    processed_by: str = ""
    """Name and version of the network that made `data`; empty: the reconstruction itself."""
    reservations: tuple[str, ...] = ()
    """Why the picture is not to be trusted although every line came, in single words: ramp_not_regridded,
    phase_not_corrected."""


@dataclass(frozen=True, slots=True)
class Unreconstructed:
    """A frame that arrived but of which this version makes no image."""

    number: int
    index: FrameIndex
    reason: str
    """One word for counters: acceleration, three_dimensional, epi, radial, spiral, multiband, ..."""
    detail: str
    """One sentence for people."""
    completeness: Completeness
    timings: Timings


# --- what was measured and decided -----------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Where:
    """Where in a frame a measurement or finding lies; empty = the whole frame."""

    coils: tuple[int, ...] = ()
    lines: tuple[int, ...] = ()
    samples: tuple[int, ...] = ()
    columns: tuple[int, ...] = ()
    box: tuple[int, int, int, int] | None = None
    """x0, y0, x1, y1 in image pixels, end exclusive."""


@dataclass(frozen=True, slots=True)
class Measurement:
    """One number about one frame, or the reason why there is none."""

    row: str
    """Row of the measurement table: m01, m02, ..."""
    name: str
    value: float | None
    unit: str
    impact: float | None = None
    """What it costs the image, in `impact_unit`."""
    impact_unit: str = ""
    detect_limit: float | None = None
    """Limit that follows from statistics for this frame's size; overrides none in the table."""
    impact_at_detection: float | None = None
    """Impact of a fault that only just reaches the detection limit."""
    where: Where = field(default_factory=Where)
    why_missing: str = ""
    """Reason in one word (noise_unknown, first_frame, one_coil, ...), set exactly when value is None."""
    estimated: bool = False

    def __post_init__(self) -> None:
        if (self.value is None) != bool(self.why_missing):
            raise ValueError(f"{self.name}: a measurement has either a value or a reason why it is missing")
        if not all(math.isfinite(number) for number in (self.value, self.impact) if number is not None):
            raise ValueError(f"{self.name}: {self.value} with impact {self.impact} cannot be held against a limit")


class Verdict(StrEnum):
    """What the technologist should do with a frame or series."""

    OK = "ok"
    WARN = "warn"
    RESCAN = "rescan"
    CANNOT_JUDGE = "cannot_judge"


VERDICTS = (Verdict.OK, Verdict.WARN, Verdict.CANNOT_JUDGE, Verdict.RESCAN)
"""From good to bad: what is known to need a repeat outranks what is unknown."""


class Life(StrEnum):
    """Where a finding is in its life."""

    NEW = "new"
    UPDATE = "update"
    END = "end"


@dataclass(frozen=True, slots=True)
class Finding:
    """One fault, from when it was raised until it ends."""

    id: str
    kind: str
    """One word of the limits table: missing-lines, coil-loss, spike, motion, ..."""
    life: Life
    severity: Verdict
    """warn or rescan."""
    where: Where
    first_frame: int
    """Repetition (frame number where a scan has none) in which the fault was first measured."""
    last_frame: int
    measurement: Measurement
    limit: float
    limit_source: str
    advice: str
    """Advice code; words in the advice table."""
    message: str
    """What is wrong, for a technologist."""
    action: str
    """What to do first, for a technologist."""
    caused_by: str = ""
    """Id of the finding that explains this one; then it is a consequence and raises no alert of its own."""
    end_reason: str = ""
    learned: bool = False
    """Raised by what a network sees: it warns, and neither explains nor changes what a rule has measured."""
    evidence: str = ""
    """How sure, as part of a sentence: the number that decided beside its limit."""
    place: str = ""
    """Where, in words."""
    first_number: int = 0
    """Frame number of the image in which the fault was first measured."""
    placed_number: int = 0
    """Frame number of the image in which `where` was measured."""


@dataclass(frozen=True, slots=True)
class Decision:
    """The verdict of a frame or of a whole series."""

    scope: str
    """frame or series."""
    scan: str
    verdict: Verdict
    sentence: str
    """One sentence: the verdict, the reason, the first thing to do."""
    index: FrameIndex | None
    number: int | None
    """Frame number; None for a series."""
    findings: tuple[Finding, ...]
    """Findings alive in this frame (of the series: the first and the worst of each kind)."""
    changes: tuple[Finding, ...]
    """Findings whose life changed with this frame: their `life` says how."""
    measurements: tuple[Measurement, ...]
    missing_rows: tuple[str, ...]
    """Mandatory rows that could not be computed."""
    reasons: tuple[str, ...] = ()
    """Why not ok, in single words (row names, incomplete, acceleration, ...)."""
    alerting: bool = True
    """False for prescans, localizers, calibration and aborted scans: recorded, but raises nothing."""
    limits_version: str = ""
    details: Mapping[str, Any] = field(default_factory=dict)
