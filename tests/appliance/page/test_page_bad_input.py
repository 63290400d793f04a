"""What is not there, not allowed or too much is said in a sentence, and nothing else stops working."""

import re
import shutil
from collections.abc import Iterator

import pytest
from playwright.sync_api import expect

from benchmarks.exposure import Exposure, brain_series
from benchmarks.site import Site, closing_site, recorded_at
from tests.appliance.page.watched import UNREACHED, expect_verdict

pytestmark = pytest.mark.appliance


@pytest.fixture(scope="module")
def small_site(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Site]:
    """Two browsers at most; two series of three images are recorded."""
    site = Site(tmp_path_factory.mktemp("small"), console="viewers = 2")
    with closing_site(site):
        for seed in range(2):
            series = Exposure(brain_series(3, seed=seed), site.scanner_port)
            series.send(3)
            series.end()
        yield site


def first_scan(site: Site) -> str:
    """Not the one that the glance shows."""
    return min(scan for scan, _ in recorded_at(site))


@pytest.mark.parametrize(
    "view", ["scan/s9-9", "look/s9-9/3", "numbers/s9-9", "scan/..%2F..%2Fetc", "look/%00/x", "nowhere"]
)
def test_an_address_of_nothing_says_so_and_leads_back(view: str, small_site: Site, browser_of) -> None:
    watched = browser_of(small_site)
    watched.allowed.append(r"Failed to load resource.*40[04]")
    page = watched.open(view)
    expect(page.locator("main")).to_contain_text(re.compile("no such view" if view == "nowhere" else "scan", re.I))
    expect(page.locator("main .notice, main a[href='#/']").first).to_be_visible()
    page.keyboard.press("g")
    expect_verdict(page, "learning")


def test_a_removed_picture_is_said_and_the_next_one_is_shown(small_site: Site, browser_of) -> None:
    scan = first_scan(small_site)
    for file in (small_site.folder / "state" / "pictures" / scan).glob("1.*"):
        file.unlink()
    watched = browser_of(small_site)
    watched.allowed.append(r"Failed to load resource.*410")
    page = watched.open(f"look/{scan}/1")
    expect(page.locator(".look-empty .notice")).to_contain_text("picture")
    page.keyboard.press(".")
    expect(page.locator("canvas[aria-label^='Image 2']")).to_be_visible()


def test_three_tabs_are_one_viewer_and_one_viewer_too_many_is_told(small_site: Site, browser_of) -> None:
    first, second, third = (browser_of(small_site) for _ in range(3))
    third.allowed.append(r"Failed to load resource.*503")
    tabs = [first.open() for _ in range(3)]
    for tab in [*tabs, second.open()]:
        expect_verdict(tab, "learning")
    refused = third.open()
    expect_verdict(refused, "lost")
    expect(refused.locator("section.verdict")).to_contain_text("2")
    second.context.close()
    expect_verdict(refused, "learning")


def test_a_record_without_its_pictures_is_still_a_record(small_site: Site, browser_of) -> None:
    scan = first_scan(small_site)
    shutil.rmtree(small_site.folder / "state" / "pictures" / scan)
    watched = browser_of(small_site)
    watched.allowed += [r"Failed to load resource.*410", UNREACHED]
    page = watched.open(f"scan/{scan}")
    expect(page.locator(".facts")).to_contain_text("0 images")
    expect(page.locator(".filmstrip button").first).to_have_accessible_name("Image 0, OK, no picture")
