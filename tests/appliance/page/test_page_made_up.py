"""The page on its own: what it makes of the stream, of silence, of sleep and of a clock that jumps."""

import random
import re

import msgspec
import pytest

from firmware.console.api import Learning
from tests.appliance.page.made_up import MadeUpPage, finding, frame, now, series

pytestmark = pytest.mark.appliance


def test_silence_is_a_lost_connection_within_three_seconds_and_the_age_counts(made_up: MadeUpPage) -> None:
    made_up.say("now", now(series(verdict="rescan"), frames={"s1": [frame(3)]}))
    made_up.beats(20)
    assert made_up.verdict == "rescan"
    made_up.wait(1800)
    assert made_up.verdict == "rescan"
    made_up.wait(1100)
    assert made_up.verdict == "lost"
    assert made_up.page.title() == "LOST - MR 2"
    before = made_up.page.inner_text(".verdict-last")
    assert "REPEAT" in before
    made_up.wait(60_000)
    assert made_up.page.inner_text(".verdict-last") != before
    made_up.beats(1)
    assert made_up.verdict == "rescan"


def test_a_loop_that_was_silent_before_the_page_came_is_lost_at_once(made_up: MadeUpPage) -> None:
    made_up.say("now", now(series(), silent_s=30.0))
    assert made_up.verdict == "lost"


@pytest.mark.parametrize(
    ("silent_s", "said", "loop"),
    [
        (2.0, "The judging loop gives no sign of life.", "silent for"),
        (None, "The page's own process gives no sign of life.", "unknown"),
        (0.1, "The appliance is alive, but its news do not reach this page.", "unknown"),
    ],
)
def test_the_page_tells_who_is_silent_within_three_seconds(
    silent_s: float | None, said: str, loop: str, made_up: MadeUpPage
) -> None:
    made_up.loop_silent(silent_s)
    made_up.say("now", now(series()))
    made_up.beats(6)
    assert made_up.page.inner_text("footer li:nth-child(2)") == "Judging loop: judging"
    made_up.wait(2900)
    assert made_up.verdict == "lost"
    assert made_up.page.inner_text(".story-what") == f"{said} The page tries again by itself."
    assert made_up.page.inner_text("footer li:nth-child(2)").startswith(f"Judging loop: {loop}")
    for view, said_there in (("past", ".shell-lost"), ("system", ".system .notice")):
        made_up.show(view, said_there)
        assert said in made_up.page.inner_text(said_there)


def test_a_record_that_cannot_be_read_is_said_on_every_view_while_it_lasts(made_up: MadeUpPage) -> None:
    why = "the journal is being compacted; wait until it is done"
    made_up.say("now", now(series(), frames={"s1": [frame(3)]}))
    assert made_up.page.locator(".shell-problem").count() == 0
    made_up.say("now", now(series(), frames={"s1": [frame(3)]}, problem=why))
    assert made_up.verdict == "ok"
    assert why in made_up.page.inner_text(".shell-problem")
    assert why in made_up.page.inner_text("[aria-live=polite]")
    bar, footer = made_up.page.locator(".shell-problem").bounding_box(), made_up.page.locator("footer").bounding_box()
    assert bar is not None
    assert footer is not None
    assert (bar["y"] > 0, round(footer["y"] + footer["height"])) == (True, 720), "the glance gives way, nothing is cut"
    made_up.show("past", ".list-view")
    assert why in made_up.page.inner_text(".shell-problem")
    made_up.say("now", now(series()))
    assert made_up.page.locator(".shell-problem").count() == 0
    assert made_up.page.inner_text("[aria-live=polite]") == "The record can be read again."


def test_what_was_shown_before_a_sleep_is_not_trusted_until_the_next_beat(made_up: MadeUpPage) -> None:
    made_up.say("now", now(series()))
    made_up.beats(2)
    made_up.say("frame", frame(3))
    made_up.page.clock.set_system_time("2026-11-25T15:10:00Z")
    made_up.wait(150)
    assert made_up.verdict == "lost"
    made_up.wait(1000)
    assert re.search(r"1 h [34] min old", made_up.page.inner_text(".verdict-last")), "the hour asleep counts"
    assert made_up.page.evaluate("import('/static/clock.js').then(({ serverNow }) => serverNow().getUTCHours())") == 15
    made_up.beats(1)
    assert made_up.verdict == "ok"


def test_a_protocol_name_is_text(made_up: MadeUpPage) -> None:
    name = "<img src=x onerror=alert(1)> & <b>t2</b>"
    made_up.say("now", now(series(protocol=name)))
    assert made_up.page.inner_text(".verdict-scan a") == name
    assert made_up.page.locator(".verdict-scan img, .verdict-scan b").count() == 0


def test_the_worst_of_two_scanners_is_the_large_one(made_up: MadeUpPage) -> None:
    made_up.say("now", now(series("s1"), series("s2")))
    made_up.say("series", series("s2", "rescan", protocol="the bad one"))
    assert made_up.verdict == "rescan"
    assert made_up.page.inner_text(".verdict-scan a") == "the bad one"
    assert "t2_tse" in made_up.page.inner_text(".others")


def test_learning_and_not_judged_have_a_look_of_their_own(made_up: MadeUpPage) -> None:
    made_up.say("now", now(series(learning=Learning(seen=2, needed=9))))
    assert made_up.verdict == "learning"
    assert "Still learning this protocol: 2 of 9 series" in made_up.page.inner_text(".verdict")
    made_up.say(
        "series", series(verdict="cannot_judge", sentence="NOT JUDGED: Too few lines. Look at the images yourself.")
    )
    assert made_up.verdict == "unjudged"
    assert made_up.page.inner_text(".story-what") == "Too few lines"


