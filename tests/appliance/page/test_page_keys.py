"""Everything can be reached and done by keys, and each key does what the help says."""

import pytest
from playwright.sync_api import Page, expect

from benchmarks.site import Site
from tests.appliance.page.watched import expect_verdict

pytestmark = pytest.mark.appliance


def focused(page: Page) -> str:
    return str(page.evaluate("document.activeElement.closest('a, button, h1, main, input')?.textContent ?? ''")).strip()


def pressed(page: Page, name: str) -> str | None:
    return page.get_by_role("button", name=name, exact=True).get_attribute("aria-pressed")


def test_from_the_glance_to_a_scan_of_the_past_by_keys_alone(known_site: Site, browser_of, scanner) -> None:
    page = browser_of(known_site).open()
    series = scanner(known_site, 4, "coil-loss", first=2, protocol="of_keys")
    series.send(4)
    expect(page.locator(".verdict-scan")).to_contain_text("running")
    expect_verdict(page, "rescan")
    series.end()
    expect(page.locator(".verdict-scan")).to_contain_text("ended")
    page.keyboard.press("e")
    expect(page.get_by_role("heading", level=1)).to_have_text("May the patient leave?")
    expect(page.locator("tr[data-status=repeat_advised]").last).to_contain_text("Repeat advised")
    page.keyboard.press("l")
    look_by_keys(page)
    page.keyboard.press("n")
    expect(page.get_by_role("heading", level=1)).to_contain_text("Numbers")
    expect(page.get_by_role("heading", name="Outside a limit")).to_be_visible()
    page.get_by_role("button", name="As a table").focus()
    page.keyboard.press("Enter")
    expect(page.get_by_role("table", name="Every measurement")).to_be_visible()
    page.keyboard.press("p")
    expect(page.get_by_role("heading", level=1)).to_have_text("Past scans")
    page.get_by_role("link", name="of_keys").first.focus()
    page.keyboard.press("Enter")
    expect(page.get_by_role("heading", level=1)).to_contain_text("REPEAT")
    expect(page.get_by_role("heading", level=1)).to_be_focused()
    page.keyboard.press("Escape")
    expect(page.get_by_role("heading", level=1)).to_have_text("Past scans")
    page.keyboard.press("s")
    expect(page.get_by_role("heading", level=1)).to_have_text("System")
    page.keyboard.press("g")
    expect_verdict(page, "rescan")


def look_by_keys(page: Page) -> None:
    """Hold, go back, window, zoom, invert, reset, evidence, live."""
    expect(page.locator("canvas[aria-label^='Image 3']")).to_be_visible()
    page.keyboard.press(" ")
    expect(page.get_by_role("button", name="Live again")).to_be_visible()
    page.keyboard.press(",")
    expect(page.locator("canvas[aria-label^='Image 2']")).to_be_visible()
    reading = page.locator(".look-reading")
    expect(reading).to_contain_text("as proposed")
    page.keyboard.press("ArrowUp")
    page.keyboard.press("ArrowLeft")
    expect(reading).not_to_contain_text("as proposed")
    page.keyboard.press("+")
    expect(reading).to_contain_text("Zoom 1.3")
    page.keyboard.press("i")
    assert pressed(page, "Inverted") == "true"
    page.keyboard.press("0")
    expect(reading).to_contain_text("as proposed")
    expect(reading).to_contain_text("Zoom 1.0")
    assert pressed(page, "Coil elements") == "true", "what explains the finding is open by itself"
    expect(page.locator(".element-bad")).to_have_count(4)
    shown = page.get_by_role("img", name="k-space of image 2")
    for _ in range(2):
        there = shown.count()
        page.keyboard.press("k")
        expect(shown).to_have_count(1 - there)
    page.keyboard.press("o")
    assert pressed(page, "Where it is wrong") == "false"
    page.keyboard.press("Home")
    expect(page.get_by_role("button", name="Hold this image")).to_be_visible()


VIEWS = {
    "": ".notes",
    "exam": "table",
    "look": ".look-reading",
    "numbers": ".chart",
    "past": "table",
    "system": ".counters",
}
"""View -> what of it comes last."""
FOCUSABLE = """() => [...document.querySelectorAll("a, button, input, select, summary, [tabindex='0']")]
  .filter((one) => one.tabIndex >= 0 && !one.disabled && one.checkVisibility({ visibilityProperty: true })).length"""


def places_in_turn(page: Page) -> int:
    """How many places the tab key stops at until it comes to the first again."""
    page.evaluate("() => { window.stops = new Set(); }")
    for _ in range(300):
        page.keyboard.press("Tab")
        if page.evaluate(
            """() => {
                const here = document.activeElement;
                if (window.stops.has(here)) return here === [...window.stops][0];
                if (here !== document.body) window.stops.add(here);
                return false;
            }"""
        ):
            return int(page.evaluate("window.stops.size"))
    raise AssertionError("the tab key never comes round")


def play(site: Site, scanner) -> None:
    """A series for the page to show."""
    series = scanner(site, 2, "coil-loss", first=1)
    series.send(2)
    series.end()


def test_tab_reaches_everything_and_is_never_trapped(known_site: Site, browser_of, scanner) -> None:
    play(known_site, scanner)
    page = browser_of(known_site).open()
    expect(page.locator("section.verdict")).to_be_visible()
    page.keyboard.press("Tab")
    assert focused(page) == "Skip to the content"
    page.keyboard.press("Enter")
    assert page.evaluate("document.activeElement.id") == "main"
    for view, there in VIEWS.items():
        page.goto(f"{known_site.address}/#/{view}")
        expect(page.locator(there).first).to_be_visible()
        expect(page.get_by_role("heading", level=1)).to_have_count(1)
        assert places_in_turn(page) == page.evaluate(FOCUSABLE), view


def test_the_help_names_the_keys_and_gives_the_focus_back(known_site: Site, browser_of, scanner) -> None:
    play(known_site, scanner)
    page = browser_of(known_site).open()
    expect(page.locator(".notes")).to_be_visible()
    page.get_by_role("link", name="Past").focus()
    page.keyboard.press("?")
    expect(page.get_by_role("dialog", name="Keys")).to_contain_text("Acknowledge")
    page.keyboard.press("Escape")
    expect(page.get_by_role("dialog")).to_have_count(0)
    assert focused(page) == "Past"


def test_keys_stay_quiet_while_somebody_types(known_site: Site, browser_of) -> None:
    page = browser_of(known_site).open("past")
    field = page.get_by_role("searchbox")
    field.focus()
    page.keyboard.type("gels")
    expect(field).to_have_value("gels")
    expect(page.get_by_role("heading", level=1)).to_have_text("Past scans")


def test_theme_and_sound_are_remembered_and_sound_is_off_at_first(known_site: Site, browser_of) -> None:
    watched = browser_of(known_site)
    page = watched.open()
    sound = page.locator("header").get_by_role("button", name="Sound")
    expect(sound).to_have_attribute("aria-pressed", "false")
    before = page.evaluate("getComputedStyle(document.body).backgroundColor")
    page.keyboard.press("t")
    page.keyboard.press("m")
    expect(sound).to_have_attribute("aria-pressed", "true")
    other = watched.open()
    expect(other.locator("header").get_by_role("button", name="Sound")).to_have_attribute("aria-pressed", "true")
    assert other.evaluate("getComputedStyle(document.body).backgroundColor") != before
