"""Lists of scans: each search has its own answers, a long name stays in its column, no picture is what it says."""

import pytest
from playwright.sync_api import Route, expect

from firmware.console.api import Exam, ExamSeries, ScanList, ScanPage
from tests.appliance.page.made_up import BEGAN, MadeUpPage, now, series

pytestmark = pytest.mark.appliance

LONG = "t2_tse_dark_fluid_" * 20
LIST = "() => [...document.querySelectorAll('tbody th')].map((one) => one.textContent)"


def test_older_scans_of_one_search_never_follow_those_of_another(made_up: MadeUpPage) -> None:
    late: list[Route] = []
    made_up.answers["scans"] = ScanList(scans=[series(protocol="first")], next="c1", dropped=[])
    made_up.say("now", now())
    made_up.show("past", "tbody th")
    made_up.context.route("**/api/v1/scans?*cursor=*", lambda route: late.append(route))
    made_up.page.get_by_role("button", name="Older scans").click()
    expect(made_up.page.get_by_role("status").filter(has_text="Looking it up")).to_have_count(1)
    made_up.answers["scans"] = ScanList(scans=[series("s2", protocol="second")], next="", dropped=[])
    made_up.page.get_by_label("Protocol").fill("second")
    made_up.page.get_by_role("button", name="Search").click()
    made_up.wait(100)
    expect(made_up.page.locator("tbody th")).to_have_text(["second"])
    (route,) = late
    older = ScanList(scans=[series("s0", protocol="older")], next="", dropped=[])
    made_up.answers["scans"] = older
    route.fallback()
    made_up.page.wait_for_timeout(300)
    made_up.wait(500)
    assert made_up.page.evaluate(LIST) == ["second"]
    assert made_up.page.get_by_text("Looking it up").count() == 0


def test_what_failed_is_tried_again_where_it_failed(made_up: MadeUpPage) -> None:
    made_up.answers["scans"] = ScanList(scans=[series(protocol="first")], next="c1", dropped=[])
    made_up.say("now", now())
    made_up.show("past", "tbody th")
    del made_up.answers["scans"]
    made_up.page.get_by_role("button", name="Older scans").click()
    expect(made_up.page.locator(".notice.bad")).to_contain_text("not recorded")
    made_up.answers["scans"] = ScanList(scans=[series("s0", protocol="older")], next="", dropped=[])
    made_up.page.get_by_role("button", name="Try again").click()
    made_up.wait(100)
    expect(made_up.page.locator("tbody th")).to_have_text(["first", "older"])
    del made_up.answers["scans"]
    made_up.page.get_by_label("Protocol").fill("second")
    made_up.page.get_by_role("button", name="Search").click()
    made_up.wait(100)
    expect(made_up.page.locator(".notice.bad")).to_contain_text("not recorded")
    expect(made_up.page.locator("tbody th")).to_have_count(0)


@pytest.mark.parametrize("view", ["exam", "past", "scan/s1"])
def test_a_long_protocol_name_hides_nothing_of_a_list(view: str, made_up: MadeUpPage) -> None:
    one = series(protocol=LONG, ended="2026-11-25T14:05:00.000Z")
    standing = now()
    standing.exam = Exam(exam="", answer="yes", line="Every series is good", series=[exam_series(LONG)])
    made_up.answers["scans"] = ScanList(scans=[one], next="", dropped=[])
    made_up.answers["scans/s1"] = ScanPage(series=one, timeline=[], notes=[], pictures=0, without_picture=4)
    made_up.say("now", standing)
    made_up.show(view, f"text={LONG}")
    wide, room = made_up.page.evaluate(
        "() => { const main = document.querySelector('main'); return [main.scrollWidth, main.clientWidth]; }"
    )
    assert wide <= room
    edges = made_up.page.evaluate(
        "() => [...document.querySelectorAll('main td, main h1 span')].map((one) => one.getBoundingClientRect().right)"
    )
    assert max(edges) <= 1280


def test_images_without_a_picture_are_not_said_to_be_dropped(made_up: MadeUpPage) -> None:
    one = series(ended="2026-11-25T14:05:00.000Z")
    made_up.answers["scans/s1"] = ScanPage(series=one, timeline=[], notes=[], pictures=3, without_picture=1)
    made_up.say("now", now())
    made_up.show("scan/s1", ".facts")
    expect(made_up.page.locator(".facts")).to_contain_text("3 images; 1 image without one")


def exam_series(protocol: str) -> ExamSeries:
    return ExamSeries(
        scan="s1", protocol=protocol, began=BEGAN, ended=BEGAN, frames=4, frames_expected=4, verdict="ok",
        sentence="OK: All checks passed. Go on.", status="done", repeats="", keep=False, compared="",
    )  # fmt: skip
