"""A browser of its own whose every slip is a failure: errors in the console, broken rules of content, foreign requests.

One context is one browser to the appliance: its tabs share cookies, storage and the shared worker.
"""

import re
import time
from dataclasses import dataclass, field
from urllib.parse import urlsplit

from playwright.sync_api import BrowserContext, ConsoleMessage, Page, Request, expect

# What the page shows is noted when it is drawn, by the machine's own clock, which the journal's times come from.
NOTES = """
addEventListener("securitypolicyviolation", (event) =>
  console.error(`content policy: ${event.violatedDirective} ${event.blockedURI}`));
window.seen = [];
const note = () => {
  const verdict = /field-(\\w+)/.exec(document.querySelector("section.verdict")?.className)?.[1] ?? "";
  const number = /\\d+/.exec(document.querySelector(".newest figcaption a")?.textContent)?.[0] ?? "";
  const last = window.seen.at(-1);
  if (last?.verdict !== verdict || last?.number !== number) {
    window.seen.push({ at: Date.now() / 1000, verdict, number });
    if (window.seen.length > 2000) window.seen.shift();
  }
};
new MutationObserver(note).observe(document, { subtree: true, childList: true, attributes: true, characterData: true });
"""


@dataclass
class Watched:
    """One browser; `clean` raises when anything happened that should not have."""

    context: BrowserContext
    address: str
    slips: list[str] = field(default_factory=list)
    allowed: list[str] = field(default_factory=list)
    """Regular expressions of slips that a test brings about itself."""

    def __post_init__(self) -> None:
        self.context.add_init_script(NOTES)
        self.context.on("console", self._on_console)
        self.context.on("weberror", lambda error: self.slips.append(f"page error: {error.error}"))
        self.context.on("request", self._on_request)
        self.context.set_default_timeout(15_000)

    def _on_console(self, message: ConsoleMessage) -> None:
        if message.type == "error":
            self.slips.append(f"console: {message.text} ({message.location.get('url', '')})")

    def _on_request(self, request: Request) -> None:
        parts = urlsplit(request.url)
        if parts.scheme not in ("data", "blob") and f"{parts.scheme}://{parts.netloc}" != self.address:
            self.slips.append(f"request to another address: {request.url}")

    def open(self, route: str = "") -> Page:
        """A new tab of this browser at a view."""
        page = self.context.new_page()
        page.goto(f"{self.address}/#/{route}")
        return page

    def clean(self) -> None:
        left = [slip for slip in self.slips if not any(re.search(rule, slip) for rule in self.allowed)]
        assert not left, "\n".join(left)


UNREACHED = r"Failed to load resource|net::ERR_|ERR_CONNECTION"
"""What Chromium itself writes when a process does not answer."""


def expect_verdict(page: Page, name: str, seconds: float = 15) -> None:
    """Wait until the glance shows this verdict, by the name of its look."""
    expect(page.locator("section.verdict")).to_have_class(re.compile(rf"\bfield-{name}\b"), timeout=1000 * seconds)


def expect_seen(page: Page, name: str, seconds: float = 15) -> None:
    """Wait until the glance has shown this verdict, if only for a moment."""
    end = time.monotonic() + seconds
    while not any(one["verdict"] == name for one in page.evaluate("window.seen")):
        assert time.monotonic() < end, page.evaluate("window.seen")
        page.wait_for_timeout(50)
