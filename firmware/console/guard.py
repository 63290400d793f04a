"""What every request passes before anything looks at it, and what every answer carries."""

import asyncio
from collections.abc import Callable, Iterable, MutableMapping
from typing import Any

from firmware.console.refusals import Refused, refused

Message = MutableMapping[str, Any]
App = Callable[[MutableMapping[str, Any], Callable[[], Any], Callable[[Message], Any]], Any]

LARGEST_BODY = 4096
"""Bytes of a request's body at most."""
BODY_S = 10.0
"""s for a body to arrive."""
NOTES = "/api/v1/notes"
"""The only path that takes anything."""

_READ, _WRITE = ("GET", "HEAD"), ("POST",)
_POLICY = (
    b"default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data: blob:; connect-src 'self'; "
    b"worker-src 'self'; frame-ancestors 'none'; base-uri 'none'; form-action 'self'"
)
_ALWAYS = {
    b"content-security-policy": _POLICY,
    b"x-content-type-options": b"nosniff",
    b"referrer-policy": b"no-referrer",
    b"cross-origin-resource-policy": b"same-origin",
    b"cache-control": b"no-store",
}


def allowed_hosts(port: int) -> frozenset[bytes]:
    """What the Host header may say: a page of another name that points here gets nothing."""
    names = (b"127.0.0.1", b"localhost", b"[::1]")
    bare = names if port == 80 else ()
    return frozenset((*bare, *(b"%s:%d" % (name, port) for name in names)))


def guarded(app: App, hosts: frozenset[bytes], token: str) -> App:
    """`app` behind the checks of Host, method, size, origin and token; its answers with the headers for safety.

    A body that is too large or too slow is a `Refused`, raised where `app` reads it.
    """

    async def guard(
        scope: MutableMapping[str, Any], receive: Callable[[], Any], send: Callable[[Message], Any]
    ) -> None:
        if scope["type"] != "http":
            await app(scope, receive, send)
            return

        async def safe_send(message: Message) -> None:
            if message["type"] == "http.response.start":
                message["headers"] = _with_safety(message.get("headers", ()))
            await send(message)

        answer = _refusal(scope, hosts, token)
        if answer is not None:
            await answer(scope, receive, safe_send)
            return
        await app(scope, _bounded(receive) if scope["method"] in _WRITE else receive, safe_send)

    return guard


def _refusal(scope: MutableMapping[str, Any], hosts: frozenset[bytes], token: str) -> App | None:
    headers: list[tuple[bytes, bytes]] = scope["headers"]
    named = _all(headers, b"host")
    if len(named) != 1 or named[0].lower() not in hosts:
        return refused(
            421, "this page answers only to the address of this machine", "open it as the appliance prints it"
        )
    if _of_another_site(headers, scope["path"]):
        return refused(403, "another site may not ask this page for anything", "open it as the appliance prints it")
    method, writes = scope["method"], scope["path"] == NOTES
    methods = _WRITE if writes else _READ
    if method not in methods:
        allow = {"Allow": ", ".join(methods)}
        return refused(405, f"{method} is not done here", f"use {methods[0]}", allow)
    lengths = _all(headers, b"content-length")
    if any(not length.isdigit() or int(length) > LARGEST_BODY for length in lengths):
        return refused(413, f"the body has more than {LARGEST_BODY} bytes")
    return _not_ours(headers, hosts, token) if writes else None


def _of_another_site(headers: list[tuple[bytes, bytes]], path: str) -> bool:
    """Whether a browser asks for somebody else's page: that cannot read the answer, but would make us work for it.

    To come here by a link is well. Programs that are no browser do not say where they ask from.
    """
    if not {b"cross-site", b"same-site"}.intersection(_all(headers, b"sec-fetch-site")):
        return False
    return path != "/" or _all(headers, b"sec-fetch-mode") != [b"navigate"]


def _not_ours(headers: list[tuple[bytes, bytes]], hosts: frozenset[bytes], token: str) -> App | None:
    """Only this page may say something: another site that the browser shows has neither its origin nor its token."""
    origins = _all(headers, b"origin")
    if len(origins) != 1 or origins[0].lower() not in {b"http://" + host for host in hosts}:
        return refused(403, "only the appliance's own page may record something")
    if _all(headers, b"x-scanside-token") != [token.encode()]:
        return refused(403, "the page is older than this start of the appliance", "load the page again")
    kinds = _all(headers, b"content-type")
    if len(kinds) != 1 or kinds[0].split(b";")[0].strip().lower() != b"application/json":
        return refused(415, "a note is JSON", "send it with Content-Type: application/json")
    return None


def _bounded(receive: Callable[[], Any]) -> Callable[[], Any]:
    size, until = 0, asyncio.get_running_loop().time() + BODY_S

    async def bounded() -> Any:
        nonlocal size
        try:
            async with asyncio.timeout_at(until):
                message = await receive()
        except TimeoutError as error:
            raise Refused(408, f"the body did not arrive within {BODY_S:.0f} s") from error
        size += len(message.get("body", b""))
        if size > LARGEST_BODY:
            raise Refused(413, f"the body has more than {LARGEST_BODY} bytes")
        return message

    return bounded


def _with_safety(headers: Iterable[tuple[bytes, bytes]]) -> list[tuple[bytes, bytes]]:
    given = list(headers)
    names = {name.lower() for name, _ in given}
    return given + [(name, value) for name, value in _ALWAYS.items() if name not in names]


def _all(headers: list[tuple[bytes, bytes]], name: bytes) -> list[bytes]:
    return [value for key, value in headers if key == name]
