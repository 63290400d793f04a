"""What the record says of a scan: made from its header when it begins, completed when it ends."""

import hashlib
import math

import msgspec

from engine.decide.moment import Moment
from engine.decide.sentence import sentence
from engine.prescribed import frames_expected
from engine.types import Decision, Scan, ScanRole, Verdict
from firmware.record import ScanRecord

FAULT = "internal_fault"
"""What a scan was ended by that got no verdict."""

_WHY = {FAULT: "judging this series failed; see the log"}


def begun(scan: Scan, began: Moment) -> ScanRecord:
    """At its header."""
    return ScanRecord(
        scan=scan.id,
        exam=scan.exam,
        exam_is_study=scan.exam_is_study,
        began=began.wall,
        run=began.run,
        began_up=began.up,
        protocol=scan.protocol,
        body_part=scan.body_part,
        scanner=scan.scanner,
        stratum=scan.stratum,
        role=scan.role.value,
        modality=scan.modality,
        prescription=prescription(scan),
        coils=scan.coils or 0,
        coil_labels=scan.coil_labels,
        frames_expected=frames_expected(scan),
    )


def ended(record: ScanRecord, decision: Decision, ended_by: str, at: Moment, frames: int) -> ScanRecord:
    """With the verdict of its series, after `frames` images.

    A time of day that was set back meanwhile does not make it end before it began.
    """
    return msgspec.structs.replace(
        record,
        ended=max(at.wall, record.began),
        ended_up=at.up,
        ended_by=ended_by,
        frames=frames,
        verdict=decision.verdict.value,
        sentence=decision.sentence,
        alerting=decision.alerting,
    )


def began_at(record: ScanRecord) -> Moment:
    """When it began."""
    return Moment(record.began, record.run, record.began_up)


def ended_at(record: ScanRecord) -> Moment | None:
    """When it ended; None: it runs."""
    if record.ended is None:
        return None
    return Moment(record.ended, record.run, math.inf if record.ended_up is None else record.ended_up)


def without_verdict(scan: Scan, frames: int) -> Decision:
    """The decision about a series of `frames` images that a fault of the appliance kept from its own."""
    return Decision(
        scope="series",
        scan=scan.id,
        verdict=Verdict.CANNOT_JUDGE,
        sentence=sentence(Verdict.CANNOT_JUDGE, (), (FAULT,), _WHY),
        index=None,
        number=None,
        findings=(),
        changes=(),
        measurements=(),
        missing_rows=(),
        reasons=(FAULT,),
        alerting=scan.role is ScanRole.IMAGING,
        details={"frames": frames, "ended_by": FAULT, "raised": {}},
    )


def prescription(scan: Scan) -> str:
    """Digest of what must agree for one series to be the repeat of another: `16 hex digits`.

    Scanner, field strength, protocol, body part, echo times and what each encoding asks for. Not the coils: a repeat
    with the right coil is one.
    """
    said = [scan.scanner, _rounded(scan.field_strength or 0.0), scan.protocol, scan.body_part]
    said += [_rounded(time) for time in scan.echo_times]
    for encoding in scan.encodings:
        said += [encoding.trajectory, str(encoding.acceleration), str(encoding.multiband)]
        for space in (encoding.encoded, encoding.recon):
            said += [str(space.matrix), *(_rounded(side) for side in space.field_of_view)]
    return hashlib.blake2b("\0".join(said).encode(), digest_size=8).hexdigest()


def _rounded(value: float) -> str:
    """Headers of one prescription differ in the last digits of what was computed."""
    return f"{value:.4g}"
