"""Decisions of a scan: never silently good, root cause first, every finding ends once."""

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from engine.acquisition import ACQUISITION_HEADER
from engine.assess import ROWS
from engine.decide.cause import name_causes
from engine.decide.decider import Decider
from engine.types import (
    VERDICTS,
    Completeness,
    CounterLimits,
    Encoding,
    Frame,
    FrameIndex,
    Geometry,
    Life,
    Measurement,
    Scan,
    ScanRole,
    Space,
    Timings,
    Unreconstructed,
    Verdict,
    Where,
)

SPACE = Space((16, 16, 1), (160.0, 160.0, 5.0))
SCAN = Scan("s1", (Encoding(SPACE, SPACE, {}),), coils=16)
GEOMETRY = Geometry((0, 0, 0), (1, 0, 0), (0, 1, 0), (0, 0, 1), (160.0, 160.0, 5.0))
COMPLETE = Completeness(expected=16, received=16, ended_by="all_lines")
GOOD = {"m01": 0.0, "m02": 0.0, "m03": 1.0, "m04": 0.1, "m05": 100.0, "m06": 2.0, "m07": 1.0, "m13": 0.01, "m18": 100.0}


def frame(number: int = 0, completeness: Completeness = COMPLETE) -> Frame:
    return Frame(
        number,
        FrameIndex(repetition=number),
        np.ones((1, 16, 16), np.float32),
        1.0,
        True,
        16,
        GEOMETRY,
        completeness,
        np.zeros((), ACQUISITION_HEADER),
        Timings(0, 0, 0),
    )


def measurements(missing: dict[str, str] | None = None, **values: float) -> list[Measurement]:
    """All rows good, except what is given."""
    out = []
    for row, (name, unit, _) in ROWS.items():
        why = (missing or {}).get(row, "")
        value = None if why else values.get(row, GOOD.get(row, 0.0))
        impact = values.get(f"{row}_impact")
        limit = 8.0
        out.append(Measurement(row, name, value, unit, impact=impact, detect_limit=limit, why_missing=why))
    return out


def with_coils(found: list[Measurement], *coils: int) -> list[Measurement]:
    return [replace(m, where=Where(coils=coils)) if m.row == "m04" else m for m in found]


def test_a_good_series_is_ok_without_a_finding() -> None:
    decider = Decider(SCAN)
    for number in range(3):
        decision = decider.frame(frame(number), measurements())
        assert decision.verdict is Verdict.OK
        assert not decision.changes
    series = decider.close("close")
    assert series.verdict is Verdict.OK
    assert not series.findings


def test_the_first_frame_may_lack_displacement_later_ones_not() -> None:
    decider = Decider(SCAN)
    assert decider.frame(frame(0), measurements({"m13": "first_frame"})).verdict is Verdict.OK
    later = decider.frame(frame(1), measurements({"m13": "images_differ"}))
    assert later.verdict is Verdict.CANNOT_JUDGE
    assert later.missing_rows == ("m13",)
    assert "otion could not be measured" in later.sentence


def test_an_unknown_noise_level_is_never_ok() -> None:
    decision = Decider(SCAN).frame(frame(), measurements({"m05": "noise_unknown", "m06": "noise_unknown"}))
    assert decision.verdict is Verdict.CANNOT_JUDGE
    assert "noise" in decision.sentence


def test_failed_elements_are_named_from_the_frame_they_fail_in() -> None:
    decider = Decider(SCAN)
    for number in range(3):
        decider.frame(frame(number), measurements())
    decision = decider.frame(frame(3), with_coils(measurements(m04=40.0, m04_impact=3.0), 7))
    (finding,) = decision.changes
    assert (finding.kind, finding.life, finding.first_frame) == ("coil-loss", Life.NEW, 3)
    assert finding.where.coils == (7,)
    assert decision.verdict is Verdict.WARN
    grown = decider.frame(frame(4), with_coils(measurements(m04=40.0, m04_impact=20.0), 4, 5, 6, 7))
    (finding,) = grown.changes
    assert (finding.life, finding.severity) == (Life.UPDATE, Verdict.RESCAN)
    assert finding.where.coils == (4, 5, 6, 7)
    assert grown.verdict is Verdict.RESCAN
    assert "4 coil elements" in grown.sentence
    series = decider.close("close")
    assert series.verdict is Verdict.RESCAN
    assert [(f.life, f.end_reason) for f in series.changes] == [(Life.END, "scan_ended")]


