"""A long or busy series: its decision stays small enough to be sent, its memory bounded, and nothing of weight lost."""

import tracemalloc
from dataclasses import replace

import msgspec

from engine.decide.decider import Decider
from engine.decide.limits import shipped_limits
from engine.decide.raised import RaisedFindings
from engine.types import Decision, Finding, FrameIndex, Life, Measurement, Verdict, Where
from firmware.sinks.payloads import decision_payload
from tests.engine.decide.test_decide_decider import SCAN, frame, measurements, with_coils
from tests.engine.decide.test_decide_learned import learned, ruled, seen

COILS = 64
LARGE = replace(SCAN, id="s" * 40, coils=COILS, coil_labels=tuple(f"HeadNeck:{n}" for n in range(COILS)))


LARGEST = 16_384
"""Bytes of a message: what is larger stays in the journal."""


def size(decision: Decision) -> int:
    return len(msgspec.json.encode(decision_payload(decision, LARGE, {})))


def at(slice_number: int, repetition: int = 0):
    return replace(frame(repetition), index=FrameIndex(slice=slice_number, repetition=repetition))


def everything(impact: float) -> list[Measurement]:
    """Every row far beyond its limit."""
    where = Where(lines=(100,), box=(100, 200, 120, 220))
    rows = shipped_limits().rows.items()
    values = ((name, 1e4 if row.up else -1e4) for name, row in rows)
    found = [Measurement(name, name, value, "mm", impact, "%", detect_limit=1.0, where=where) for name, value in values]
    return with_coils(found, *range(COILS))


def finding(kind: str, number: int, impact: float = 1.0, severity: Verdict = Verdict.WARN, by_network: bool = False):
    row = Measurement("m09", "ghost", 1.0, "%", impact, "%")
    name = f"{kind}-{number}-{by_network}"
    return Finding(
        name, kind, Life.NEW, severity, Where(), number, number, row, 0.5, "", "", "", "", learned=by_network
    )


def closed(frames: int, slices: int, rows) -> Decision:
    decider = Decider(LARGE)
    for number in range(frames):
        for place in range(slices):
            decider.frame(at(place, number), rows(number, place))
    return decider.close("close")


def test_sixty_slices_of_what_a_network_sees_are_one_finding_a_kind() -> None:
    def rows(number: int, place: int) -> list[Measurement]:
        there = number > 0 and place >= 10
        impact = 20.0 + (place == 33)
        return [*measurements(), *seen(impact, gibbs=1.0 if there else 0.0, motion=1.0 if there else 0.0)]

    series = closed(3, 60, rows)
    assert {found.kind: found.measurement.impact for found in learned(series)} == {"gibbs": 21.0, "motion": 21.0}
    assert {found.first_frame for found in learned(series)} == {1}
    assert (len(series.findings), series.verdict) == (2, Verdict.WARN)
    assert size(series) < LARGEST / 4
    assert series.details["raised"] == {"learned-gibbs": 50, "learned-motion": 50}


def test_what_comes_and_goes_twenty_thousand_times_takes_no_more_room() -> None:
    raised = RaisedFindings()

    def flap(numbers: range) -> int:
        tracemalloc.start()
        for number in numbers:
            raised.add(finding("gibbs", number, by_network=True))
            raised.add(finding("coil-loss", number))
        held, _ = tracemalloc.get_traced_memory()
        tracemalloc.stop()
        return held

    flap(range(4_000))  # fills the interpreter's lists of freed objects, which count as held
    assert flap(range(4_000, 20_000)) < 20_000
    assert [(found.kind, found.first_frame) for found in raised.told()] == [("coil-loss", n) for n in (0, 1, 2)] + [
        ("gibbs", 0)
    ]
    assert raised.counts == {"learned-gibbs": 20_000, "coil-loss": 20_000}


def test_what_a_network_saw_is_told_since_the_first_image_of_its_kind() -> None:
    raised = RaisedFindings()
    raised.add(replace(finding("gibbs", 3, impact=1.0, by_network=True), first_number=30))
    raised.add(replace(finding("gibbs", 9, impact=5.0, by_network=True), first_number=95))
    (told,) = raised.told()
    assert (told.measurement.impact, told.first_frame, told.first_number) == (5.0, 3, 30)


def test_a_flapping_series_has_a_small_decision() -> None:
    def rows(number: int, _: int) -> list[Measurement]:
        bad = float(number % 2)
        return [*measurements(m09=20.0 * bad), *seen(gibbs=bad, motion=bad)]

    series = closed(200, 1, rows)
    assert series.details["raised"] == {"ghost": 100, "learned-gibbs": 100, "learned-motion": 100}
    assert [found.first_frame for found in ruled(series.findings)] == [1, 3, 5]
    assert [found.first_frame for found in learned(series)] == [1, 1]
    assert size(series) < LARGEST / 4


def test_of_a_rule_the_first_and_the_worst_stay() -> None:
    raised = RaisedFindings()
    for number in range(50):
        raised.add(finding("ghost", number, impact=float(number % 40)))
    raised.add(finding("ghost", 50, impact=0.0, severity=Verdict.RESCAN))
    assert [found.first_frame for found in raised.told()] == [50, 39, 0]
    raised.update(finding("ghost", 7, impact=90.0))  # one that was dropped grows
    assert [found.first_frame for found in raised.told()] == [50, 7, 0]
    raised.update(replace(finding("ghost", 7, impact=90.0), last_frame=60))
    assert [found.last_frame for found in raised.told()] == [50, 60, 0]


def test_every_kind_speaks_before_any_speaks_twice_and_rules_never_make_room() -> None:
    alone, beside = RaisedFindings(), RaisedFindings()
    for number in range(60):
        one = finding(f"kind-{number % 14}", number, impact=float(number))
        alone.add(one)
        beside.add(one)
        beside.add(finding(f"kind-{number % 14}", number, impact=500.0, by_network=True))
    told = beside.told()
    assert [found for found in told if not found.learned] == alone.told()
    assert [found.kind for found in alone.told()[:14]] == [f"kind-{n % 14}" for n in range(59, 45, -1)]
    assert (len(alone.told()), len(told)) == (16, 24)


def test_a_series_with_every_fault_in_every_slice_fits_a_message() -> None:
    series = closed(2, 60, lambda number, place: everything(3.0 + place))
    assert series.verdict is Verdict.RESCAN
    assert size(series) < LARGEST


def test_signs_that_stayed_unconfirmed_are_named_once() -> None:
    series = closed(1, 60, lambda *_: measurements(m13=1.0))
    assert "unconfirmed" in series.reasons
    assert series.sentence.count("motion") == 1


def test_each_finding_still_ends_by_itself() -> None:
    series = closed(1, 60, lambda *_: with_coils(measurements(m04=40.0, m04_impact=3.0), 3))
    assert len(series.changes) == 60
    assert {change.life for change in series.changes} == {Life.END}
