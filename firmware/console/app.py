"""The page and its HTTP interface as one ASGI application."""

from pathlib import Path

from starlette.applications import Starlette
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import FileResponse, Response
from starlette.routing import Mount, Route
from starlette.staticfiles import StaticFiles

from engine.errors import InputRefused, ScansideError
from firmware.console.console import Console
from firmware.console.guard import App, allowed_hosts, guarded
from firmware.console.refusals import Refused, refused
from firmware.console.routes import ROUTES
from firmware.console.serving import endpoint
from firmware.journal_access import RecordUnreadable
from firmware.pictures.files import PictureGone

STATIC = Path(__file__).with_name("static")

_STATUS = {PictureGone: 410, RecordUnreadable: 503, InputRefused: 400}


def application(console: Console, port: int) -> App:
    """Everything that is served on `port`, behind its guard."""
    routes: list[Route | Mount] = [
        Route(route.path, endpoint(route, console), methods=[route.method]) for route in ROUTES
    ]
    routes += [Route("/", _index), Mount("/static", StaticFiles(directory=STATIC))]
    inner = Starlette(
        routes=routes,
        exception_handlers={ScansideError: _explained, HTTPException: _unknown, Exception: _fault},
    )
    inner.router.redirect_slashes = False
    return guarded(inner, allowed_hosts(port), console.live.token)


def _index(_request: Request) -> Response:
    return FileResponse(STATIC / "index.html", media_type="text/html")


def _explained(_request: Request, error: Exception) -> Response:
    assert isinstance(error, ScansideError)
    if isinstance(error, Refused):
        return refused(error.status, error.what, error.mend)
    status = next((code for kind, code in _STATUS.items() if isinstance(error, kind)), 500)
    what = f"{error.where}: {error.what}" if error.where else error.what
    return refused(status, what, error.mend)


def _unknown(_request: Request, error: Exception) -> Response:
    assert isinstance(error, HTTPException)
    what = "there is nothing at this address" if error.status_code == 404 else error.detail
    return refused(error.status_code, what, "begin at /" if error.status_code == 404 else "")


def _fault(_request: Request, _error: Exception) -> Response:
    return refused(500, "the page has a fault here", "its log says more; verdicts go on by themselves")
