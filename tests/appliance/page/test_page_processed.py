"""The network's image beside the original, the report, and what the past can be searched for."""

from collections.abc import Iterator

import pytest
from playwright.sync_api import Page, expect

from benchmarks.exposure import Exposure, brain_series
from benchmarks.loop import wait_for_networks
from benchmarks.site import Site, closing_site, recorded_at
from tests.appliance.mrd_client import CLOSE, begin, frame, header, object_kspace, talk, wire
from tests.appliance.page.watched import expect_verdict

pytestmark = pytest.mark.appliance

SETTINGS = '[mqtt]\nenabled = false\n[models]\ndenoise = "{}"\nquality = ""\nbackend = "onnxruntime-cpu:fp32"\n'
HALVES = """() => {
  const canvas = document.querySelector(".look-stage canvas");
  const { width, height } = canvas;
  const half = Math.floor(width / 2) - 2;
  const drawn = (left) => canvas.getContext("2d").getImageData(left, 0, half, height).data;
  const levels = (left) => drawn(left).filter((_, n) => n % 4 === 0);
  const checksum = (sum, level) => (sum * 31 + level) % 4294967291;
  const steps = (sum, level, at, all) => sum + (at ? Math.abs(level - all[at - 1]) : 0);
  return [0, width - half].map((left) => [levels(left).reduce(checksum, 7), levels(left).reduce(steps, 0)]);
}"""
"""Of the left and of the right half of what is drawn: a checksum of the grey levels, and the sum of their steps."""


@pytest.fixture(scope="module")
def trained_site(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Site]:
    """With the network as it is shipped; a series with a fault and one without are recorded."""
    site = Site(tmp_path_factory.mktemp("trained"), settings=SETTINGS.format("denoiser"))
    with closing_site(site):
        wait_for_networks(site.folder / "log.txt", 1)
        for kind in ("coil-loss", "none"):
            series = Exposure(brain_series(2, kind), site.scanner_port)
            series.send(2)
            assert series.end().processed_images == 2
        yield site


@pytest.fixture(scope="module")
def smoothing_site(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Site]:
    """With the package that only smooths: a noisy disc passes for cleaned, anatomy does not."""
    site = Site(tmp_path_factory.mktemp("smooth"), settings=SETTINGS.format("smooth"))
    with closing_site(site):
        wait_for_networks(site.folder / "log.txt", 1)
        series = Exposure(brain_series(1), site.scanner_port)
        series.send()
        assert series.end().processed_images == 0
        disc = frame(object_kspace(signal=3))
        assert len(talk(site.scanner_port, begin(header()) + wire(*disc) + CLOSE).images) == 2
        yield site


def halves(page: Page, share: int) -> list[list[int]]:
    """Left and right half with so many per cent of the original."""
    page.get_by_role("slider").evaluate(
        "(slider, value) => { slider.value = value; slider.dispatchEvent(new Event('input', { bubbles: true })); }",
        str(share),
    )
    page.evaluate("() => new Promise((done) => requestAnimationFrame(() => requestAnimationFrame(done)))")
    return list(page.evaluate(HALVES))


@pytest.mark.parametrize("site", ["smoothing_site", "trained_site"])
def test_original_and_processed_by_key_and_by_slider(site: str, request: pytest.FixtureRequest, browser_of) -> None:
    page = browser_of(request.getfixturevalue(site)).open("look")
    expect(page.locator(".look-note")).to_have_text("original")
    page.keyboard.press("d")
    expect(page.locator(".look-note")).to_contain_text("processed by")
    page.keyboard.press("d")
    expect(page.locator(".look-note")).to_have_text("original")
    page.get_by_role("button", name="Original left, processed right").click()
    original, processed = halves(page, 100), halves(page, 0)
    for rough, smooth in zip(original, processed, strict=True):
        assert smooth[1] < rough[1], "what is processed has less noise"
    assert halves(page, 50) == [original[0], processed[1]]
    slider = page.get_by_role("slider")
    slider.focus()
    page.keyboard.press("ArrowRight")
    expect(slider).to_have_value("51")


def test_why_there_is_no_processed_image_is_said(smoothing_site: Site, browser_of) -> None:
    scan = min(scan for scan, _ in recorded_at(smoothing_site))
    page = browser_of(smoothing_site).open(f"look/{scan}/0")
    expect(page.locator(".look-note")).to_contain_text("No processed image: change too large")
    expect(page.get_by_role("button", name="Processed", exact=True)).to_have_attribute("aria-disabled", "true")


def test_the_report_opens_and_asks_for_nothing(trained_site: Site, browser_of) -> None:
    watched = browser_of(trained_site)
    page = watched.open("past")
    page.get_by_role("link", name="brain_gre_16ch").last.click()
    asked: list[str] = []
    with watched.context.expect_page() as opened:
        page.get_by_role("link", name="Report").click()
    report = opened.value
    report.on("request", lambda request: asked.append(request.url))
    report.reload()
    expect(report.get_by_role("heading", level=1)).to_be_visible()
    expect(report.locator("body")).to_contain_text("REPEAT")
    assert [url for url in asked if not url.startswith("data:")] == [report.url]


def test_the_past_is_searched_by_verdict_protocol_and_day(trained_site: Site, browser_of) -> None:
    page = browser_of(trained_site).open("past")
    links = page.get_by_role("link", name="brain_gre_16ch")
    expect(links).to_have_count(2)
    page.get_by_label("Verdict").select_option("rescan")
    page.get_by_role("button", name="Search").click()
    expect(links).to_have_count(1)
    page.get_by_label("Verdict").select_option("")
    page.get_by_label("Protocol").fill("GRE")
    page.get_by_label("To", exact=True).fill("2000-01-01")
    page.get_by_role("button", name="Search").click()
    expect(page.get_by_role("status").first).to_contain_text("No recorded scan is like that")
    page.get_by_role("button", name="All").click()
    expect(links).to_have_count(2)


def test_the_networks_are_named_on_the_system_page(trained_site: Site, browser_of) -> None:
    page = browser_of(trained_site).open("system")
    expect(page.locator("main")).to_contain_text("onnxruntime-cpu")
    expect(page.locator("main")).to_contain_text("fp32")
    page.keyboard.press("g")
    expect_verdict(page, "learning")
