"""What the numbers say of a row, and what the filmstrip holds, without an appliance."""

from collections.abc import Iterator
from typing import Any

import pytest
from playwright.sync_api import Browser, Page, expect

from tests.appliance.page.module_page import module_page

pytestmark = pytest.mark.appliance

GROUPS = """async ({ trends, flags }) => {
  const { grouped, limitLines, limitWords, missingWords, valueWords } = await import("/static/numbers-groups.js");
  return {
    groups: grouped(trends, flags).map(({ name, rows }) => [name, rows.map(({ trend }) => trend.info.row)]),
    lines: trends.map((trend) => limitLines(trend)),
    limits: trends.map((trend) => limitWords(trend).map(({ what, source }) => `${what} | ${source}`)),
    values: trends.map(valueWords),
    missing: trends.map(missingWords),
  };
}"""
LIFE = """async ({ flags, frames, view, name }) => {
  const { html, render } = await import("/static/vendor/htm-preact.mjs");
  const { [name]: View } = await import(`/static/${view}.js`);
  render(html`<${View} flags=${flags} frames=${frames} scan="s1-1" />`, document.body);
  return {
    links: [...document.querySelectorAll("a")].map((one) => [one.getAttribute("href"), one.textContent]),
    text: document.body.textContent.replace(/\\s+/g, " "),
    bars: [...document.querySelectorAll(".timeline-bar")].map((one) => [one.style.left, one.style.width]),
  };
}"""
STRIP = """async ({ count, held }) => {
  const { html, render } = await import("/static/vendor/htm-preact.mjs");
  const { Filmstrip } = await import("/static/filmstrip.js");
  const frames = Array.from({ length: count }, (_, number) => ({
    scan: "s1-1", number, verdict: number % 2 ? "rescan" : "ok", sentence: "", picture: number % 3 > 0 }));
  window.held = [];
  const onHold = (number) => window.held.push(number);
  render(html`<${Filmstrip} scan="s1-1" frames=${frames} held=${held} onHold=${onHold} />`, document.body);
}"""


@pytest.fixture(scope="module")
def modules(chromium: Browser) -> Iterator[Page]:
    older = [
        {"scan": "s1-1", "number": number, "verdict": "warn", "sentence": "", "picture": False}
        for number in range(36, 100)
    ]
    page = module_page(chromium, "<!doctype html><body>", {"scans/s1-1/frames?before=100&limit=64": {"frames": older}})
    yield page
    page.close()


def trend(row: str, values: list[float | None], **info: Any) -> dict[str, Any]:
    """One row as the interface tells it."""
    told = {"row": row, "name": f"row_{row}", "unit": "%", "kind": "", "high_is_bad": True, "learned": False}
    told |= {"mandatory": False, "warn_of_value": False, "rescan_of_value": False}
    for limit in ("detect", "warn", "rescan"):
        told |= {limit: None, f"{limit}_unit": "%", f"{limit}_source": f"why {limit}"}
    numbers = list(range(len(values)))
    limits, why, latest_why = info.pop("limits", []), info.pop("why_missing", {}), info.pop("latest_why", "")
    return {
        "info": told | info,
        "numbers": numbers,
        "values": values,
        "low": values,
        "high": values,
        "limits": limits,
        "why_missing": why,
        "latest_why": latest_why,
    }


def test_what_was_found_stands_first_and_what_was_not_measured_last(modules: Page) -> None:
    trends = [trend("a", [1.0]), trend("b", [2.0]), trend("c", [None]), trend("d", [3.0])]
    flags = [{"measurement": {"row": row}, "severity": severity} for row, severity in (("b", "warn"), ("d", "rescan"))]
    told = modules.evaluate(GROUPS, {"trends": trends, "flags": flags})
    assert told["groups"] == [
        ["Outside a limit", ["d", "b"]],
        ["Measured, within limits", ["a"]],
        ["Not measured", ["c"]],
    ]


