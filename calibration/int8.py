"""From frames to a network's table of ranges: several ways to read them off, and the one that loses least is kept."""

import hashlib
from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass

from calibration.bounds import METHODS, Bounds, read_bounds
from calibration.frames import Frame, check_apart, check_frames
from calibration.judge import FORMS, HeldOut, Judge
from calibration.sensitivity import Sensitivity, kept_in_float, sensitivities
from calibration.work import work_shares
from engine.errors import InputRefused
from engine.forms.fold import folded
from engine.forms.int8 import VERSION, activations, convolution_nodes, quantised
from engine.forms.ranges import KindRanges, Ranges
from engine.package import Package
from engine.plans.parity import Loss

_MOST_KEPT = 0.5
"""Share of the convolutions that stay in float at most; beyond it int8 is not worth its name."""

Tell = Callable[[str, float], None]
"""What is being done, and the share of all of it that is done."""


@dataclass(frozen=True, slots=True)
class KindReport:
    """How the table of one int8 form came about; losses as `engine.plans.parity` gives them."""

    methods: Mapping[str, HeldOut]
    """With every convolution in int8."""
    method: str
    """The `widest` with the convolutions that stay in float."""
    sensitivity: tuple[Sensitivity, ...]
    kept: tuple[str, ...]
    """Convolutions in float."""
    loss: Loss
    """Of the form as it is made."""
    levels: Mapping[str, float]
    """Its loss for each noise that frames have in common, dB; nothing for what is not measured in dB."""


@dataclass(frozen=True, slots=True)
class Calibration:
    """A table, the forms that follow from it, and how it came about."""

    ranges: Ranges
    forms: Mapping[str, bytes]
    """int8-s8, int8-u8 -> ONNX file."""
    reports: Mapping[str, KindReport]
    """The same."""


def calibrate(package: Package, frames: Sequence[Frame], held_out: Sequence[Frame], tell: Tell) -> Calibration:
    """The table of ranges for a package; nothing is written.

    Ranges come from `frames`; which way of reading them loses least, and what stays in float, is decided on `held_out`.
    Raises InputRefused for frames that are too few, not as the manifest says, or there twice, and for a network without
    convolutions.
    """
    check_frames(package.manifest, frames, "the frames to calibrate on")
    check_frames(package.manifest, held_out, "the held-out frames")
    check_apart(frames, held_out)
    network = folded(package.model)
    if not convolution_nodes(network):
        mend = "int8 is for convolutions whose weights are stored in the file; use fp16"
        raise InputRefused("no convolution in it", package.manifest.name, mend, reason="graph")
    tell("reading ranges", 0.0)
    bounds = read_bounds(network, package.manifest.inputs[0].name, frames)
    work = work_shares(network, package.manifest.inputs[0].name, held_out[0])
    judge = Judge(package, network, held_out)
    tables: dict[str, KindRanges] = {}
    reports: dict[str, KindReport] = {}
    for number, (kind, form) in enumerate(FORMS.items()):
        course = _Course(form, tell, 0.1 + 0.45 * number, 0.45)
        reports[form] = report = _one_kind(judge, bounds, kind, work, course)
        needed = {name: bounds[report.method][name] for name in activations(network, kind)}
        loss = report.loss
        tables[kind] = KindRanges(report.method, needed, list(report.kept), round(loss.value, 4), loss.unit)
    ranges = Ranges(
        hashlib.sha256(package.model).hexdigest(),
        VERSION,
        tables,
        [frame.sha256 for frame in frames],
        [frame.sha256 for frame in held_out],
    )
    forms = {form: quantised(network, tables[kind], kind) for kind, form in FORMS.items()}
    return Calibration(ranges, forms, reports)


def _one_kind(
    judge: Judge, bounds: Mapping[str, Bounds], kind: str, work: Mapping[str, float], course: "_Course"
) -> KindReport:
    methods: dict[str, HeldOut] = {}
    for number, method in enumerate(METHODS):
        course.tell(method, 0.2 * number / len(METHODS))
        methods[method] = judge.loss(bounds[method], kind, ())
    first = min(METHODS, key=lambda method: methods[method].mean)
    losses = {frozenset[str](): methods[first]}

    def loss_of(kept: Collection[str]) -> HeldOut:
        key = frozenset(kept)
        if key not in losses:
            losses[key] = judge.loss(bounds[first], kind, kept)
        return losses[key]

    found = sensitivities(work, loss_of, lambda done: course.tell("sensitivity", 0.2 + 0.5 * done))
    course.tell("what stays in float", 0.7)
    kept = kept_in_float(found, loss_of, int(len(work) * _MOST_KEPT))
    course.tell("ranges for the others", 0.95)
    made = {method: judge.loss(bounds[method], kind, kept) for method in METHODS}
    best = widest(made)
    return KindReport(methods, best, tuple(found), tuple(kept), made[best].loss, made[best].levels)


def widest(made: Mapping[str, HeldOut]) -> str:
    """The first of `METHODS`, which cuts off least, that is good enough; where none is, the one that loses least.

    What no frame showed, such as a sharper edge, is made of what is cut off.
    """
    enough = (method for method in METHODS if made[method].strain <= 1)
    return next(enough, min(METHODS, key=lambda method: made[method].mean))


@dataclass(frozen=True, slots=True)
class _Course:
    """Where in the whole calibration the work on one form lies."""

    form: str
    told: Tell
    begin: float
    share: float

    def tell(self, what: str, done: float) -> None:
        self.told(f"{self.form}: {what}", self.begin + self.share * done)
