"""How sure and where, in words."""

from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from engine.decide.decider import Decider
from engine.decide.evidence import evidence
from engine.decide.limits import shipped_limits
from engine.decide.place import place
from engine.orientation import place_of
from engine.types import CounterLimits, Encoding, Frame, FrameIndex, Geometry, Measurement, Verdict, Where
from tests.engine.decide.test_decide_decider import GEOMETRY, SCAN, SPACE, frame, measurements, with_coils

ROWS = shipped_limits().rows
FRAME = frame(0)
SLICES = replace(SCAN, encodings=(Encoding(SPACE, SPACE, {"slice": CounterLimits(0, 4)}),))


def of(index: FrameIndex) -> Frame:
    return replace(FRAME, index=index)


def said(row: str, value: float, unit: str, severity: Verdict = Verdict.WARN, **more: object) -> str:
    return evidence(ROWS[row], Measurement(row, "name", value, unit, **more), severity)


@pytest.mark.parametrize(
    ("told", "words"),
    [
        (said("m04", 24.13, "dB", impact=3.0, impact_unit="%"), "24.1 dB where 6 dB is the limit"),
        (
            said("m04", 24.13, "dB", Verdict.RESCAN, impact=48.0, impact_unit="%"),
            "costs 48 % where 12 % is the limit (4 times)",
        ),
        (said("m09", 9.0, "%"), "9 % where 5 % is the limit (1.8 times)"),
        (said("m09", 5.01, "%"), "just above 5 %, the limit"),
        (said("m05", 3.2, "1"), "3.2 where 10 is the least"),
        (said("m05", 3.2, "1", estimated=True), "3.2 where 10 is the least; an estimate"),
        (said("m01", 0.34, "1", impact=2.0, impact_unit="%"), "34 % where none may be"),
        (
            said("m06", 60.0, "1", impact=3.0, impact_unit="%", detect_limit=5.0),
            "costs 3 % where 1 % is the limit (3 times); 12 times what noise reaches",
        ),
        (said("m06", 60.0, "1", detect_limit=5.0), "60 where 5 is the limit (12 times)"),
        (said("n03", 0.931, "probability"), "probability 0.93 (quality network), limit 0.86"),
        (said("m10", 6.0, "%", Verdict.RESCAN), "6 % where 5 % is the limit"),
    ],
)
def test_the_number_that_decided_stands_beside_its_limit(told: str, words: str) -> None:
    assert told == words


def test_what_has_no_number_has_no_evidence() -> None:
    missing = Measurement("m05", "snr", None, "1", why_missing="noise_unknown")
    with pytest.raises(ValueError, match="rests on a number"):
        evidence(ROWS["m05"], missing, Verdict.WARN)


@given(
    row=st.sampled_from(sorted(ROWS)),
    value=st.floats(-1e300, 1e300),
    impact=st.none() | st.floats(-1e300, 1e300),
    detect=st.none() | st.floats(1e-300, 1e300),
    severity=st.sampled_from([Verdict.WARN, Verdict.RESCAN]),
    estimated=st.booleans(),
)
def test_evidence_is_short_whatever_the_numbers(row, value, impact, detect, severity, estimated) -> None:
    text = said(
        row, value, "samples", severity, impact=impact, impact_unit="%", detect_limit=detect, estimated=estimated
    )
    assert 0 < len(text) <= 80


@pytest.mark.parametrize(
    ("where", "words"),
    [
        (Where(), "the whole image"),
        (Where(coils=(12, 13, 14, 15)), "coil elements 12 to 15"),
        (Where(coils=(3,)), "coil element 3"),
        (Where(coils=(1, 3)), "coil elements 1 and 3"),
        (Where(lines=tuple(range(100, 141))), "lines 100 to 140 of k-space"),
        (Where(lines=(9, 1, 5, 3)), "lines between 1 and 9 of k-space"),
        (Where(lines=(37,), samples=(120,)), "line 37, sample 120 of k-space"),
        (Where(samples=(131,)), "sample 131 of the readout"),
        (Where(columns=(57, 58)), "columns 57 to 58 of the image"),
    ],
)
def test_a_place_is_told_in_words(where: Where, words: str) -> None:
    assert place(where, FRAME, SCAN) == words


