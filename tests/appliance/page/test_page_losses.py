"""The page says itself within three seconds that what it shows may be old, whoever fell silent, and comes back."""

import signal
import time

import psutil
import pytest
from playwright.sync_api import Page, expect

from benchmarks.site import Site, recorded_at, wait_for_answer
from tests.appliance.page.watched import UNREACHED, Watched, expect_seen, expect_verdict

pytestmark = pytest.mark.appliance

SHOWN_S = 3.0
SILENT = {"loop": "judging loop gives no sign", "console": "own process gives no sign"}


def expect_lost_in_time(page: Page, since: float) -> None:
    """Within three seconds of `since` the page says that it has lost the appliance, and how old its verdict is."""
    expect_verdict(page, "lost")
    at = next(one["at"] for one in reversed(page.evaluate("window.seen")) if one["verdict"] == "lost")
    assert at - since <= SHOWN_S, "the page notes the time itself when it draws"
    expect(page.locator(".verdict-word")).to_have_text("CONNECTION LOST")


def judged_page(site: Site, watched: Watched, scanner) -> Page:
    """The glance after a series that asks for a repeat."""
    page = watched.open()
    series = scanner(site, 2, "coil-loss")
    series.send(2)
    expect_verdict(page, "rescan")
    series.end()
    expect(page.locator(".verdict-scan")).to_contain_text("ended")
    return page


@pytest.mark.parametrize("who", ["loop", "console"])
def test_one_that_is_stopped_is_told_and_comes_back(who: str, fresh_site: Site, browser_of, scanner) -> None:
    watched = browser_of(fresh_site)
    watched.allowed.append(UNREACHED)
    page = judged_page(fresh_site, watched, scanner)
    stopped = fresh_site.running if who == "loop" else fresh_site.page_process
    began = time.time()
    stopped.send_signal(signal.SIGSTOP)
    try:
        expect_lost_in_time(page, began)
        expect(page.locator(".story-what")).to_contain_text(SILENT[who])
        expect(page.locator(".verdict-last")).to_contain_text("REPEAT")
        expect(page.locator(".verdict-last")).to_contain_text("old")
        expect(page).to_have_title("LOST - bay-3")
    finally:
        stopped.send_signal(signal.SIGCONT)
    expect_verdict(page, "rescan")


def test_a_killed_console_is_told_and_is_started_again_on_its_port(fresh_site: Site, browser_of, scanner) -> None:
    watched = browser_of(fresh_site)
    watched.allowed.append(UNREACHED)
    page = judged_page(fresh_site, watched, scanner)
    frames = len(recorded_at(fresh_site))
    series = scanner(fresh_site, 2)
    began = time.time()
    fresh_site.page_process.kill()
    series.send(2)
    assert series.end().images == 2, "the scanner gets its images all the same"
    assert len(recorded_at(fresh_site)) == frames + 2
    wait_for_answer(fresh_site.page_port, "/ready", fresh_site.running)
    expect_verdict(page, "learning")
    expect(page.locator(".newest figcaption")).to_contain_text("Image 1")
    lost = [one["at"] for one in page.evaluate("window.seen") if one["verdict"] == "lost" and one["at"] > began]
    assert not lost or lost[0] - began <= SHOWN_S, "back before it had to be told, or told in time"


def test_a_killed_appliance_is_told_and_a_new_one_takes_over(fresh_site: Site, browser_of, scanner) -> None:
    watched = browser_of(fresh_site)
    watched.allowed.append(UNREACHED)
    page = judged_page(fresh_site, watched, scanner)
    cut_off = scanner(fresh_site, 3)
    cut_off.send()
    expect_verdict(page, "learning")
    began = time.time()
    fresh_site.kill()
    expect_lost_in_time(page, began)
    cut_off.end()
    fresh_site.start()
    expect_verdict(page, "unjudged")  # the scan that the power cut off: nobody judged it
    expect(page.locator(".story-what")).to_contain_text("stopped during this scan")
    series = scanner(fresh_site, 1)
    series.send()
    expect_verdict(page, "learning")
    series.end()


def test_other_views_say_it_too(fresh_site: Site, browser_of, scanner) -> None:
    watched = browser_of(fresh_site)
    watched.allowed.append(UNREACHED)
    judged_page(fresh_site, watched, scanner)
    page = watched.open("exam")
    expect(page.get_by_role("heading", level=1)).to_be_visible()
    fresh_site.running.send_signal(signal.SIGSTOP)
    try:
        expect(page.locator(".shell-lost")).to_contain_text("CONNECTION LOST")
    finally:
        fresh_site.running.send_signal(signal.SIGCONT)
    expect(page.locator(".shell-lost")).to_have_count(0)


@pytest.mark.parametrize("hours", [1, -1])
def test_a_wall_clock_that_jumps_is_no_verdict_of_now(hours: int, known_site: Site, browser_of, scanner) -> None:
    watched = browser_of(known_site)
    watched.context.add_init_script(
        "{ const now = Date.now.bind(Date); window.jump = 0; Date.now = () => now() + window.jump; }"
    )
    page: Page = watched.open()
    series = scanner(known_site, 1)
    series.send()
    expect_verdict(page, "ok")
    page.evaluate("() => { window.seen.length = 0; }")
    page.evaluate(f"window.jump = {hours} * 3600 * 1000")
    expect_seen(page, "lost")
    expect_verdict(page, "ok")
    series.end()


def test_a_browser_that_slept_shows_what_is_so_now(known_site: Site, browser_of, scanner) -> None:
    page = browser_of(known_site).open()
    series = scanner(known_site, 4, "coil-loss", first=1)
    series.send()
    expect_verdict(page, "ok")
    asleep = [process for process in psutil.Process().children(recursive=True) if "chrom" in process.name()]
    for process in asleep:
        process.suspend()
    series.send(3)
    series.end()
    for process in asleep:
        process.resume()
    expect_verdict(page, "rescan")
    expect(page.locator(".newest figcaption")).to_contain_text("Image 3")