def test_a_dead_connector_explains_the_low_snr() -> None:
    decider = Decider(SCAN)
    for number in range(3):
        decision = decider.frame(
            frame(number), with_coils(measurements(m04=40.0, m04_impact=30.0, m05=8.0), 0, 1, 2, 3)
        )
    cause, consequence = decision.findings
    assert (cause.kind, consequence.kind) == ("coil-loss", "low-snr")
    assert consequence.caused_by == cause.id
    assert "coil elements" in decision.sentence


def test_an_older_fault_is_not_explained_by_a_newer_one() -> None:
    decider = Decider(SCAN)
    for number in range(2):
        decider.frame(frame(number), measurements(m05=8.0))
    decision = decider.frame(frame(2), with_coils(measurements(m05=8.0, m04=40.0, m04_impact=3.0), 1))
    assert all(not finding.caused_by for finding in name_causes(decision.findings))


def test_an_aborted_scan_raises_no_alert_and_is_not_ok() -> None:
    decider = Decider(SCAN)
    decider.frame(frame(), measurements())
    series = decider.close("eof")
    assert series.verdict is Verdict.CANNOT_JUDGE
    assert not series.alerting
    assert "aborted" in series.sentence


def test_a_fault_that_too_few_frames_could_confirm_is_not_passed_over() -> None:
    decider = Decider(SCAN)
    decider.frame(frame(0), measurements({"m13": "first_frame"}))
    assert decider.frame(frame(1), measurements(m13=3.0)).verdict is Verdict.OK
    series = decider.close("close")
    assert series.verdict is Verdict.WARN
    assert "motion" in series.sentence


def test_one_bad_frame_among_good_ones_is_forgotten() -> None:
    decider = Decider(SCAN)
    for number, shift in enumerate((0.0, 0.0, 3.0, 0.0, 0.0)):
        decider.frame(frame(number), measurements(m13=shift))
    assert decider.close("close").verdict is Verdict.OK


def test_a_localizer_raises_no_alert() -> None:
    decider = Decider(replace(SCAN, role=ScanRole.LOCALIZER))
    assert not decider.frame(frame(), measurements(m05=1.0)).alerting
    assert not decider.close("close").alerting


def with_index(whole: Frame, **index: int) -> Frame:
    return replace(whole, index=FrameIndex(**index))


def test_a_slice_that_came_less_often_than_the_others_is_not_passed_over() -> None:
    decider = Decider(SCAN)
    for repetition in range(3):
        for number in (0, 1, 2):
            if (repetition, number) != (1, 2):
                measured = measurements({"m13": "first_frame"} if not repetition else {})
                decider.frame(with_index(frame(), repetition=repetition, slice=number), measured)
    series = decider.close("close")
    assert series.verdict is Verdict.WARN
    assert "slice 2 lacks 1" in series.sentence


def test_a_slice_between_others_that_never_came_is_named() -> None:
    decider = Decider(SCAN)
    for number in (0, 2):
        decider.frame(with_index(frame(), slice=number), measurements({"m13": "first_frame"}))
    assert "slice 1 never came" in decider.close("close").sentence


def test_one_picture_that_is_not_to_be_trusted_asks_for_no_repeat() -> None:
    doubtful = replace(frame(), reservations=("ramp_not_regridded",))
    decision = Decider(SCAN).frame(doubtful, measurements({"m13": "first_frame"}, m16=50.0))
    assert decision.verdict is Verdict.CANNOT_JUDGE
    assert [f.severity for f in decision.findings] == [Verdict.WARN]


