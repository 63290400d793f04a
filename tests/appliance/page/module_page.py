"""A page that can load the console's modules from the working tree, and nothing else."""

from pathlib import Path

from playwright.sync_api import Browser, Page, Route

STATIC = Path(__file__).parents[3] / "firmware" / "console" / "static"
_ADDRESS = "http://127.0.0.1:1"


def module_page(browser: Browser, shell: str, api: dict[str, object] | None = None) -> Page:
    """At `/` the shell; below /api/v1/ what `api` has for a path, 410 for the rest."""
    page = browser.new_page()

    def serve(route: Route) -> None:
        path = route.request.url.removeprefix(_ADDRESS)
        if path == "/":
            route.fulfill(body=shell, content_type="text/html")
        elif path.startswith("/api/v1/"):
            known = (api or {}).get(path.removeprefix("/api/v1/"))
            route.fulfill(status=410, json={"what": "gone"}) if known is None else route.fulfill(json=known)
        else:
            route.fulfill(path=STATIC / path.removeprefix("/static/"))

    page.route("**/*", serve)
    page.goto(f"{_ADDRESS}/")
    return page
