"""The pictures of docs/page: `python -m benchmarks.page_pictures`, from real runs in Debian's Chromium.

The scan is the bundled one, its repetitions and faults are simulated as in `scanside demo`; the appliance, the page and
the browser are as they are shipped. One argument names another folder.
"""

import sys
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import cv2
import numpy as np

from benchmarks.chromium import chromium
from benchmarks.exposure import Blocks, Exposure, brain_series, with_impossible_numbers
from benchmarks.phantom import temporary_folder
from benchmarks.site import Site, closing_site
from benchmarks.small_png import small_png
from firmware.console.follow import LEARNED

if TYPE_CHECKING:
    from playwright.sync_api import Browser, Page

FOLDER = Path(__file__).parents[1] / "docs" / "page"
_WIDTH, _HEIGHT = 1280, 720
_JPEG = 60
_SETTLE_MS = 700
_LOST_MS = 6000
_ROOM = 'room = "MR 2"'


@dataclass(frozen=True, slots=True)
class Shot:
    """One picture, and what is simulated in it."""

    name: str
    kind: str = "none"
    element: str | None = None
    images: int = 8
    first: int = 4
    impossible: bool = False


GLANCES = (
    Shot("glance-ok"),
    Shot("glance-warn", "coil-loss", "5"),
    Shot("glance-repeat", "coil-loss"),
    Shot("glance-not-judged", impossible=True),
)


def main() -> None:
    """Writes every picture."""
    folder = Path(sys.argv[1]) if len(sys.argv) > 1 else FOLDER
    folder.mkdir(parents=True, exist_ok=True)
    with temporary_folder() as state, chromium() as browser:
        (Path(state) / "new").mkdir()
        with closing_site(Site(Path(state) / "new", console=_ROOM)) as site:
            _learning(site, browser, folder)
        with closing_site(Site(Path(state), console=_ROOM)) as site:
            for seed in range(LEARNED):
                _played(site, brain_series(1, seed=seed)).end()
            for shot in GLANCES:
                _glance(site, browser, folder, shot)
            _views(site, browser, folder)
            _lost(site, browser, folder)


def _played(site: Site, blocks: Blocks, images: int = 1) -> Exposure:
    series = Exposure(blocks, site.scanner_port)
    series.send(images)
    return series


def _page(browser: "Browser", site: Site, view: str = "") -> "Page":
    context = browser.new_context(viewport={"width": _WIDTH, "height": _HEIGHT}, color_scheme="dark", locale="en-GB")
    page = context.new_page()
    page.goto(f"{site.address}/#/{view}")
    return page


def _learning(site: Site, browser: "Browser", folder: Path) -> None:
    page = _page(browser, site)
    _played(site, brain_series(1)).end()
    series = _played(site, brain_series(8, seed=1), 6)
    page.wait_for_selector(".field-learning")
    page.wait_for_selector("text=Image 5")
    _save(page, folder / "glance-learning.png")
    series.end()


def _glance(site: Site, browser: "Browser", folder: Path, shot: Shot) -> None:
    blocks = brain_series(shot.images, shot.kind, first=shot.first, element=shot.element, seed=3)
    blocks = with_impossible_numbers(blocks, shot.first) if shot.impossible else blocks
    page = _page(browser, site)
    series = _played(site, blocks, shot.images - 2)
    page.wait_for_selector(f"text=Image {shot.images - 3}")
    _save(page, folder / f"{shot.name}.png")
    series.send(2)
    series.end()
    page.context.close()


def _views(site: Site, browser: "Browser", folder: Path) -> None:
    """The exam begins anew: a series to repeat, its repeat, and one that runs."""
    page = _page(browser, site, "exam")
    page.get_by_role("button", name="Next patient").click()
    page.get_by_role("button", name="Yes, begin").click()
    for kind, protocol in (("coil-loss", "t2_tse_tra"), ("none", "t2_tse_tra"), ("none", "t1_mprage")):
        _played(site, brain_series(12, kind, first=4, protocol=protocol), 12).end()
    faulted = _played(site, brain_series(12, "rf-interference", first=3, protocol="dwi_b1000"), 12)
    faulted.end()
    running = _played(site, brain_series(20, seed=5, protocol="flair_tra"), 8)
    page.reload()
    page.wait_for_selector("tr[data-status=running]")
    _save(page, folder / "exam.png")
    page.goto(f"{site.address}/#/past")
    page.wait_for_selector("table")
    _save(page, folder / "past.png")
    scan = page.get_by_role("link", name="dwi_b1000").get_attribute("href")
    name = (scan or "").rsplit("/", 1)[-1]
    page.goto(f"{site.address}/#/look/{name}/8")
    page.wait_for_selector(".look-reading")
    _save(page, folder / "look.jpg")
    page.goto(f"{site.address}/#/numbers/{name}")
    page.wait_for_selector(".chart")
    _save(page, folder / "numbers.png")
    running.end()
    page.context.close()


def _lost(site: Site, browser: "Browser", folder: Path) -> None:
    page = _page(browser, site)
    _played(site, brain_series(6, "coil-loss", first=3, seed=2), 6).end()
    page.wait_for_selector(".field-rescan")
    site.kill()
    page.wait_for_selector(".field-lost")
    page.wait_for_timeout(_LOST_MS)
    _save(page, folder / "connection-lost.png")
    page.context.close()


def _save(page: "Page", path: Path) -> None:
    """As few bytes as show it well: a palette for flat colours, JPEG for what is mostly an image."""
    page.wait_for_timeout(_SETTLE_MS)
    shown = cv2.imdecode(np.frombuffer(page.screenshot(), np.uint8), cv2.IMREAD_COLOR)
    assert shown is not None
    if path.suffix == ".jpg":
        cv2.imwrite(str(path), shown, [cv2.IMWRITE_JPEG_QUALITY, _JPEG])
    else:
        path.write_bytes(small_png(np.ascontiguousarray(shown[..., ::-1], np.uint8)))
    print(f"{path.name}: {path.stat().st_size // 1024} KiB")


if __name__ == "__main__":
    main()
