"""What every request passes, and what every answer carries."""

import asyncio

import httpx
import pytest
from starlette.responses import PlainTextResponse, Response

from firmware.console.app import application
from firmware.console.guard import LARGEST_BODY, allowed_hosts, guarded

PORT, TOKEN = 9003, "tellme"
HERE = f"http://127.0.0.1:{PORT}"
OURS = {"Origin": HERE, "X-Scanside-Token": TOKEN, "Content-Type": "application/json"}
NOTES = "/api/v1/notes"


async def _app(scope, receive, send):
    body = b""
    while scope["method"] == "POST":
        message = await receive()
        body += message.get("body", b"")
        if not message.get("more_body"):
            break
    await PlainTextResponse(f"here {len(body)}")(scope, receive, send)


def ask(method="GET", path="/", app=_app, base=HERE, **more) -> Response:
    async def request():
        transport = httpx.ASGITransport(guarded(app, allowed_hosts(PORT), TOKEN))
        async with httpx.AsyncClient(transport=transport, base_url=base) as client:
            return await client.request(method, path, **more)

    return asyncio.run(request())


@pytest.mark.parametrize("host", ["127.0.0.1:9003", "localhost:9003", "LocalHost:9003", "[::1]:9003"])
def test_this_machine_is_answered(host):
    assert ask(headers={"Host": host}).text == "here 0"


@pytest.mark.parametrize(
    "host",
    [
        "evil.example",
        "evil.example:9003",
        "127.0.0.1",
        "127.0.0.1:80",
        "127.0.0.1:9003.evil.example",
        "localhost:9003@evil.example",
        "127.0.0.1.nip.io:9003",
        "[::1]",
        "",
    ],
)
@pytest.mark.parametrize("path", ["/", "/api/v1/now", "/api/v1/events", "/static/main.js", "/health", "/nothing"])
def test_another_name_is_misdirected(host, path):
    assert ask(path=path, headers={"Host": host}).status_code == 421


def test_a_host_given_twice_or_never_is_misdirected():
    async def raw(headers):
        sent = []

        async def receive():
            return {"type": "http.request", "body": b"", "more_body": False}

        async def send(message):
            sent.append(message)

        scope = {"type": "http", "method": "GET", "path": "/", "headers": headers}
        await guarded(_app, allowed_hosts(PORT), TOKEN)(scope, receive, send)
        return sent[0]["status"]

    host = (b"host", b"127.0.0.1:9003")
    assert asyncio.run(raw([host])) == 200
    assert asyncio.run(raw([host, host])) == 421
    assert asyncio.run(raw([])) == 421


@pytest.mark.parametrize("method", ["PUT", "DELETE", "PATCH", "OPTIONS", "TRACE", "CONNECT", "POST"])
def test_only_reading(method):
    answer = ask(method, "/api/v1/now")
    assert (answer.status_code, answer.headers["allow"]) == (405, "GET, HEAD")


def test_notes_are_only_posted():
    assert ask("GET", NOTES).status_code == 405
    assert ask("POST", NOTES, headers=OURS, content=b"{}").text == "here 2"


@pytest.mark.parametrize(
    ("change", "status"),
    [
        ({"Origin": "http://evil.example"}, 403),
        ({"Origin": "http://127.0.0.1:9004"}, 403),
        ({"Origin": "https://127.0.0.1:9003"}, 403),
        ({"Origin": "null"}, 403),
        ({"Origin": None}, 403),
        ({"X-Scanside-Token": "other"}, 403),
        ({"X-Scanside-Token": None}, 403),
        ({"Content-Type": "text/plain"}, 415),
        ({"Content-Type": "application/x-www-form-urlencoded"}, 415),
        ({"Content-Type": None}, 415),
    ],
)
def test_only_this_page_may_say_something(change, status):
    headers = {name: value for name, value in {**OURS, **change}.items() if value is not None}
    assert ask("POST", NOTES, headers=headers, content=b"{}").status_code == status


def post_into(desk, content):
    """Through the whole application, which must not fail at it."""

    async def request():
        transport = httpx.ASGITransport(application(desk.console, PORT))
        async with httpx.AsyncClient(transport=transport, base_url=HERE) as client, asyncio.timeout(20):
            return await client.post(NOTES, headers=OURS, content=content)

    return asyncio.run(request())


@pytest.mark.parametrize("announced", [True, False])
def test_large_bodies_are_refused_announced_or_not(desk, announced):
    async def chunks():
        for _ in range(3):
            yield b"x" * (LARGEST_BODY // 2)

    answer = post_into(desk, b"x" * (LARGEST_BODY + 1) if announced else chunks())
    assert (answer.status_code, answer.json()["what"]) == (413, f"the body has more than {LARGEST_BODY} bytes")
    assert ask("POST", NOTES, headers=OURS, content=b"x" * LARGEST_BODY).status_code == 200
    assert ask("GET", "/", content=b"x" * (LARGEST_BODY + 1)).status_code == 413


@pytest.mark.parametrize("still", [True, False])
def test_a_body_that_does_not_end_is_refused_in_time_whether_or_not_more_of_it_comes(desk, monkeypatch, still):
    monkeypatch.setattr("firmware.console.guard.BODY_S", 0.05)

    async def chunks():
        yield b"{"
        if still:
            await asyncio.Event().wait()
        while True:
            await asyncio.sleep(0)
            yield b""

    answer = post_into(desk, chunks())
    assert answer.status_code == 408
    assert "did not arrive" in answer.json()["what"]


@pytest.mark.parametrize("site", ["cross-site", "same-site"])
@pytest.mark.parametrize("path", ["/", "/api/v1/scans/s1-1/report.html", "/static/main.js"])
@pytest.mark.parametrize("mode", ["no-cors", "cors", "navigate"])
def test_a_page_of_another_site_makes_this_one_do_nothing_but_open(site, path, mode):
    status = ask(path=path, headers={"Sec-Fetch-Site": site, "Sec-Fetch-Mode": mode}).status_code
    assert status == (200 if (path, mode) == ("/", "navigate") else 403)


@pytest.mark.parametrize("site", ["same-origin", "none"])
def test_this_page_and_whoever_opens_it_are_answered(site):
    headers = {"Sec-Fetch-Site": site, "Sec-Fetch-Mode": "navigate"}
    assert ask(path="/api/v1/scans/s1-1/report.html", headers=headers).status_code == 200


def test_every_answer_is_safe():
    answers = [
        ask(),
        ask(path="/nothing"),
        ask("PUT"),
        ask(headers={"Host": "evil.example"}),
        ask("POST", NOTES, content=b"{}"),
        ask("POST", NOTES, headers=OURS, content=b"x" * 9999),
        ask(headers={"Sec-Fetch-Site": "cross-site"}),
    ]
    for answer in answers:
        policy = answer.headers["content-security-policy"]
        assert policy.startswith("default-src 'none'")
        assert "unsafe" not in policy
        assert "frame-ancestors 'none'" in policy
        assert answer.headers["x-content-type-options"] == "nosniff"
        assert answer.headers["referrer-policy"] == "no-referrer"
        assert answer.headers["cache-control"] == "no-store"
        assert "access-control-allow-origin" not in answer.headers
        assert "server" not in answer.headers


def test_an_answer_may_have_its_own_policy():
    own = "default-src 'none'; style-src 'unsafe-inline'; img-src data:"

    async def app(scope, receive, send):
        await Response("x", headers={"Content-Security-Policy": own})(scope, receive, send)

    assert ask(app=app).headers.get_list("content-security-policy") == [own]
