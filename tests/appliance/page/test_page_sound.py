"""The tone: for a finding that is new, and again every ten seconds; never because one of several has gone."""

import pytest

from tests.appliance.page.made_up import MadeUpPage, finding, now, series

pytestmark = pytest.mark.appliance

TWO = [finding("f1"), finding("f2")]


@pytest.mark.parametrize(
    "fewer", [{"findings": TWO, "acknowledged": ["f1"]}, {"findings": TWO[1:]}], ids=["acknowledged", "ended"]
)
def test_one_of_two_findings_that_goes_makes_no_sound_and_the_other_keeps_its_time(
    fewer: dict[str, object], made_up: MadeUpPage
) -> None:
    def tones() -> int:
        return int(made_up.page.evaluate("window.tones"))

    made_up.say("now", now(series(verdict="rescan", findings=TWO)))
    made_up.page.keyboard.press("m")
    made_up.beats(8)
    once = tones()
    assert once > 0
    made_up.say("series", series(verdict="rescan", **fewer))
    made_up.beats(8)
    assert tones() == once
    made_up.beats(6)
    assert tones() == 2 * once, "ten seconds after the first"
    made_up.say("now", now(series(verdict="rescan", **fewer), series("s2", "rescan", findings=TWO[1:])))
    assert tones() == 3 * once, "a finding of another scan is new, whatever its name"
