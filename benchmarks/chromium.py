"""Debian's Chromium, driven for a benchmark or a picture."""

import contextlib
import shutil
from collections.abc import Iterator
from typing import TYPE_CHECKING

from engine.errors import Unavailable

if TYPE_CHECKING:
    from playwright.sync_api import Browser

ARGUMENTS = ["--no-sandbox", "--disable-dev-shm-usage"]
"""Root has no sandbox, and a container's /dev/shm is small."""


@contextlib.contextmanager
def chromium() -> "Iterator[Browser]":
    """A headless browser; raises Unavailable where there is none."""
    try:
        from playwright.sync_api import sync_playwright
    except ImportError as error:
        raise Unavailable("playwright is missing", mend="make setup-dev") from error
    program = shutil.which("chromium")
    if program is None:
        raise Unavailable("chromium is missing", mend="apt install chromium")
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=program, args=ARGUMENTS)
        try:
            yield browser
        finally:
            browser.close()
