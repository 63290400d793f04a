"""The page on its own, after a scan: what lacks images is not OK, and a verdict goes with its patient."""

import msgspec
import pytest

from firmware.console.api import Exam, ExamSeries, Learning
from tests.appliance.page.made_up import BEGAN, MadeUpPage, frame, now, series

pytestmark = pytest.mark.appliance

ENDED = "2026-11-25T14:04:00.000Z"


def examined(status: str, answer: str = "look") -> Exam:
    """The examination of that one series."""
    one = ExamSeries(
        scan="s1", protocol="t2_tse", status=status, verdict="ok", sentence="", repeats="", compared="", keep=True,
        began=BEGAN, ended=ENDED, frames=3, frames_expected=5,
    )  # fmt: skip
    return Exam(exam="", answer=answer, line="said elsewhere", series=[one])


def shown(made_up: MadeUpPage) -> tuple[str | None, str, str]:
    """Look, what is so and the title."""
    return made_up.verdict, made_up.page.inner_text(".story-what"), made_up.page.title()


def test_a_series_that_lacks_images_is_never_ok_once_it_has_ended(made_up: MadeUpPage) -> None:
    one = series(frames=3, frames_expected=5, learning=Learning(seen=2, needed=9))
    made_up.say("now", now(one, frames={"s1": [frame(2)]}))
    assert shown(made_up)[0] == "learning"
    made_up.say("exam", examined("incomplete"))
    made_up.say("series", msgspec.structs.replace(one, ended=ENDED))
    assert shown(made_up) == ("warn", "3 of 5 images came", "WARNING - MR 2")
    assert "Look at the images" in made_up.page.inner_text(".story-act")
    assert made_up.page.inner_text("[aria-live=polite]") == "t2_tse: WARNING. 3 of 5 images came. Look at the images."
    made_up.say("series", msgspec.structs.replace(one, ended=ENDED, verdict="", sentence="", frames=0))
    assert shown(made_up)[:2] == ("warn", "0 of 5 images came")


@pytest.mark.parametrize(
    ("others", "look"),
    [
        ({"frames": 5}, "ok"),
        ({"frames_expected": None}, "ok"),
        ({"opinion": "fine"}, "ok"),
        ({"role": "localizer"}, "ok"),
        ({"verdict": "rescan"}, "rescan"),
        ({"verdict": "cannot_judge"}, "unjudged"),
    ],
)
def test_what_is_complete_or_settled_or_worse_keeps_its_verdict(
    others: dict[str, object], look: str, made_up: MadeUpPage
) -> None:
    one = series(**{"frames": 3, "frames_expected": 5, "ended": ENDED, **others})
    made_up.say("now", now(one, frames={"s1": [frame(2)]}))
    made_up.say("exam", examined("done", "yes"))
    assert made_up.verdict == look


def test_the_verdict_of_the_patient_before_is_small(made_up: MadeUpPage) -> None:
    one = series(protocol="the one before", ended=ENDED, frames=20)
    made_up.say("now", now(one, frames={"s1": [frame(19)]}))
    made_up.say("exam", examined("done", "yes"))
    assert (made_up.verdict, made_up.page.title()) == ("ok", "OK - MR 2")
    gone = Exam(exam="", answer="nothing", line="No series to judge yet.", series=[])
    made_up.say("exam", gone)
    assert (made_up.verdict, made_up.page.title()) == ("waiting", "Waiting - MR 2")
    before = made_up.page.inner_text(".verdict-before")
    assert all(word in before for word in ("OK", "the one before", "ended", "ago"))
    assert made_up.page.locator(".newest, .notes, .filmstrip, .story-act").count() == 0
    made_up.say("series", series("s2", protocol="the next"))
    assert (made_up.verdict, made_up.page.title()) == ("ok", "OK - MR 2")
    assert made_up.page.inner_text(".verdict-scan a") == "the next"


def test_a_list_that_is_not_up_to_date_takes_no_verdict_away(made_up: MadeUpPage) -> None:
    one = series(verdict="rescan", ended=ENDED, frames=20)
    made_up.say("now", now(one, problem="The list of the examination is not up to date"))
    assert (made_up.verdict, made_up.page.title()) == ("rescan", "REPEAT - MR 2")
    made_up.say("now", now(one))
    assert made_up.verdict == "waiting"