def test_a_limit_of_the_impact_is_told_and_not_drawn_beside_the_value(modules: Page) -> None:
    of_impact = trend("a", [1.0, 2.0], detect=5.0, rescan=10.0)
    of_value = trend("b", [1.0, 2.0], detect=5.0, rescan=10.0, rescan_of_value=True, high_is_bad=False)
    of_frame = trend("c", [1.0, 2.0], limits=[3.0, 4.0])
    told = modules.evaluate(GROUPS, {"trends": [of_impact, of_value, of_frame], "flags": []})
    assert [[line["name"] for line in lines] for lines in told["lines"]] == [
        ["detect"],
        ["detect", "rescan"],
        ["detect"],
    ]
    assert told["lines"][2][0]["values"] == [3.0, 4.0]
    assert told["limits"] == [
        ["seen above 5 % | why detect", "repeat from 10 % of impact | why rescan"],
        ["seen below 5 % | why detect", "repeat below 10 % | why rescan"],
        ["seen above 4 % (follows from each image) | why detect"],
    ]


def test_what_was_not_measured_is_said_and_never_a_zero(modules: Page) -> None:
    trends = [
        trend("a", [None, None], why_missing={"low_snr": 2}, latest_why="low_snr", mandatory=True),
        trend("b", [4.0], why_missing={"first_frame": 1}, latest_why="first_frame"),
        trend("c", [0.0, 0.0]),
    ]  # of a thinned trend the last point is the newest number there is, not that of the newest image
    told = modules.evaluate(GROUPS, {"trends": trends, "flags": []})
    assert told["values"] == ["not measured: low snr", "not measured now: first image; last 4 %", "0 %"]
    assert told["missing"] == [
        "not measured in 2 images: low snr (2); without it an image is not OK",
        "not measured in 1 image: first image (1)",
        "",
    ]


def test_the_filmstrip_holds_64_frames_of_ten_thousand_and_pages_to_older_ones(modules: Page) -> None:
    modules.evaluate(STRIP, {"count": 10_000, "held": None})
    thumbs = modules.locator(".thumb")
    expect(thumbs).to_have_count(64)
    expect(thumbs.last).to_have_accessible_name("Image 9999, REPEAT, no picture")
    modules.evaluate(STRIP, {"count": 10_000, "held": 68})
    expect(thumbs.first).to_have_accessible_name("Image 36, WARNING, no picture")
    expect(thumbs).to_have_count(64)
    expect(modules.locator(".thumb[aria-current]")).to_have_attribute("data-number", "68")


def test_arrows_in_the_filmstrip_hold_the_frame_beside(modules: Page) -> None:
    modules.evaluate(STRIP, {"count": 20, "held": None})
    expect(modules.locator(".thumb")).to_have_count(20)
    modules.locator(".thumb[aria-current]").focus()
    modules.keyboard.press("ArrowLeft")
    modules.locator(".thumb[data-number='3']").click()
    assert modules.evaluate("window.held") == [18, 3]


def life(kind: str, placed: int, **more: Any) -> dict[str, Any]:
    """One word on a finding in a scan of three slices: image 7 is of repetition 2."""
    told = {"finding": "f", "life": kind, "severity": "warn", "message": "A spike", "time": "2026-11-25T14:00:00.000Z"}
    told |= {"evidence": "", "place": "", "limit_source": "1 in 1000 frames", "end_reason": ""}
    return told | {"first_frame": 2, "last_frame": placed // 3, "first_number": 7, "placed_number": placed} | more


@pytest.mark.parametrize(("view", "name"), [("timeline", "Timeline"), ("scan-findings", "FindingsTable")])
def test_the_life_of_a_finding_is_told_in_images_and_links_to_its_first(view: str, name: str, modules: Page) -> None:
    flags = [life("new", 10), life("update", 13), life("end", 16, end_reason="cleared")]
    told = modules.evaluate(LIFE, {"flags": flags, "frames": 20, "view": view, "name": name})
    assert {href for href, _ in told["links"]} == {"#/look/s1-1/7"}
    if view == "timeline":
        assert "from image 7 to 16, ended: cleared, changed at 13" in told["text"]
        assert told["bars"] == [["35%", "50%"]]
    else:
        assert [f"7 to {last}" in told["text"] for last in (10, 13, 16)] == [True] * 3
        assert "ended: cleared" in told["text"]
        assert "1 in 1000 images" in told["text"]
