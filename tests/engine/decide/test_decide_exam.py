"""May the patient leave? Yes only when everything prescribed is there."""

import random
from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from engine.decide.exam import ExamAnswer, SeriesFacts, judge_exam
from engine.decide.moment import Moment
from engine.types import Verdict


def series(scan: str, verdict: Verdict | None = Verdict.OK, **more) -> SeriesFacts:
    """Ended a minute after it began; scans of one letter share a prescription: t1, t2 repeats t1."""
    began = more.pop("began", 100.0 * int(scan[1:]))
    ended = more.pop("ended", began + 60)
    known = {"protocol": scan[0], "prescription": scan[0], "sentence": "said", **more}
    over = Moment(ended) if ended is not None else None
    return SeriesFacts(scan=scan, began=Moment(began), ended=over, verdict=verdict, **known)


def told(answer: ExamAnswer) -> dict[str, tuple[str, str, str, bool]]:
    return {one.facts.scan: (one.status, one.repeats, one.compared, one.keep) for one in answer.series}


def test_nothing_is_no_answer() -> None:
    assert judge_exam([]).answer == "nothing"
    only = judge_exam([series("l1", needed=False)])
    assert (only.answer, only.line) == ("nothing", "No series to judge yet.")
    assert told(only) == {"l1": ("not_needed", "", "", False)}


def test_all_done_is_yes() -> None:
    answer = judge_exam([series("a1"), series("b2"), series("c3", Verdict.WARN), series("l4", needed=False)])
    assert (answer.answer, answer.line) == ("yes", "Yes: all 3 series are done, 1 with a warning.")
    assert judge_exam([series("a1")]).line == "Yes: 1 series is done."


def test_a_bad_series_asks_for_its_repeat_and_a_good_repeat_answers() -> None:
    bad = series("a1", Verdict.RESCAN, kind="coil-loss")
    assert judge_exam([bad, series("b2")]).line == "Not yet: repeat a (coil elements lost)."
    running = replace(series("a3", None), ended=None, frames=12, frames_expected=20)
    waiting = judge_exam([bad, series("b2"), running])
    assert (waiting.answer, waiting.line) == ("wait", "Wait: a is running, 12 of 20 images.")
    assert told(waiting)["a1"] == ("repeat_advised", "", "", True)
    assert told(waiting)["a3"] == ("running", "a1", "", False)
    mended = judge_exam([bad, series("b2"), series("a3")])
    assert mended.answer == "yes"
    assert told(mended)["a1"] == ("repeated", "", "", False)
    assert told(mended)["a3"] == ("done", "a1", "better", True)


def test_what_needs_an_act_comes_before_what_needs_patience() -> None:
    running = replace(series("b2", None), ended=None)
    assert judge_exam([series("a1", Verdict.RESCAN, kind="motion"), running]).line == "Not yet: repeat a (motion)."
    several = [series(f"{letter}1", Verdict.RESCAN, kind="low-snr") for letter in "xyz"]
    assert judge_exam(several).line == "Not yet: repeat x (too noisy), and 2 more."


def test_what_was_not_judged_has_to_be_looked_at() -> None:
    assert judge_exam([series("a1", Verdict.CANNOT_JUDGE)]).line == "Look first: a was not judged."
    aborted = series("a1", Verdict.CANNOT_JUDGE, aborted=True)
    assert judge_exam([aborted]).line == "Look first: a was aborted and not run again."
    again = judge_exam([aborted, series("a2")])
    assert again.answer == "yes"
    assert [one.status for one in again.series] == ["not_needed", "done"]


def test_an_aborted_series_that_is_run_again_now_is_not_counted() -> None:
    aborted, running = series("a1", Verdict.CANNOT_JUDGE, aborted=True), series("a2", None, ended=None)
    answer = judge_exam([aborted, running])
    assert answer.answer == "wait"
    assert told(answer) == {"a1": ("not_needed", "", "", True), "a2": ("running", "a1", "", False)}


def test_a_series_that_lacks_images_has_to_be_looked_at() -> None:
    short = series("a1", frames=3, frames_expected=5)
    answer = judge_exam([short, series("b2", frames=5, frames_expected=5), series("c3", frames=3)])
    assert (answer.answer, answer.line) == ("look", "Look first: a has 3 of 5 images.")
    assert [one.status for one in answer.series] == ["incomplete", "done", "done"]
    assert judge_exam([replace(short, verdict=Verdict.WARN)]).answer == "look"
    assert judge_exam([replace(short, verdict=Verdict.RESCAN, kind="motion")]).answer == "no"
    assert judge_exam([replace(short, opinion="fine")]).answer == "yes"
    assert judge_exam([replace(short, ended=None)]).answer == "wait"
    again = judge_exam([short, series("a2", frames=5, frames_expected=5)])
    assert (again.answer, told(again)["a2"]) == ("yes", ("done", "a1", "better", True))


def test_a_series_that_overlaps_another_is_no_repeat_of_it() -> None:
    bad, beside = series("a1", Verdict.RESCAN, kind="motion", ended=400.0), series("a2")
    assert told(judge_exam([bad, beside]))["a2"] == ("done", "", "", True)
    assert judge_exam([bad, beside]).answer == "no"
    running = series("a1", None, ended=None)
    assert told(judge_exam([running, beside]))["a2"][1] == ""
    assert told(judge_exam([bad, beside, series("a5")]))["a5"] == ("done", "a1", "better", True)


def test_a_clock_that_was_set_back_makes_no_repeat_of_what_came_first() -> None:
    good = replace(series("a1"), began=Moment(9000.0, 3, 10.0), ended=Moment(9060.0, 3, 70.0))
    bad = replace(
        series("a2", Verdict.RESCAN, kind="motion"), began=Moment(5000.0, 3, 80.0), ended=Moment(5060.0, 3, 140.0)
    )
    answer = judge_exam([bad, good])
    assert [one.facts.scan for one in answer.series] == ["a1", "a2"]
    assert answer.answer == "no"


