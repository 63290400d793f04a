"""From a decision in the journal to its image's number on the screen, beside the least that a page can be."""

import contextlib
import http.client
import subprocess
import sys
import time
from contextlib import ExitStack
from typing import TYPE_CHECKING, Any

from benchmarks.bare_events import EVERY_S
from benchmarks.exposure import brain_series
from benchmarks.loop import free_port, percentiles
from benchmarks.site import Site, recorded_at, wait_for_answer
from firmware.sources.player import play

if TYPE_CHECKING:
    from playwright.sync_api import Browser, Page

SECONDS_PER_FRAME = 0.1
_ROUNDS = 3
_BARE_S = 4.0
_SETTLE_S = 1.0

# Noted where a person could first see it: in the browser's next drawn frame after the change. An image by its scan and
# number: the page opens on the last scan, whose numbers are those of the next, too.
WATCH = """
window.shown = {};
let latest = "";
new MutationObserver(() => {
  const link = document.querySelector(".newest figcaption a");
  const name = link ? link.hash.split("/").slice(-2).join("/") : document.querySelector(".bare")?.textContent;
  if (!name || name in window.shown) return;
  latest = name;
  window.shown[name] = 0;
  requestAnimationFrame(() => {
    if (name === latest) window.shown[name] = (performance.timeOrigin + performance.now()) / 1000;
  });
}).observe(document, { subtree: true, childList: true, characterData: true, attributeFilter: ["href"] });
"""


def measure_delay(site: Site, browser: "Browser", frames: int) -> dict[str, Any]:
    """ms: page and bare page in turns, in the same browser; of `frames` decisions in all, how many were seen."""
    recorded = 0
    page_ms: list[float] = []
    bare_ms: list[float] = []
    heard_ms: list[float] = []
    for _ in range(_ROUNDS):
        on_page, heard = _bare(browser)
        bare_ms += on_page
        heard_ms += heard
        on_page, images = _page(site, browser, -(-frames // _ROUNDS))
        page_ms += on_page
        recorded += images
    return {
        "decision_to_screen_ms": percentiles(page_ms),
        "images": {"recorded": recorded, "seen": len(page_ms)},
        "peer_bare_starlette_page_ms": percentiles(bare_ms),
        "floor_bare_event_ms": percentiles(heard_ms),
    }


def _page(site: Site, browser: "Browser", frames: int) -> tuple[list[float], int]:
    """ms of each image that was seen, and how many there were."""
    with ExitStack() as stack:
        page = _open(browser, site.address, stack)
        page.wait_for_selector(".verdict")
        before = recorded_at(site)
        play(brain_series(frames), "127.0.0.1", site.scanner_port, seconds_per_block=SECONDS_PER_FRAME, pieces=4)
        time.sleep(_SETTLE_S)
        shown = page.evaluate("window.shown")
        recorded = {image: at for image, at in recorded_at(site).items() if image not in before}
    return seen_after_ms(recorded, shown), len(recorded)


def seen_after_ms(recorded: dict[tuple[str, int], float], shown: dict[str, float]) -> list[float]:
    """ms from record to screen of each image that was drawn; `shown` by "scan/number", 0: the next came before it."""
    names = {f"{scan}/{number}": at for (scan, number), at in recorded.items()}
    return [1e3 * (shown[name] - at) for name, at in names.items() if shown.get(name)]


def _bare(browser: "Browser") -> tuple[list[float], list[float]]:
    """At the screen, and at a plain reader of the stream."""
    port = free_port()
    server = subprocess.Popen([sys.executable, "-m", "benchmarks.bare_events", str(port)])
    try:
        wait_for_answer(port, "/", server)
        with ExitStack() as stack:
            page = _open(browser, f"http://127.0.0.1:{port}", stack)
            page.wait_for_timeout(1e3 * _BARE_S)
            shown, made = page.evaluate("[window.shown, window.made]")
        return [1e3 * (at - made[number]) for number, at in shown.items() if at], _heard(port)
    finally:
        server.kill()
        server.wait(10)


def _heard(port: int) -> list[float]:
    """ms from each of the next events to this process, which does nothing else."""
    asked = http.client.HTTPConnection("127.0.0.1", port, timeout=10)
    with contextlib.closing(asked):
        asked.request("GET", "/events")
        answer = asked.getresponse()
        found: list[float] = []
        while len(found) < _BARE_S / EVERY_S:
            if (line := answer.readline()).startswith(b"data: "):
                found.append(1e3 * (time.time() - float(line.split()[2])))
    return found


def _open(browser: "Browser", address: str, stack: ExitStack) -> "Page":
    context = browser.new_context(viewport={"width": 1280, "height": 720})
    stack.callback(context.close)
    context.add_init_script(WATCH)
    page = context.new_page()
    page.goto(address)
    return page
