"""What `scanside bench console` is made of; no timing is asserted."""

import subprocess
import sys
from itertools import islice
from pathlib import Path

import cv2
import numpy as np
import pytest
from playwright.sync_api import Browser

from benchmarks.console import table
from benchmarks.console_delay import WATCH, seen_after_ms
from benchmarks.console_loop import VIEWERS, least_events
from benchmarks.console_memory import small_series
from benchmarks.exposure import Exposure, brain_series, with_impossible_numbers
from benchmarks.site import Site, closing_site, recorded_at
from benchmarks.small_png import small_png


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory):
    with closing_site(Site(tmp_path_factory.mktemp("site"))) as site:
        yield site


@pytest.mark.appliance
def test_the_small_images_of_a_long_series_are_judged(site: Site) -> None:
    before = recorded_at(site).keys()
    series = Exposure(small_series(40), site.scanner_port)
    series.send(40)
    assert series.end().images == 40
    assert sorted(number for _, number in recorded_at(site).keys() - before) == list(range(40))


@pytest.mark.appliance
def test_every_viewer_has_every_event(site: Site) -> None:
    command = [sys.executable, "-m", "benchmarks.viewers", str(site.page_port), "5"]
    viewers = subprocess.Popen(command, stdout=subprocess.PIPE, text=True)
    try:
        assert viewers.stdout is not None
        assert viewers.stdout.readline() == "ready\n"
        series = Exposure(brain_series(3), site.scanner_port)
        series.send(3)
        series.end()
        assert least_events(viewers) >= 3
    finally:
        viewers.kill()
        viewers.wait(10)


@pytest.mark.appliance
def test_an_image_is_seen_by_its_scan_not_by_a_number_that_the_last_scan_had_too(chromium: Browser) -> None:
    page = chromium.new_page()
    page.set_content('<figure class="newest"><figcaption><a href="#/look/s1-1/1">Image 1</a></figcaption></figure>')
    page.evaluate(WATCH)
    page.evaluate("document.body.append('a clock goes on')")
    page.wait_for_function("window.shown['s1-1/1']")
    before = page.evaluate("Date.now() / 1000")
    page.evaluate("document.querySelector('a').href = '#/look/s1-2/1'")
    page.wait_for_function("window.shown['s1-2/1']")
    page.evaluate("for (const number of [2, 3]) document.querySelector('a').href = `#/look/s1-2/${number}`")
    page.wait_for_function("window.shown['s1-2/3']")
    shown = page.evaluate("window.shown")
    page.close()
    recorded = {("s1-2", number): before for number in (0, 1, 2, 3)}
    delays = seen_after_ms(recorded, shown)
    assert (len(delays), min(delays) >= 0) == (2, True), "image 0 was never there, image 2 never drawn"


def test_impossible_numbers_are_in_the_images_asked_for() -> None:
    clean, broken = (list(blocks) for blocks in (brain_series(3), with_impossible_numbers(brain_series(3), 1)))
    different = [not np.array_equal(a, b) for a, b in zip(clean, broken, strict=True)]
    assert different == [False, False, True, True]
    assert np.isnan(broken[2][-8:].view(np.complex64)).all()


def test_the_same_seed_gives_the_same_images() -> None:
    first, second, other = (list(islice(brain_series(2, seed=seed), 3)) for seed in (4, 4, 5))
    assert all(np.array_equal(a, b) for a, b in zip(first, second, strict=True))
    assert not np.array_equal(first[1], other[1])


def test_a_small_png_keeps_greys_and_common_colours(tmp_path: Path) -> None:
    picture = np.zeros((40, 60, 3), np.uint8)
    picture[:20] = np.arange(60, dtype=np.uint8)[:, None] * 4
    picture[20:, :30], picture[20:, 30:] = (160, 12, 30), (255, 200, 20)
    picture[39, 59] = (1, 2, 250)
    read = cv2.imdecode(np.frombuffer(small_png(picture), np.uint8), cv2.IMREAD_COLOR)[..., ::-1]
    assert np.abs(read[:20].astype(int) - picture[:20]).max() <= 5
    assert np.array_equal(read[20:], picture[20:])


def test_the_table_names_everything_that_was_measured() -> None:
    times = {"p50": 1.0, "p99": 2.0, "max": 3.0, "n": 4}
    result = {
        "decision_to_screen_ms": times,
        "images": {"recorded": 4, "seen": 3},
        "floor_bare_event_ms": times,
        "peer_bare_starlette_page_ms": times,
        "loop": {name: {"image_ms": times, "verdict_mqtt_ms": times} for name in VIEWERS},
        "memory": {"frames": 10_000},
        "machine": {"processor": "x", "cores": 2, "load": 0.1},
    }
    assert table(result).row_count == 4 + 2 * len(VIEWERS) + 1
