"""What people say through the page is recorded once, shown to everybody, and hides nothing."""

import contextlib
import json
import re
import sqlite3

import pytest
from playwright.sync_api import Page, expect

from benchmarks.site import Site
from tests.appliance.page.made_up import MadeUpPage, frame, now, series
from tests.appliance.page.watched import expect_verdict

pytestmark = pytest.mark.appliance

SAID = re.compile(r"acknowledged \d\d:\d\d")


def notes(site: Site) -> list[dict]:
    connection = sqlite3.connect(f"file:{site.journal}?mode=ro", uri=True, timeout=5)
    with contextlib.closing(connection):
        return [json.loads(payload) for (payload,) in connection.execute("SELECT payload FROM note ORDER BY sequence")]


def button(page: Page, name: str):
    return page.locator(".notes").get_by_role("button", name=name)


def test_two_browsers_acknowledge_at_once_and_the_verdict_stays(known_site: Site, browser_of, scanner) -> None:
    pages = [browser_of(known_site).open() for _ in range(2)]
    before = len(notes(known_site))
    series = scanner(known_site, 3, "coil-loss")
    series.send(3)
    for page in pages:
        expect(page.locator(".verdict-scan")).to_contain_text("running")
        expect(page.locator(".newest figcaption")).to_contain_text("Image 2")
        expect_verdict(page, "rescan")
        expect(button(page, "Acknowledge")).to_be_enabled()
    for page in pages:
        button(page, "Acknowledge").dispatch_event("click")
    for page in pages:
        expect(page.locator(".notes-said")).to_have_text(SAID)
        expect(button(page, "Acknowledge")).to_be_disabled()
        expect_verdict(page, "rescan")
    series.end()
    said = [note for note in notes(known_site)[before:] if note["kind"] == "acknowledge"]
    assert said
    assert {note["scan"] for note in said} == {said[0]["scan"]}
    expect(pages[0].locator(".verdict-scan")).to_contain_text("ended")
    expect(pages[0].locator(".notes-said")).to_have_text(SAID)


def test_was_fine_is_one_click_recorded_and_changes_the_exam_line(fresh_site: Site, browser_of, scanner) -> None:
    page, other = browser_of(fresh_site).open(), browser_of(fresh_site).open("exam")
    series = scanner(fresh_site, 2, "coil-loss")
    series.send(2)
    series.end()
    expect(other.locator("tr[data-status=repeat_advised]")).to_have_count(1)
    expect(page.locator(".exam-line")).to_contain_text("Not yet")
    button(page, "Was fine").click()
    expect(button(page, "Was fine")).to_have_attribute("aria-pressed", "true")
    expect(page.locator(".notes-said")).to_contain_text("said to be fine")
    expect(other.locator("tr[data-status=accepted]")).to_have_count(1)
    expect(page.locator(".exam-line")).to_contain_text("Yes")
    expect_verdict(page, "rescan")
    page.keyboard.press("Shift+B")
    expect(page.locator(".exam-line")).to_contain_text("Not yet")
    assert [(note["kind"], note["opinion"]) for note in notes(fresh_site)] == [("opinion", "fine"), ("opinion", "bad")]


def test_the_next_patient_begins_a_new_list(fresh_site: Site, browser_of, scanner) -> None:
    page = browser_of(fresh_site).open("exam")
    series = scanner(fresh_site, 1)
    series.send()
    series.end()
    expect(page.locator("tr[data-status=done]")).to_have_count(1)
    page.get_by_role("button", name="Next patient").click()
    page.get_by_role("button", name="Yes, begin").click()
    expect(page.locator("tr[data-status]")).to_have_count(0)
    page.keyboard.press("p")
    expect(page.get_by_role("link", name="brain_gre_16ch")).to_have_count(1)
    page.keyboard.press("g")
    expect_verdict(page, "waiting")
    expect(page).to_have_title("Waiting - bay-3")
    expect(page.locator(".verdict-before")).to_contain_text("OK")


