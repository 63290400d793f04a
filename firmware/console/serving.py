"""From a route to an endpoint: reads what is asked, answers in JSON, refuses with the name of what is wrong."""

import inspect
from collections.abc import Awaitable, Callable
from typing import Any

import anyio
import anyio.to_thread
import msgspec
from starlette.requests import Request
from starlette.responses import Response

from firmware.console.console import Console
from firmware.console.refusals import Refused
from firmware.console.routes import Route


def endpoint(route: Route, console: Console) -> Callable[[Request], Awaitable[Any]]:
    """What serves one route."""
    limiter = anyio.CapacityLimiter(1) if route.alone else None

    async def serve(request: Request) -> Any:
        asked = await _asked(route, request)
        if route.reads_disk:
            answer = await anyio.to_thread.run_sync(route.answer, console, asked, limiter=limiter)
        else:
            answer = route.answer(console, asked)
        if inspect.isawaitable(answer):
            answer = await answer
        if isinstance(answer, msgspec.Struct):
            return Response(msgspec.json.encode(answer), media_type="application/json")
        if isinstance(answer, Response) and _known(answer, request):
            return Response(status_code=304, headers={name: answer.headers[name] for name in ("etag", "cache-control")})
        return answer

    return serve


def _known(answer: Response, request: Request) -> bool:
    mark = answer.headers.get("etag")
    return mark is not None and mark == request.headers.get("if-none-match")


async def _asked(route: Route, request: Request) -> msgspec.Struct:
    try:
        if route.takes is not None:
            return msgspec.json.decode(await request.body(), type=route.takes)
        given: dict[str, str] = dict(request.path_params)
        for name, value in request.query_params.multi_items():
            if name in given:
                raise Refused(400, f"{name!a:.60} is given twice")
            given[name] = value
        return msgspec.convert(given, route.asks, strict=False)
    except msgspec.MsgspecError as error:
        raise Refused(400, _words(error), "the description of the interface is at /api/v1/openapi.json") from error


def _words(error: msgspec.MsgspecError) -> str:
    what, _, where = str(error).partition(" - at `$.")
    name = where.rstrip("`")
    return f"{name}: {what}" if name else what