def test_a_person_decides() -> None:
    assert judge_exam([series("a1", Verdict.RESCAN, opinion="fine")]).answer == "yes"
    doubted = judge_exam([series("a1", opinion="bad")])
    assert (doubted.answer, doubted.line) == ("no", "Not yet: repeat a (marked as bad).")
    assert told(judge_exam([series("a1", opinion="bad"), series("a2")]))["a2"] == ("done", "a1", "better", True)


def test_the_same_prescription_after_a_fine_series_is_another_measurement() -> None:
    answer = judge_exam([series("a1"), series("a2", Verdict.RESCAN, kind="motion")])
    assert answer.answer == "no"
    assert told(answer) == {"a1": ("done", "", "", True), "a2": ("repeat_advised", "", "", True)}


def test_repeats_form_a_chain() -> None:
    chain = [series("a1", Verdict.RESCAN, impact=40), series("a2", Verdict.RESCAN, impact=20), series("a3")]
    assert told(judge_exam(chain)) == {
        "a1": ("repeated", "", "", False),
        "a2": ("repeated", "a1", "better", False),
        "a3": ("done", "a2", "better", True),
    }


def test_without_a_prescription_nothing_is_a_repeat() -> None:
    answer = judge_exam([series("a1", Verdict.RESCAN, prescription=""), series("a2", prescription="")])
    assert answer.answer == "no"


@pytest.mark.parametrize(
    ("second", "compared", "kept"),
    [
        ({"impact": 5.0}, "worse", "a1"),
        ({"impact": 1.0}, "better", "a2"),
        ({"impact": 3.2}, "same", "a2"),
        ({"impact": 3.0, "snr": 50.0}, "worse", "a1"),
        ({"impact": 3.0, "snr": 80.0}, "better", "a2"),
        ({"impact": 3.0, "snr": None}, "same", "a2"),
        ({"verdict": Verdict.CANNOT_JUDGE}, "worse", "a1"),
        ({"verdict": Verdict.CANNOT_JUDGE, "opinion": "fine"}, "better", "a2"),
    ],
)
def test_the_verdict_counts_before_the_impact_and_that_before_the_signal_to_noise(second, compared, kept) -> None:
    first = series("a1", Verdict.WARN, impact=3.0, snr=60.0)
    verdict = second.pop("verdict", Verdict.WARN)
    answer = judge_exam([first, series("a2", verdict, **{"snr": 60.0, **second})])
    assert answer.series[1].compared == compared
    assert [one.facts.scan for one in answer.series if one.keep] == [kept]


def test_a_name_of_any_length_is_cut() -> None:
    assert len(judge_exam([series("a1", Verdict.RESCAN, protocol="x" * 500)]).line) < 100


facts = st.builds(
    lambda number, letter, **more: series(f"{letter}{number}", **more),
    number=st.integers(0, 40),
    letter=st.sampled_from("abc"),
    verdict=st.sampled_from([None, *Verdict]),
    ended=st.sampled_from([None, 2.0, 4.0, 5.0]),
    aborted=st.sampled_from([False, False, True]),
    needed=st.sampled_from([True, True, False]),
    opinion=st.sampled_from(["", "", "fine", "bad"]),
    impact=st.floats(0, 100),
    snr=st.none() | st.floats(0, 1e3),
    began=st.sampled_from([1.0, 2.0, 3.0, 4.0]),
)
exams = st.lists(facts, max_size=10, unique_by=lambda one: one.scan)


@given(exams)
def test_yes_only_if_every_needed_prescription_has_a_good_kept_series(members) -> None:
    answer = judge_exam(members)
    if answer.answer != "yes":
        return
    kept = {one.facts.prescription for one in answer.series if one.keep and one.status in ("done", "accepted")}
    assert {one.prescription for one in members if one.needed} <= kept
    assert all(one.status in ("done", "accepted") for one in answer.series if one.keep)
    for one in answer.series:
        if one.keep:
            assert one.facts.opinion == "fine" or (
                one.facts.opinion == "" and one.facts.verdict in (Verdict.OK, Verdict.WARN) and not one.facts.aborted
            )


@given(exams)
def test_each_series_has_one_line_and_each_chain_one_kept(members) -> None:
    answer = judge_exam(members)
    assert sorted(one.facts.scan for one in answer.series) == sorted(one.scan for one in members)
    first = {one.facts.scan: one.facts.scan for one in answer.series}
    for one in answer.series:
        if one.repeats:
            first[one.facts.scan] = first[one.repeats]
    chains = {first[one.facts.scan] for one in answer.series if one.facts.needed}
    assert sorted(first[one.facts.scan] for one in answer.series if one.keep) == sorted(chains)


@given(exams, st.floats(0, 100), st.sampled_from([Verdict.RESCAN, Verdict.CANNOT_JUDGE]))
def test_a_bad_repeat_never_changes_a_good_kept_one(members, impact, verdict) -> None:
    good = [one.facts.scan for one in judge_exam(members).series if one.keep and one.status in ("done", "accepted")]
    for letter in "abc":
        late = series(f"{letter}99", verdict, began=1e5, impact=impact)
        after = {one.facts.scan: one for one in judge_exam([*members, late]).series}
        assert all(after[scan].keep and after[scan].status in ("done", "accepted") for scan in good)


@given(exams, st.integers(0, 10**6))
def test_the_order_in_which_series_are_given_changes_nothing(members, seed) -> None:
    shuffled = list(members)
    random.Random(seed).shuffle(shuffled)
    assert judge_exam(shuffled) == judge_exam(members)