def test_of_several_slices_the_slice_is_named() -> None:
    assert place(Where(), of(FrameIndex(slice=3)), SLICES) == "slice 3"
    assert place(Where(), FRAME, SLICES) == "slice 0"
    assert place(Where(coils=(1,)), of(FrameIndex(slice=2, contrast=1)), SCAN) == "slice 2, contrast 1, coil element 1"
    assert place(Where(), of(FrameIndex(encoding=7)), SCAN) == "the whole image"


def test_labels_of_the_header_name_coil_elements() -> None:
    labelled = replace(SCAN, coil_labels=("H1", "H2", "H3", "H4", "H5"))
    assert place(Where(coils=(4,)), FRAME, labelled) == "coil element H5"
    assert place(Where(coils=(0, 1, 2, 3, 4)), FRAME, labelled) == "coil elements H1, H2, H3 and 2 more"
    assert place(Where(coils=(4, 5)), FRAME, labelled) == "coil elements 4 to 5"


@pytest.mark.parametrize(
    ("box", "words"),
    [
        ((0, 0, 16, 16), "most of the image"),
        ((6, 6, 10, 10), "the middle of the image"),
        ((0, 0, 4, 16), "towards the patient's right"),
        ((12, 0, 16, 4), "towards the patient's left and front"),
        ((6, 12, 10, 16), "towards the patient's back"),
    ],
)
def test_a_box_is_told_by_the_patients_sides(box, words: str) -> None:
    assert place(Where(box=box), FRAME, SCAN) == words


def test_sides_that_the_header_does_not_state_are_not_invented() -> None:
    assumed = replace(FRAME, geometry=replace(GEOMETRY, assumed=True))
    assert place(Where(box=(0, 0, 4, 16)), assumed, SCAN) == "columns 0 to 3, rows 0 to 15 of the image"


AXES = [(x, y) for x in range(3) for y in range(3) if x != y]


@given(st.sampled_from(AXES), st.booleans(), st.booleans(), st.integers(0, 12), st.integers(0, 12))
def test_sides_follow_the_axes_of_the_image(axes, back_x, back_y, left, top) -> None:
    """However the slice lies: the box's middle in patient coordinates (LPS) has the signs that the words say."""
    read, phase = ([0.0, 0.0, 0.0] for _ in range(2))
    read[axes[0]], phase[axes[1]] = (-1.0 if back else 1.0 for back in (back_x, back_y))
    turned = replace(FRAME, geometry=Geometry((0, 0, 0), tuple(read), tuple(phase), (0, 0, 0), (160.0, 160.0, 5.0)))
    text = place(Where(box=(left, top, left + 4, top + 4)), turned, SCAN)
    across, down = (left + 2) / 8 - 1, (top + 2) / 8 - 1
    point = [across * r + down * p for r, p in zip(read, phase, strict=True)]
    names = [("left", "right"), ("back", "front"), ("head", "feet")]
    expected = {names[axis][value < 0] for axis, value in enumerate(point) if abs(value) > 1 / 3}
    assert place_of(turned.geometry).left
    assert set(text.split()) & {name for pair in names for name in pair} == expected


@given(
    coils=st.lists(st.integers(0, 200), max_size=64).map(tuple),
    lines=st.lists(st.integers(0, 10_000), max_size=64).map(tuple),
    samples=st.lists(st.integers(0, 10_000), max_size=3).map(tuple),
    columns=st.lists(st.integers(0, 10_000), max_size=64).map(tuple),
    box=st.none() | st.tuples(*[st.integers(0, 10_000)] * 4),
    label=st.text(max_size=100),
    index=st.builds(FrameIndex, *[st.integers(0, 65_535)] * 6),
)
def test_a_place_is_short_whatever_it_says(coils, lines, samples, columns, box, label, index) -> None:
    text = place(Where(coils, lines, samples, columns, box), of(index), replace(SCAN, coil_labels=(label,) * 100))
    assert 0 < len(text) <= 80


def test_findings_carry_both_and_follow_what_grows() -> None:
    decider = Decider(SCAN)
    first = decider.frame(frame(0), with_coils(measurements({"m13": "first_frame"}, m04=40.0, m04_impact=3.0), 3))
    second = decider.frame(frame(1), with_coils(measurements(m04=50.0, m04_impact=30.0), 3, 4))
    (raised,), (grown,) = first.changes, second.changes
    assert (raised.evidence, raised.place) == ("40 dB where 6 dB is the limit", "coil element 3")
    assert grown.place == "coil elements 3 to 4"
    assert grown.evidence == "costs 30 where 12 is the limit (2.5 times)"
