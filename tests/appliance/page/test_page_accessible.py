"""axe finds nothing on any view or state, in the dark room and in the light one; nothing is cut off on any screen."""

import pytest
from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import Page, expect

from benchmarks.site import Site
from tests.appliance.page.watched import UNREACHED, expect_verdict

pytestmark = pytest.mark.appliance

RULES = {"runOnly": ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa", "best-practice"]}
FIELD = [".verdict-scan", ".verdict-word", ".story-what", ".story-act", ".story-facts"]
PARTS = [".verdict", ".glance-bar", ".newest", ".glance-strip", ".exam-line", "footer"]
MEASURED = """(parts) => {
  const { scrollWidth, scrollHeight } = document.documentElement;
  const box = (part) => document.querySelector(part).getBoundingClientRect().toJSON();
  return [scrollWidth, scrollHeight, Object.fromEntries(parts.map((part) => [part, box(part)]))];
}"""
SCREENS = {
    "wall": (1280, 720),
    "desk": (1920, 1080),
    "tablet upright": (768, 1024),
    "low": (960, 540),
    "wall, 150 %": (853, 480),
    "wall, 200 %": (640, 360),
}
SCROLLING = {"wall, 150 %", "wall, 200 %"}
"""Screens of which the verdict fills what is first seen."""


def expect_accessible(page: Page, what: str) -> None:
    """In both themes; the one before is left standing."""
    for _ in range(2):
        found = Axe().run(page, options=RULES)
        theme = page.evaluate("document.documentElement.dataset.theme ?? ''")
        assert not found.violations_count, f"{what} {theme}: {found.generate_report()}"
        page.keyboard.press("t")


@pytest.mark.parametrize("name", ["ok", "warn", "rescan", "unjudged"])
def test_each_state_of_the_glance(name: str, known_site: Site, browser_of, scanner) -> None:
    wishes = {
        "ok": {},
        "warn": {"kind": "coil-loss", "element": "5"},
        "rescan": {"kind": "coil-loss"},
        "unjudged": {"impossible": True},
    }[name]
    page = browser_of(known_site).open()
    scanner(known_site, 3, **wishes).send(3)
    expect(page.locator(".verdict-scan")).to_contain_text("running")
    expect_verdict(page, name)
    expect(page.locator(".newest figcaption")).to_contain_text("Image 2")
    expect_accessible(page, name)


def test_learning_and_lost(fresh_site: Site, browser_of, scanner) -> None:
    watched = browser_of(fresh_site)
    watched.allowed.append(UNREACHED)
    page = watched.open()
    expect_verdict(page, "waiting")
    expect_accessible(page, "waiting")
    series = scanner(fresh_site, 2)
    series.send(2)
    expect_verdict(page, "learning")
    expect_accessible(page, "learning")
    series.end()
    fresh_site.kill()
    expect_verdict(page, "lost")
    expect_accessible(page, "lost")


def test_every_other_view(known_site: Site, browser_of, scanner) -> None:
    page = browser_of(known_site).open()
    series = scanner(known_site, 3, "coil-loss", first=1)
    series.send(3)
    expect_verdict(page, "rescan")
    series.end()
    scan = page.locator(".verdict-scan a").get_attribute("href").split("/")[-1]
    for view, there in {
        "exam": "table",
        f"look/{scan}": ".look-reading",
        f"numbers/{scan}": ".chart",
        "system": ".system-grid",
        "past": "table",
        f"scan/{scan}": ".filmstrip",
    }.items():
        page.goto(f"{known_site.address}/#/{view}")
        expect(page.locator(there).first).to_be_visible()
        expect_accessible(page, view)
    page.keyboard.press("?")
    expect(page.get_by_role("dialog")).to_be_visible()
    expect_accessible(page, "help")


@pytest.mark.parametrize("screen", SCREENS)
def test_the_verdict_is_whole_and_nothing_lies_over_it(screen: str, known_site: Site, browser_of, scanner) -> None:
    width, height = SCREENS[screen]
    page = browser_of(known_site).open()
    page.set_viewport_size({"width": width, "height": height})
    scanner(known_site, 3, "coil-loss").send(3)
    expect(page.locator(".verdict-scan")).to_contain_text("running")
    expect_verdict(page, "rescan")
    expect(page.locator(".newest figcaption")).to_contain_text("Image 2")
    wide, high, boxes = page.evaluate(MEASURED, FIELD + PARTS)  # at once: the next beat may draw the page again
    assert wide <= width
    assert high <= height or screen in SCROLLING
    assert boxes[".verdict-word"]["height"] >= 0.07 * height
    field = boxes[".verdict"]
    assert all(within(boxes[part], field) for part in FIELD), boxes
    assert within(field, {"left": 0, "top": 0, "right": width, "bottom": height})
    for part in PARTS:
        assert within(boxes[part], {"left": 0, "top": 0, "right": width, "bottom": high + 1}), part  # a whole number
        assert boxes[part]["height"] > 0, part
        assert part == ".verdict" or apart(boxes[part], field), part


def within(inner: dict[str, float], outer: dict[str, float]) -> bool:
    return (
        inner["left"] >= outer["left"]
        and inner["top"] >= outer["top"]
        and inner["right"] <= outer["right"]
        and inner["bottom"] <= outer["bottom"]
    )


def apart(one: dict[str, float], other: dict[str, float]) -> bool:
    return (
        one["top"] >= other["bottom"]
        or one["bottom"] <= other["top"]
        or one["left"] >= other["right"]
        or one["right"] <= other["left"]
    )