def test_a_fault_that_two_rows_see_is_one_finding() -> None:
    decider = Decider(SCAN)
    decider.frame(frame(0), measurements({"m13": "first_frame"}))
    decision = decider.frame(frame(1), measurements(m10=10.0, m13=1.0))
    (finding,) = decision.findings
    assert (finding.kind, finding.measurement.row, finding.severity) == ("motion", "m10", Verdict.RESCAN)
    for number in range(2, 5):
        decision = decider.frame(frame(number), measurements(m13=1.0))
    assert [f.id for f in decision.findings] == [finding.id], "the other row keeps it alive"


def test_each_other_is_resolved_by_time_then_rank() -> None:
    decider = Decider(SCAN)
    decider.frame(frame(0), measurements({"m13": "first_frame"}))
    decision = decider.frame(frame(1), measurements(m09=20.0, m10=10.0))
    assert [f.kind for f in decision.findings if not f.caused_by] == ["ghost"]


def test_no_frames_is_not_ok() -> None:
    assert Decider(SCAN).close("close").verdict is Verdict.CANNOT_JUDGE


def test_what_is_not_reconstructed_says_why() -> None:
    unmade = Unreconstructed(0, FrameIndex(), "radial", "radial is not reconstructed", COMPLETE, Timings(0, 0, 0))
    decider = Decider(SCAN)
    decision = decider.unjudged(unmade, unmade.reason, unmade.detail)
    assert decision.verdict is Verdict.CANNOT_JUDGE
    assert "adial is not reconstructed" in decision.sentence
    assert "adial is not reconstructed" in decider.close("close").sentence


rows = st.sampled_from(list(ROWS))
values = st.floats(0, 1e3)


@given(
    missing=st.sets(rows),
    lost=st.integers(0, 16),
    bad=st.integers(0, 3),
    found=st.dictionaries(rows, values),
    impacts=st.dictionaries(rows, values),
)
def test_never_ok_when_incomplete_or_unmeasured(
    missing: set[str], lost: int, bad: int, found: dict[str, float], impacts: dict[str, float]
) -> None:
    completeness = Completeness(16, 16 - lost, tuple(range(lost)), non_finite=bad)
    everything = {**found, **{f"{row}_impact": impact for row, impact in impacts.items()}}
    decider = Decider(SCAN)
    decision = decider.frame(frame(0, completeness), measurements(dict.fromkeys(missing, "gone"), **everything))
    mandatory = {"m01", "m02", "m05", "m06", "m13"}
    if lost or bad or missing & mandatory:
        assert decision.verdict is not Verdict.OK
        assert decider.close("close").verdict is not Verdict.OK
    if bad:
        assert VERDICTS.index(decision.verdict) >= VERDICTS.index(Verdict.CANNOT_JUDGE)
    assert decision.sentence


@given(st.lists(st.tuples(st.floats(0, 60), st.floats(0, 100), st.floats(0, 20)), min_size=1, max_size=12))
def test_every_finding_begins_once_and_ends_once(series: list[tuple[float, float, float]]) -> None:
    decider = Decider(SCAN)
    lives: dict[str, list[Life]] = {}
    for number, (loss, impact, shift) in enumerate(series):
        decision = decider.frame(frame(number), measurements(m04=loss, m04_impact=impact, m13=shift))
        for change in decision.changes:
            lives.setdefault(change.id, []).append(change.life)
    for change in decider.close("close").changes:
        lives.setdefault(change.id, []).append(change.life)
    for seen in lives.values():
        assert seen[0] is Life.NEW
        assert seen[-1] is Life.END
        assert seen.count(Life.NEW) == seen.count(Life.END) == 1


def test_the_last_slice_that_never_came_is_known_from_the_header() -> None:
    encoding = replace(SCAN.encodings[0], limits={"slice": CounterLimits(0, 3)})
    decider = Decider(replace(SCAN, encodings=(encoding,)))
    for number in range(3):
        decider.frame(with_index(frame(), slice=number), measurements({"m13": "first_frame"}))
    series = decider.close("close")
    assert series.verdict is Verdict.WARN
    assert "slice 3 never came" in series.sentence


