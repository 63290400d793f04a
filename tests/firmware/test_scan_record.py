"""What is recorded of a scan: how many images its header promises, and which scans are alike."""

import math
from dataclasses import replace

import msgspec
import pytest

from engine.decide.moment import Moment
from engine.prescribed import frames_expected
from engine.types import CounterLimits, Decision, Encoding, Scan, Space, Verdict
from firmware.record import ScanRecord
from firmware.scan_record import began_at, begun, ended, ended_at, prescription
from firmware.sources.mrd_file import read_mrd
from firmware.sources.mrd_header import make_header, parse_header
from models.scans import BRAIN16

SPACE = Space((256, 128, 1), (512.0, 256.0, 5.0))


def scan(*limits: dict[str, tuple[int, int]]) -> Scan:
    encodings = tuple(
        Encoding(SPACE, SPACE, {name: CounterLimits(low, high) for name, (low, high) in said.items()})
        for said in limits
    )
    return Scan("s1-1", encodings, coils=8, coil_labels=("H1", "H2"), protocol="t2_tse", scanner="X", exam="e1")


@pytest.mark.parametrize(
    ("limits", "frames"),
    [
        ([{"repetition": (0, 19)}], 20),
        ([{"repetition": (0, 0)}], 1),
        ([{"slice": (0, 9), "contrast": (0, 2), "average": (0, 3), "segment": (0, 7)}], 30),
        ([{"slice": (5, 9), "repetition": (1, 2), "phase": (0, 3), "set": (0, 1)}], 5 * 2 * 4 * 2),
        ([{"slice": (0, 9)}, {"repetition": (0, 1)}], 12),
        ([{"slice": (0, 9)}, {"contrast": (0, 1)}], None),
        ([{"contrast": (0, 1)}], None),
        ([{"kspace_encoding_step_1": (0, 127)}], None),
        ([{"slice": (0, 65535), "repetition": (0, 65535), "phase": (0, 65535), "set": (0, 65535)}], None),
        ([], None),
    ],
)
def test_images_that_the_header_promises(limits: list[dict[str, tuple[int, int]]], frames: int | None) -> None:
    assert frames_expected(scan(*limits)) == frames


def test_a_scan_is_recorded_as_its_header_says() -> None:
    record = begun(scan({"repetition": (0, 4)}), Moment(100.0, 3, 7.0))
    assert began_at(record) == Moment(100.0, 3, 7.0)
    assert ended_at(record) is None
    assert (record.scan, record.exam, record.began, record.ended) == ("s1-1", "e1", 100.0, None)
    assert (record.protocol, record.scanner, record.stratum) == ("t2_tse", "X", "X/8ch/t2_tse")
    assert (record.coils, record.coil_labels, record.role) == (8, ("H1", "H2"), "imaging")
    assert (record.frames, record.frames_expected, record.verdict, record.ended_by) == (0, 5, "", "")


@pytest.mark.parametrize(("at", "expected"), [(130.0, 130.0), (90.0, 100.0)])
def test_a_scan_ends_with_the_verdict_of_its_series(at: float, expected: float) -> None:
    decision = Decision(
        scope="series",
        scan="s1-1",
        verdict=Verdict.RESCAN,
        sentence="REPEAT: all of it.",
        index=None,
        number=None,
        findings=(),
        changes=(),
        measurements=(),
        missing_rows=(),
        alerting=False,
    )
    record = begun(scan({"repetition": (0, 4)}), Moment(100.0, 3, 7.0))
    done = ended(record, decision, "close", Moment(at, 3, 37.0), 4)
    assert ended_at(done) == Moment(expected, 3, 37.0)
    assert ended_at(lost(done)) == Moment(expected, 3, math.inf)
    assert (done.ended, done.ended_by, done.frames) == (expected, "close", 4)
    assert (done.verdict, done.sentence, done.alerting) == ("rescan", "REPEAT: all of it.", False)
    assert (done.prescription, done.began, done.frames_expected) == (record.prescription, 100.0, 5)


def lost(record: ScanRecord) -> ScanRecord:
    """As when the appliance stopped during it."""
    return msgspec.structs.replace(record, ended_up=None)


def test_protocols_that_differ_at_their_end_are_two_prescriptions() -> None:
    names = [f"head {'routine protocol of the department ' * 2}{contrast}" for contrast in ("t1", "t2")]
    long = [parse_header(make_header(replace(scan({}), protocol=name)), "s1-1") for name in names]
    assert prescription(long[0]) != prescription(long[1])
    assert long[0].protocol[:40] == names[0][:40]
    assert {len(one.protocol) for one in long} == {64}


def test_a_repeat_has_the_same_prescription() -> None:
    first = parse_header(read_mrd(BRAIN16).xml, "s1-1")
    again = parse_header(make_header(first, 20), "s2-7")
    repeated = replace(
        again, coils=8, encodings=(replace(again.encodings[0], encoded=near(again.encodings[0].encoded)),)
    )
    assert prescription(first) == prescription(again) == prescription(repeated)
    assert len(prescription(first)) == 16


def near(space: Space) -> Space:
    return replace(space, field_of_view=(255.9999, 256.0001, 3.0))


@pytest.mark.parametrize(
    "change",
    [
        {"protocol": "t1"},
        {"scanner": "Y"},
        {"field_strength": 1.5},
        {"body_part": "KNEE"},
        {"echo_times": (4.0,)},
        {"encodings": scan({}, {}).encodings},
        {"encodings": (Encoding(Space((128, 128, 1), (512.0, 256.0, 5.0)), SPACE, {}),)},
        {"encodings": (Encoding(SPACE, replace(SPACE, field_of_view=(512.0, 256.0, 4.0)), {}),)},
        {"encodings": (Encoding(SPACE, SPACE, {}, trajectory="epi"),)},
        {"encodings": (Encoding(SPACE, SPACE, {}, acceleration=(2, 1)),)},
        {"encodings": (Encoding(SPACE, SPACE, {}, multiband=2),)},
    ],
    ids=str,
)
def test_another_prescription_differs(change: dict[str, object]) -> None:
    assert prescription(replace(scan({}), **change)) != prescription(scan({}))  # type: ignore[arg-type]
