"""What could not be fetched comes by itself once it can; what is seen already stays; no picture is another scan's."""

from typing import Any

import numpy as np
import pytest
from playwright.sync_api import Page, Route, expect

from firmware.console.api import FrameDetail, FrameList, PictureInfo, Place, ScanPage
from tests.appliance.page.made_up import MadeUpPage, frame, now, series

pytestmark = pytest.mark.appliance

SIDE = 8
RAW = {"X-Scanside-Offset": "0", "X-Scanside-Step": "1"}


def detail(number: int, kinds: list[Any]) -> FrameDetail:
    place = Place(
        transpose=False, flip_rows=False, flip_columns=False, left="R", right="L", top="A", bottom="P", view="axial",
        why_unknown="",
    )  # fmt: skip
    picture = PictureInfo(
        width=SIDE, height=SIDE, pixel_mm=(1.0, 1.0), low=0.0, high=1.0, unit="", place=place, kinds=kinds,
        processed_by="", elements=0, element_labels=[], kspace_size=(0, 0),
    )  # fmt: skip
    return FrameDetail(
        frame=frame(number, picture=True), findings=[], measurements=[], missing_rows=[], reasons=[], latency_ms={},
        picture=picture, why_no_picture="",
    )  # fmt: skip


def served(page: MadeUpPage, *numbers: int) -> None:
    """The images have pictures, but neither processed ones nor k-space yet."""
    raw = np.zeros(SIDE * SIDE, "<u2").tobytes()
    page.context.route("**/image.raw", lambda route: route.fulfill(body=raw, headers=RAW))
    for number in numbers:
        page.answers[f"scans/s1/frames/{number}"] = detail(number, ["image"])


def out_of_reach(page: MadeUpPage, pattern: str) -> list[Route]:
    asked: list[Route] = []

    def fail(route: Route) -> None:
        asked.append(route)
        route.abort()

    page.context.route(pattern, fail)
    return asked


def back(page: MadeUpPage, pattern: str) -> None:
    page.context.unroute(pattern)


def settle(made_up: MadeUpPage, ms: int) -> None:
    """So long by the page's clock, with the answers that come between."""
    for _ in range(ms // 250):
        made_up.wait(250)
        made_up.page.wait_for_timeout(20)


def gone(made_up: MadeUpPage) -> None:
    """Until the only small picture has been tried twice in vain."""
    for _ in range(40):
        settle(made_up, 250)
        if "picture gone" in made_up.page.inner_text(".glance-strip"):
            return
    raise AssertionError("the picture never was gone")


def empty(page: Page) -> int:
    return page.locator(".look-empty").count()


def test_an_image_that_could_not_be_fetched_comes_when_the_connection_does(made_up: MadeUpPage) -> None:
    served(made_up, 3)
    asked = out_of_reach(made_up, "**/frames/3")
    made_up.say("now", now(series(), frames={"s1": [frame(3)]}))
    made_up.show("look/s1/3", ".look-empty")
    settle(made_up, 1000)
    expect(made_up.page.locator(".look-empty")).to_contain_text("cannot be reached")
    assert len(asked) == 1, "no flood"
    back(made_up, "**/frames/3")
    settle(made_up, 3000)
    assert empty(made_up.page) == 0
    assert made_up.page.locator(".look-stage canvas").count() > 0


def test_an_image_that_is_seen_stays_when_it_cannot_be_fetched_once_more(made_up: MadeUpPage) -> None:
    served(made_up, 3)
    made_up.say("now", now(series(), frames={"s1": [frame(3)]}))
    made_up.show("look/s1/3", ".look-stage canvas")
    asked = out_of_reach(made_up, "**/frames/3")
    settle(made_up, 4000)
    assert len(asked) > 0, "asked for again, because its k-space was not there yet"
    assert empty(made_up.page) == 0


def test_a_scan_that_could_not_be_fetched_comes_when_the_connection_does(made_up: MadeUpPage) -> None:
    one = series(ended="2026-11-25T14:05:00.000Z")
    made_up.answers["scans/s1"] = ScanPage(series=one, timeline=[], notes=[], pictures=0, without_picture=4)
    out_of_reach(made_up, "**/scans/s1")
    made_up.say("now", now())
    made_up.show("scan/s1", ".notice.bad")
    back(made_up, "**/scans/s1")
    settle(made_up, 3000)
    expect(made_up.page.locator(".facts")).to_have_count(1)


def test_a_refusal_for_good_is_not_asked_for_again(made_up: MadeUpPage) -> None:
    made_up.say("now", now())
    made_up.show("scan/s1", ".notice.bad")
    asked = out_of_reach(made_up, "**/scans/s1")
    settle(made_up, 5000)
    assert asked == []


def test_a_picture_that_is_gone_is_not_gone_in_the_next_scan(made_up: MadeUpPage) -> None:
    made_up.say("now", now(series(), frames={"s1": [frame(3, picture=True)]}))
    expect(made_up.page.locator(".glance-strip img")).to_have_count(1)
    gone(made_up)
    made_up.say("now", now(series("s2"), frames={"s2": [frame(3, "s2", picture=True)]}))
    assert "picture gone" not in made_up.page.inner_text(".glance-strip")
    gone(made_up)
    made_up.wait(5000)
    assert made_up.verdict == "lost"
    made_up.beats(1)
    assert made_up.page.locator(".glance-strip img").count() == 1, "perhaps it was the connection"


def test_images_asked_for_in_one_scan_are_not_put_into_another(made_up: MadeUpPage) -> None:
    late: list[Route] = []
    one, other = [frame(number) for number in (70, 71)], [frame(number, "s2") for number in (70, 71)]
    made_up.say("now", now(series(), series("s2"), frames={"s1": one, "s2": other}))
    made_up.show("look/s1", ".thumb")
    made_up.context.route("**/scans/s1/frames?*", lambda route: late.append(route))
    made_up.page.get_by_role("button", name="older images").click()
    made_up.show("look/s2", ".look-title >> text=t2_tse")
    made_up.wait(100)
    made_up.answers["scans/s1/frames"] = FrameList(frames=[frame(number) for number in (5, 6)])
    late[0].fallback()
    settle(made_up, 500)
    numbers = [thumb.get_attribute("data-number") for thumb in made_up.page.locator(".thumb").all()]
    assert numbers == ["70", "71"]
