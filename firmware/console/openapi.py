"""The published description of the interface, generated from its table of routes and its types."""

from functools import cache
from typing import Any

import msgspec

from firmware.console.api import Beat, Exam, FrameSummary, NotePayload, Now, Refusal, Series
from firmware.console.guard import NOTES
from firmware.console.routes import ROUTES, Route
from firmware.schemas import told
from firmware.schemas.told import REFERENCE
from firmware.sinks.payloads import HealthPayload, ModelState
from firmware.version import VERSION

EVENTS: dict[str, type[msgspec.Struct]] = {
    "now": Now,
    "series": Series,
    "frame": FrameSummary,
    "exam": Exam,
    "health": HealthPayload,
    "model": ModelState,
    "note": NotePayload,
    "beat": Beat,
}
"""Event of the stream -> type of its data."""

_WHY = {
    400: "A parameter or the body is not as described; the sentence names it.",
    403: "Asked by another site, or with a token of another start.",
    404: "There is no such scan or frame.",
    408: "The body took too long.",
    409: "The loop refuses it; the sentence says why.",
    410: "The picture is gone, or damaged.",
    413: "The body is too large.",
    415: "The body is not JSON.",
    421: "Asked under another name than this machine's.",
    503: "Not now; the sentence says why.",
}
_ALWAYS = (403, 413, 421)
_MARK = {
    "ETag": {"description": "Mark of the content, for `If-None-Match`.", "required": True, "schema": {"type": "string"}}
}


@cache
def rendered() -> bytes:
    """As JSON."""
    return msgspec.json.encode(described())


def described() -> dict[str, Any]:
    """OpenAPI 3.1."""
    paths: dict[str, dict[str, Any]] = {}
    for route in ROUTES:
        paths.setdefault(route.path, {})[route.method.lower()] = _operation(route)
    return {
        "openapi": "3.1.0",
        "info": {
            "title": "scanside console",
            "version": VERSION,
            "description": "What the page beside the scanner reads. Read only but for notes; this machine only.",
        },
        "paths": paths,
        "components": {"schemas": told.components(dict.fromkeys(_types()))},
    }


def _types() -> list[type[msgspec.Struct]]:
    given = [route.gives for route in ROUTES if not isinstance(route.gives, str)]
    taken = [route.takes for route in ROUTES if route.takes is not None]
    refused = [route.refuses for route in ROUTES]
    return [*given, *taken, *refused, *EVENTS.values()]


def _operation(route: Route) -> dict[str, Any]:
    operation: dict[str, Any] = {
        "operationId": f"{route.answer.__module__.rpartition('.')[2]}_{route.answer.__name__}",
        "summary": route.summary,
        "parameters": [*_parameters(route), *_headers(route)],
        "responses": {
            "200": {"description": route.summary, **_answer_headers(route), "content": _content(route)},
            **({"304": {"description": "It is as marked.", "headers": _MARK}} if route.marked else {}),
            **{str(status): _refusal(status, Refusal) for status in _ALWAYS},
            **{str(status): _refusal(status, route.refuses) for status in sorted(route.errors)},
        },
    }
    if route.takes is not None:
        operation["requestBody"] = {"required": True, "content": {"application/json": {"schema": _ref(route.takes)}}}
    return operation


def _content(route: Route) -> dict[str, Any]:
    if not isinstance(route.gives, str):
        return {"application/json": {"schema": _ref(route.gives)}}
    if route.gives == "text/event-stream":
        events = "; ".join(f"{name}: {kind.__name__}" for name, kind in EVENTS.items())
        return {
            route.gives: {"schema": {"type": "string", "description": f"Events and the type of their data. {events}"}}
        }
    return {route.gives: {"schema": {} if route.gives == "application/json" else {"type": "string"}}}


def _parameters(route: Route) -> list[dict[str, Any]]:
    schema = msgspec.json.schema(route.asks, ref_template=REFERENCE)["$defs"][route.asks.__name__]
    parameters = []
    for name, about in schema["properties"].items():
        words = {"description": about.pop("description")} if "description" in about else {}
        place = "path" if f"{{{name}}}" in route.path else "query"
        parameters.append({"name": name, "in": place, "required": place == "path", "schema": about, **words})
    return parameters


def _headers(route: Route) -> list[dict[str, Any]]:
    """Of the request."""
    said = []
    if route.path == NOTES:
        said.append(("X-Scanside-Token", True, "`token` of `/api/v1/now`; `Origin` must be the page's own"))
    if route.marked:
        said.append(("If-None-Match", False, "`ETag` of an answer that is held already"))
    return [
        {"name": name, "in": "header", "required": required, "schema": {"type": "string"}, "description": about}
        for name, required, about in said
    ]


def _answer_headers(route: Route) -> dict[str, Any]:
    numbers = {
        name: {"description": about, "required": True, "schema": {"type": kind}}
        for name, (kind, about) in route.numbers.items()
    }
    headers = {**(_MARK if route.marked else {}), **numbers}
    return {"headers": headers} if headers else {}


def _refusal(status: int, kind: type[msgspec.Struct]) -> dict[str, Any]:
    return {"description": _WHY[status], "content": {"application/json": {"schema": _ref(kind)}}}


def _ref(kind: type[msgspec.Struct]) -> dict[str, str]:
    return {"$ref": REFERENCE.format(name=kind.__name__)}