def test_slices_that_the_header_does_not_promise_are_not_missed() -> None:
    encoding = replace(SCAN.encodings[0], limits={"slice": CounterLimits(4, 5)})
    decider = Decider(replace(SCAN, encodings=(encoding,)))
    for number in (4, 5):
        decider.frame(with_index(frame(), slice=number), measurements({"m13": "first_frame"}))
    assert decider.close("close").verdict is Verdict.OK


@pytest.mark.parametrize("number", [float("nan"), float("inf")])
def test_what_is_no_number_is_no_measurement(number: float) -> None:
    """Neither lies beyond any limit, so they would be ok."""
    with pytest.raises(ValueError, match="cannot be held against a limit"):
        Measurement("m24", "scale_change", number, "octaves")
    with pytest.raises(ValueError, match="cannot be held against a limit"):
        Measurement("m18", "uniformity", 90.0, "%", impact=number)


def spiked(number: int, line: int, **values: float) -> list[Measurement]:
    there = Where(lines=(line,), samples=(3,))
    return [replace(m, where=there) if m.row == "m06" else m for m in measurements(m06_impact=9.0, **values)]


def test_a_finding_that_stays_is_told_where_it_lies_in_each_frame() -> None:
    decider = Decider(SCAN)
    decider.frame(frame(0), measurements({"m13": "first_frame"}))
    told = [decider.frame(frame(n), spiked(n, line=n, m06=20.0)).findings[0] for n in (1, 2)]
    assert [(f.where.lines, f.placed_number) for f in told] == [((1,), 1), ((2,), 2)]
    assert [f.place for f in told] == ["line 1, sample 3 of k-space", "line 2, sample 3 of k-space"]
    (quiet,) = decider.frame(frame(3), spiked(3, line=9, m06=7.9)).findings
    assert (quiet.where.lines, quiet.placed_number) == ((2,), 2), (
        "this frame shows no spike: the place is the last seen"
    )
    (series,) = decider.close("close").findings
    assert (series.where.lines, series.placed_number) == ((1,), 1), "of the whole series the first and worst speaks"


def test_a_finding_knows_the_number_of_its_first_image_beside_its_repetition() -> None:
    decider = Decider(replace(SCAN, encodings=(Encoding(SPACE, SPACE, {"slice": CounterLimits(0, 1)}),)))
    number = 0
    for repetition in range(4):
        for place in (0, 1):
            index = FrameIndex(slice=place, repetition=repetition)
            first = {"m13": "first_frame"} if repetition == 0 else {}
            bad = {"m07": 9.0, "m07_impact": 20.0} if place == 1 and repetition >= 2 else {}
            decision = decider.frame(replace(frame(number), index=index), measurements(first, **bad))
            number += 1
    (finding,) = decision.findings
    assert finding.kind == "rf-interference", "raised by two frames of three"
    assert (finding.first_frame, finding.first_number) == (2, 5)


def test_a_message_counts_images_as_the_scan_does_not_repetitions() -> None:
    decider = Decider(replace(SCAN, encodings=(Encoding(SPACE, SPACE, {"slice": CounterLimits(0, 2)}),)))
    for number in range(9):
        index = FrameIndex(slice=number % 3, repetition=number // 3)
        bad = {"m04": 40.0, "m04_impact": 3.0} if index.slice == 1 and index.repetition else {}
        decision = decider.frame(replace(frame(number), index=index), with_coils(measurements(**bad), 3))
    assert [finding.message for finding in decider.close("close").findings] == [
        "Coil element 3 lost its signal since image 4"
    ]
    assert decision.verdict is Verdict.OK


def test_a_series_that_ends_before_all_its_images_came_is_not_ok() -> None:
    promised = {"repetition": CounterLimits(0, 4), "slice": CounterLimits(0, 0)}
    decider = Decider(replace(SCAN, encodings=(Encoding(SPACE, SPACE, promised),)))
    for number in range(3):
        decider.frame(frame(number), measurements({"m13": "first_frame"} if number == 0 else {}))
    series = decider.close("close")
    assert (series.verdict, series.reasons[0]) == (Verdict.WARN, "absent_images")
    assert series.sentence == "WARNING: Images are missing: 3 of 5 came. Look at the images."
