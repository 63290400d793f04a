"""Answers about what stands now."""

from collections.abc import Awaitable, Callable
from typing import Any

import msgspec
from starlette.responses import Response

from firmware.console.api import Exam, HealthState, Now, Ready, RowList
from firmware.console.asked import Nothing
from firmware.console.console import Console
from firmware.console.refusals import refused
from firmware.console.rows import shipped_rows

SILENT_S = 2.5
"""s without a sign of life after which the loop counts as gone."""

_FEWER = "close one of them, or raise viewers in [console] of the configuration"


def now(console: Console, _asked: Nothing) -> Now:
    return console.live.now()


def exam(console: Console, _asked: Nothing) -> Exam:
    return console.live.board.exam


def health(console: Console, _asked: Nothing) -> HealthState:
    return console.live.health()


def limits(_console: Console, _asked: Nothing) -> RowList:
    return shipped_rows()


def alive(_console: Console, _asked: Nothing) -> Ready:
    return Ready(ready=True, why_not="")


def ready(console: Console, _asked: Nothing) -> Ready | Response:
    live = console.live
    why = live.problem or ("the loop gives no sign of life" if live.silent_s > SILENT_S else "")
    answer = Ready(ready=not why, why_not=why)
    return Response(msgspec.json.encode(answer), 503, media_type="application/json") if why else answer


def description(_console: Console, _asked: Nothing) -> Response:
    from firmware.console.openapi import rendered  # it is made from the table that names this function

    return Response(rendered(), media_type="application/json")


def events(console: Console, _asked: Nothing) -> Callable[[Any, Any, Any], Awaitable[None]]:
    """One browser's stream."""
    hub = console.live.hub

    async def serve(scope: Any, receive: Any, send: Any) -> None:
        if hub.full or hub.closing:
            await refused(503, f"{len(hub)} browsers are watching already", _FEWER)(scope, receive, send)
        elif scope["method"] == "HEAD":  # it would wait for a body that never comes, in a browser's place
            await Response(media_type="text/event-stream")(scope, receive, send)
        else:
            await hub.serve(receive, send, scope["state"]["let_go"])

    return serve
