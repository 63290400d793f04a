"""The words of the page: one for an image, and which image it is."""

import re

import pytest

from firmware.console.api import FrameDetail, FrameList, ScanPage, Trend, Trends
from firmware.console.rows import row_info
from tests.appliance.page.made_up import MadeUpPage, finding, frame, life, now, series

pytestmark = pytest.mark.appliance

READ = """() => [document.body.textContent, ...[...document.querySelectorAll("*")].flatMap(
  (one) => ["aria-label", "title", "alt"].map((name) => one.getAttribute(name) ?? ""))].join("\\n")"""
"""Everything on the page that is read by eye or ear."""


def test_the_newest_image_is_named_by_its_number_and_by_its_place(made_up: MadeUpPage) -> None:
    for number, said in ((0, "1st"), (1, "2nd"), (2, "3rd"), (3, "4th"), (10, "11th"), (11, "12th"), (20, "21st")):
        made_up.say("now", now(series(), frames={"s1": [frame(number)]}))
        assert made_up.page.inner_text(".newest figcaption span").startswith(f"Image {number} (the {said})")
    assert [made_up.page.evaluate(f"import('/static/words.js').then((words) => words.ordinal({n}))") for n in (
        111, 112, 113, 101, 122, 10_000
    )] == ["111th", "112th", "113th", "101st", "122nd", "10000th"]  # fmt: skip


def test_what_people_read_says_image_and_never_frame(made_up: MadeUpPage) -> None:
    one = series(verdict="rescan", frames_expected=None)
    frames = [frame(number, verdict="rescan", kinds=["coil-loss"]) for number in range(4)]
    detail = FrameDetail(
        frame=frames[-1], findings=[finding()], measurements=[], missing_rows=["m13"], reasons=["first_frame"],
        latency_ms={"frame": 3.0}, picture=None, why_no_picture="",
    )  # fmt: skip
    info = row_info("m06", "rf_spike", "1")
    trend = Trend(
        info=info, numbers=[0, 1], values=[1.0, None], low=[1.0, None], high=[1.0, None], limits=[7.0, None],
        why_missing={"first_frame": 1}, latest_why="first_frame",
    )  # fmt: skip
    made_up.answers |= {
        "scans/s1": ScanPage(series=one, timeline=[life()], notes=[], pictures=0, without_picture=1),
        "scans/s1/frames": FrameList(frames=frames),
        "scans/s1/frames/3": detail,
        "scans/s1/trends": Trends(scan="s1", frames=2, trends=[trend], limits_version="1"),
    }
    made_up.say("now", now(one, frames={"s1": frames}))
    for view, shown in (
        ("", ".glance"), ("look/s1", ".look-side"), ("numbers/s1", ".number-row"), ("scan/s1", ".scan-strip .thumb"),
        ("exam", ".list-view"), ("past", ".list-view"), ("system", ".system"),
    ):  # fmt: skip
        made_up.show(view, shown)
        made_up.page.keyboard.press("?")
        made_up.wait(100)
        read = made_up.page.evaluate(READ)
        assert "Light or dark room" in read, "the help with its keys is read, too"
        assert re.findall(r"(?i).{0,30}\bframes?\b.{0,30}", read) == []
        made_up.page.keyboard.press("Escape")
        made_up.wait(100)