def test_a_reader_is_told_once_at_each_change(made_up: MadeUpPage) -> None:
    made_up.say("now", now(series()))
    urgent = made_up.page.locator("[aria-live=assertive]")
    assert urgent.inner_text() == ""
    made_up.page.evaluate(
        """() => { window.told = 0; new MutationObserver(() => { window.told += 1; }).observe(
        document.querySelector("[aria-live=assertive]"), { childList: true, characterData: true, subtree: true }); }"""
    )
    for images in (5, 6, 7):
        made_up.say(
            "series", series(verdict="rescan", frames=images, sentence=f"REPEAT: {images} coils are lost. Reseat them.")
        )
    assert urgent.inner_text() == "t2_tse: REPEAT. 5 coils are lost. Reseat them."
    assert made_up.page.evaluate("window.told") == 1


def test_each_scan_that_is_to_be_repeated_is_told_for_itself_and_until_it_ends(made_up: MadeUpPage) -> None:
    sentence = "REPEAT: A coil is lost. Reseat it."
    made_up.say("now", now())
    urgent = made_up.page.locator("[aria-live=assertive]")
    made_up.page.evaluate(
        """() => { window.told = []; new MutationObserver((changes) => { for (const { addedNodes } of changes)
        for (const one of addedNodes) if (one.textContent) window.told.push(one.textContent); }).observe(
        document.querySelector("[aria-live=assertive]"), { childList: true, characterData: true, subtree: true }); }"""
    )
    for scan in ("s1", "s2"):
        made_up.say("series", series(scan, verdict="rescan", sentence=sentence))
    assert made_up.page.evaluate("window.told") == 2 * ["t2_tse: REPEAT. A coil is lost. Reseat it."]
    made_up.say("series", series("s1", verdict="rescan", sentence=sentence, ended="2026-11-25T14:06:30.000Z"))
    assert urgent.inner_text() != "", "the other one still runs"
    made_up.say("series", series("s2", verdict="rescan", sentence=sentence, ended="2026-11-25T14:06:31.000Z"))
    assert urgent.inner_text() == ""
    made_up.say("series", series("s3", verdict="rescan", sentence=sentence, ended="2026-11-25T14:06:32.000Z"))
    assert len(made_up.page.evaluate("window.told")) == 3, "a verdict that comes with the end is told, too"


def test_the_tone_is_off_until_asked_for_and_silent_once_acknowledged(made_up: MadeUpPage) -> None:
    def tones() -> int:
        return int(made_up.page.evaluate("window.tones"))

    made_up.say("now", now(series(verdict="rescan")))
    made_up.beats(24)
    assert tones() == 0
    made_up.page.keyboard.press("m")
    made_up.beats(1)
    once = tones()
    assert once > 0
    made_up.beats(20)
    assert tones() == 2 * once
    consequence = finding("f2", caused_by="f1")
    made_up.say("series", series(verdict="rescan", findings=[finding(), consequence], acknowledged=["f1"]))
    made_up.beats(24)
    assert made_up.verdict == "rescan"
    assert tones() == 2 * once
    made_up.say("series", series(verdict="rescan", findings=[finding(), finding("f3")], acknowledged=["f1"]))
    assert tones() == 3 * once
    made_up.say("series", series(verdict="rescan", findings=[finding("f3")], ended="2026-11-25T14:06:30.000Z"))
    made_up.beats(24)
    assert tones() == 3 * once


def test_frames_come_in_any_order_and_twice_and_only_the_last_are_kept(made_up: MadeUpPage) -> None:
    numbers = list(range(300)) + random.Random(7).choices(range(300), k=200)
    random.Random(8).shuffle(numbers)
    events = [["now", now(series())], *(["frame", frame(number)] for number in numbers), ["frame", frame(5, "gone")]]
    state = made_up.page.evaluate(
        """async (text) => { const { EMPTY, reduce } = await import("/static/reduce.js");
        return JSON.parse(text).reduce((state, [event, data]) => reduce(state, event, data), EMPTY); }""",
        msgspec.json.encode(events).decode(),
    )
    kept: list[int] = []
    for number in numbers:
        kept = sorted({*kept, number})[-64:]
    assert [one["number"] for one in state["frames"]["s1"]] == kept
    assert list(state["frames"]) == ["s1"]


def test_series_that_ended_make_room(made_up: MadeUpPage) -> None:
    ended = [series(f"s{turn}", ended=f"2026-11-25T14:05:{turn:02d}.000Z") for turn in range(40)]
    events = [["now", now()], *(["series", one] for one in ended), ["series", series("s99")]]
    state = made_up.page.evaluate(
        """async (text) => { const { EMPTY, reduce } = await import("/static/reduce.js");
        return JSON.parse(text).reduce((state, [event, data]) => reduce(state, event, data), EMPTY); }""",
        msgspec.json.encode(events).decode(),
    )
    assert set(state["series"]) == {"s39", "s99"}


def test_learning_looks_the_same_large_and_small(made_up: MadeUpPage) -> None:
    one = series(learning=Learning(seen=2, needed=9))
    made_up.say("now", now(one, frames={"s1": [frame(3)]}))
    for place in (".verdict-word", ".newest figcaption", ".glance-strip .thumb"):
        assert made_up.page.locator(f"{place} .shape-learning").count() == 1, place
        assert made_up.page.locator(f"{place} .shape-ok").count() == 0, place
