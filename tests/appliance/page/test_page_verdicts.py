"""From the scanner to the screen: each verdict is seen, in time, and looks like no other."""

import re

import pytest
from playwright.sync_api import Page, expect

from benchmarks.site import Site, recorded_at
from tests.appliance.page.watched import expect_verdict

pytestmark = pytest.mark.appliance

SOON_S = 1.0
ADVICE = "Reseat the coil plug, then repeat this series"


def look_of(page: Page) -> tuple[str, str, str]:
    """Word, silhouette and colour of the verdict, as the browser has them."""
    field = page.locator("section.verdict")
    return (
        " ".join([field.locator(".verdict-word").inner_text(), *field.locator(".verdict-learning").all_inner_texts()]),
        field.locator(".verdict-word svg").evaluate("(shape) => shape.innerHTML"),
        field.evaluate("(field) => getComputedStyle(field).backgroundColor + getComputedStyle(field).borderStyle"),
    )


def test_ok_becomes_repeat_within_a_second_of_its_record_with_the_advice(known_site: Site, browser_of, scanner) -> None:
    page = browser_of(known_site).open()
    before = recorded_at(known_site).keys()
    series = scanner(known_site, 6, "coil-loss", first=3)
    series.send(3)
    expect_verdict(page, "ok")
    page.evaluate("() => { window.seen.length = 0; }")
    series.send(3)
    expect_verdict(page, "rescan")
    expect(page.locator(".story-act")).to_contain_text(ADVICE)
    expect(page.locator(".story-what")).to_contain_text("12, 13, 14, 15")
    expect(page.locator(".story-facts")).to_contain_text("coil elements")
    expect(page.locator(".newest figcaption")).to_contain_text("Image 5")
    series.end()
    recorded = {number: at for (scan, number), at in recorded_at(known_site).items() if (scan, number) not in before}
    seen = next(one["at"] for one in page.evaluate("window.seen") if one["verdict"] == "rescan")
    assert -0.01 <= seen - recorded[3] <= SOON_S


def test_the_five_states_differ_in_word_shape_and_colour(
    known_site: Site, fresh_site: Site, browser_of, scanner
) -> None:
    known, fresh = browser_of(known_site).open(), browser_of(fresh_site).open()
    looks = {}
    for name, page, wishes in (
        ("ok", known, {}),
        ("warn", known, {"kind": "coil-loss", "element": "5"}),
        ("rescan", known, {"kind": "coil-loss"}),
        ("unjudged", known, {"impossible": True}),
        ("learning", fresh, {}),
    ):
        series = scanner(known_site if page is known else fresh_site, 3, **wishes)
        series.send(3)
        expect_verdict(page, name)
        looks[name] = look_of(page)
        series.end()
    words, shapes, colours = zip(*looks.values(), strict=True)
    assert len(set(words)) == len(set(shapes)) == len(set(colours)) == 5, looks
    assert looks["learning"][0] == "OK Still learning this protocol: 0 of 9 series"


def test_a_scan_is_told_by_progress_and_end(known_site: Site, browser_of, scanner) -> None:
    page = browser_of(known_site).open()
    series = scanner(known_site, 4)
    series.send(3)
    expect(page.locator(".progress")).to_contain_text("3 of 4 images")
    expect(page.get_by_role("progressbar")).to_have_attribute("aria-valuenow", "3")
    expect(page.locator(".exam-line")).to_contain_text("Wait")
    expect(page).to_have_title("OK - bay-3")
    series.send()
    series.end()
    expect(page.locator(".progress")).to_contain_text("4 of 4 images")
    expect(page.locator(".verdict-scan")).to_contain_text("ended")


def test_a_screen_reader_is_told_a_repeat_at_once_and_only_once(known_site: Site, browser_of, scanner) -> None:
    page = browser_of(known_site).open()
    page.evaluate(
        """() => {
            window.told = [];
            const region = document.querySelector('[aria-live="assertive"]');
            new MutationObserver(() => region.textContent && window.told.push(region.textContent))
              .observe(region, { childList: true, characterData: true, subtree: true });
        }"""
    )
    series = scanner(known_site, 4, "coil-loss", first=1)
    series.send(4)
    expect(page.locator('[aria-live="assertive"]')).to_contain_text("REPEAT")
    series.end()
    expect(page.locator(".verdict-scan")).to_contain_text("ended")
    assert len(page.evaluate("window.told")) == 1


def test_a_protocol_name_with_markup_is_text(known_site: Site, browser_of, scanner) -> None:
    name = '<img src=x onerror="document.title=1"><b>t2</b>&amp;{{7*7}}'
    page = browser_of(known_site).open()
    series = scanner(known_site, 1, protocol=name)
    series.send()
    expect(page.locator(".verdict-scan a")).to_have_text(name)
    series.end()
    for view in ("exam", "past", page.locator(".verdict-scan a").get_attribute("href").removeprefix("#/")):
        page.goto(f"{known_site.address}/#/{view}")
        expect(page.get_by_text(re.compile(re.escape(name))).first).to_be_visible()
    assert page.locator("img[src=x]").count() == 0
    expect(page).to_have_title(re.compile("^OK - bay-3$"))