def test_a_repeat_is_compared_with_what_it_repeats(fresh_site: Site, browser_of, scanner) -> None:
    page = browser_of(fresh_site).open("exam")
    for kind in ("coil-loss", "none"):
        series = scanner(fresh_site, 2, kind)
        series.send(2)
        series.end()
    expect(page.locator("tr[data-status=repeated]")).to_have_count(1)
    again = page.locator("tr[data-status=done]")
    expect(again).to_contain_text("Better than before")
    expect(again).to_contain_text("Keep this one")
    expect(page.locator(".exam-answer")).to_contain_text("Yes")


@pytest.fixture
def sent(made_up: MadeUpPage) -> list[dict]:
    """What the page asks to have recorded; all of it is."""
    asked: list[dict] = []
    made_up.answers["notes"] = {"sequence": 1}
    made_up.page.on("request", lambda request: request.method == "POST" and asked.append(request.post_data_json))
    return asked


def press(made_up: MadeUpPage, *keys: str) -> None:
    for key in keys:
        made_up.page.keyboard.press(key)
        made_up.wait(100)


def test_a_stray_letter_records_nothing_and_the_help_says_which_keys_do(made_up: MadeUpPage, sent) -> None:
    made_up.say("now", now(series(verdict="rescan")))
    press(made_up, "a", "f", "b")
    assert sent == []
    press(made_up, "?")
    said = made_up.page.inner_text("dialog")
    assert re.search(r"Shift A\s+Acknowledge", said)
    assert re.search(r"Shift F\s+It was fine", said)
    press(made_up, "Escape", "Shift+F", "Shift+A")
    assert sent == [
        {"scan": "s1", "kind": "opinion", "opinion": "fine"},
        {"scan": "s1", "kind": "acknowledge", "finding": "f1"},
    ]


def test_what_was_meant_for_one_series_is_not_recorded_of_the_next(made_up: MadeUpPage, sent) -> None:
    made_up.say("now", now(series("s1"), series("s2"), frames={"s1": [frame(3)], "s2": [frame(3, "s2")]}))
    shown = made_up.page.get_attribute(".newest", "data-scan")
    other = "s2" if shown == "s1" else "s1"
    made_up.say("series", series(other, "rescan", protocol="the other one"))
    assert made_up.page.get_attribute(".newest", "data-scan") == other
    press(made_up, "Shift+B", "Shift+A")
    button(made_up.page, "Was bad").dispatch_event("click")
    made_up.wait(100)
    assert sent == []
    assert made_up.page.inner_text(".notes-said") == "Not now: another series has just come."
    made_up.wait(1000)
    press(made_up, "Shift+B")
    assert sent == [{"scan": other, "kind": "opinion", "opinion": "bad"}]
    made_up.say("series", series(other, "rescan", protocol="the other one", opinion="bad"))
    made_up.wait(100)
    assert made_up.page.inner_text(".notes-said").startswith("the other one: said to be bad")


def test_a_key_of_ones_own_keeps_the_focus_and_the_reason_can_be_read(made_up: MadeUpPage, sent) -> None:
    made_up.say("now", now(series()))
    fine = button(made_up.page, "Was fine")
    fine.focus()
    press(made_up, "Enter")
    assert [note["opinion"] for note in sent] == ["fine"]
    made_up.say("series", series(opinion="fine"))
    made_up.wait(100)
    expect(fine).to_be_focused()
    expect(fine).to_be_disabled()
    expect(fine).to_have_accessible_description("recorded")
    press(made_up, "Enter")
    assert len(sent) == 1
    acknowledge = button(made_up.page, "Acknowledge")
    acknowledge.focus()
    expect(acknowledge).to_be_focused()
    expect(acknowledge).to_have_accessible_description("nothing to acknowledge")
    press(made_up, "Enter")
    assert made_up.page.inner_text(".notes-said").startswith("Not now: nothing to acknowledge. t2_tse: said to be fine")
    made_up.say("series", series(verdict="rescan", opinion="fine"))
    made_up.wait(100)
    assert made_up.page.inner_text(".notes-said").startswith("t2_tse: said to be fine")
