"""Which series belong to the examination that is going on."""

import math
import random

from hypothesis import given
from hypothesis import strategies as st

from engine.decide.exam import SeriesFacts
from engine.decide.moment import Moment
from engine.decide.visit import current_visit

GAP = 1800.0


def one(scan: str, began: float, exam: str = "", lasts: float | None = 60.0) -> SeriesFacts:
    """P and Q are pseudonyms of studies, others of a patient and a day."""
    ended = None if lasts is None else Moment(began + lasts)
    return SeriesFacts(scan=scan, began=Moment(began), ended=ended, exam=exam, exam_is_study=exam in ("P", "Q"))


def at(scan: str, wall: float, up: float, run: int = 1) -> SeriesFacts:
    return SeriesFacts(scan=scan, began=Moment(wall, run, up), ended=Moment(wall + 60, run, up + 60))


def visit(*series: SeriesFacts, said: tuple[float, ...] = (), now: float | None = None) -> str:
    last = max((member.began.wall for member in series), default=0.0) + 61 if now is None else now
    return "".join(member.scan for member in current_visit(series, [Moment(time) for time in said], GAP, Moment(last)))


def test_what_runs_close_together_is_one_examination() -> None:
    assert visit() == ""
    assert visit(one("a", 0), one("b", 100), one("c", 200)) == "abc"
    assert visit(one("a", 0), one("b", 1860), one("c", 1900)) == "abc"
    assert visit(one("a", 0), one("b", 1861), one("c", 1900)) == "bc"


def test_the_pseudonym_of_the_header_tells_examinations_apart() -> None:
    assert visit(one("a", 0, "P"), one("b", 100, "Q")) == "b"
    assert visit(one("a", 0, "P"), one("b", 99_000, "P")) == "ab"
    assert visit(one("a", 0, "P"), one("b", 100, "Q"), one("c", 200, "P")) == "ac"


def test_the_pseudonym_of_a_patient_and_a_day_may_be_everybodys() -> None:
    assert visit(one("a", 0, "day"), one("b", 1860, "day")) == "ab"
    assert visit(one("a", 0, "day"), one("b", 1861, "day")) == "b"
    assert visit(one("a", 0, "day"), one("b", 100, "Q"), one("c", 200, "day")) == "ac"
    assert visit(one("a", 0, "day"), one("b", 3000, "Q"), one("c", 3100, "day")) == "c"


def visit_at(*series: SeriesFacts, now: Moment, said: tuple[Moment, ...] = ()) -> str:
    return "".join(member.scan for member in current_visit(series, said, GAP, now))


def test_a_time_of_day_that_jumps_tells_no_examinations_apart() -> None:
    forward = at("a", 1000, 10), at("b", 1000 + 3600, 100)
    assert visit_at(*forward, now=Moment(8000, 1, 200)) == "ab"
    assert visit_at(*forward, now=Moment(8000, 1, 200 + GAP)) == ""
    back = at("a", 5000, 10), at("b", 1400, 100)
    assert visit_at(*back, now=Moment(1500, 1, 200)) == "ab"
    assert visit_at(at("a", 5000, 10), at("b", 5000, 5, run=2), now=Moment(5100, 2, 100)) == "ab"
    assert visit_at(at("a", 5000, 10), at("b", 9000, 5, run=2), now=Moment(9100, 2, 100)) == "b"


def test_a_person_s_word_stands_where_it_was_said_whatever_the_time_of_day() -> None:
    series = at("a", 5000, 10), at("b", 1400, 100), at("c", 1500, 200)
    assert visit_at(*series, now=Moment(1600, 1, 300), said=(Moment(5070, 1, 75),)) == "bc"
    assert visit_at(*series, now=Moment(9000, 1, 300), said=(Moment(5070, 1, 75),)) == "bc"
    assert visit_at(*series, now=Moment(9000, 2, 1), said=(Moment(5070, 1, 75),)) == ""


def test_a_series_that_the_appliance_did_not_see_end_ended_with_its_run() -> None:
    lost = SeriesFacts(scan="a", began=Moment(1000, 1, 10), ended=Moment(1030, 1, math.inf))
    assert visit_at(lost, at("b", 1100, 50), at("c", 1200, 5, run=2), now=Moment(1300, 2, 90)) == "abc"


def test_a_series_without_a_pseudonym_goes_with_its_neighbours() -> None:
    assert visit(one("a", 0, "P"), one("b", 100), one("c", 200, "P")) == "abc"
    assert visit(one("a", 0), one("b", 100, "P")) == "ab"
    assert visit(one("a", 0, "P"), one("b", 9000)) == "b"


def test_a_person_says_that_another_patient_is_there() -> None:
    assert visit(one("a", 0, "P"), one("b", 100, "P"), said=(90.0,)) == "b"
    assert visit(one("a", 0), one("b", 100), said=(50.0, 150.0)) == ""
    assert visit(one("a", 0), one("b", 100), said=(1e12,)) == "ab", "a note from a clock that was wrong"


def test_the_next_patient_does_not_inherit_the_answer() -> None:
    assert visit(one("a", 0, "P"), now=60 + GAP) == "a"
    assert visit(one("a", 0, "P"), now=61 + GAP) == ""
    assert visit(one("a", 0, lasts=None), now=1e6) == "a", "it still runs"


@given(
    st.lists(
        st.builds(
            lambda scan, began, exam, lasts: one(str(scan), began, exam, lasts),
            st.integers(0, 1000),
            st.sampled_from([0.0, 10.0, 10.0, 5000.0, 9000.0]),
            st.sampled_from(["", "P", "Q"]),
            st.sampled_from([None, 60.0, 6000.0]),
        ),
        unique_by=lambda member: member.scan,
        max_size=8,
    ),
    st.integers(0, 10**6),
)
def test_the_order_in_which_series_are_given_changes_nothing(series, seed) -> None:
    shuffled = list(series)
    random.Random(seed).shuffle(shuffled)
    assert current_visit(shuffled, (), GAP, Moment(9100.0)) == current_visit(series, (), GAP, Moment(9100.0))
    members = current_visit(series, (), GAP, Moment(9100.0))
    assert len({member.exam for member in members} - {""}) <= 1
    assert not series or not members or max(series, key=lambda m: (m.began.order, m.scan)) in members
