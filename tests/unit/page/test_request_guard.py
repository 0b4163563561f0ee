"""What the page's guard lets through: its own names, and changes from its own pages only."""

from __future__ import annotations

import asyncio

import pytest
from starlette.applications import Starlette
from starlette.datastructures import Headers
from starlette.responses import PlainTextResponse
from starlette.routing import Route

from appliance.http_server.site import Event, Scope
from appliance.page.request_guard import RequestGuard, is_known_host, is_same_origin, own_names

NAMES = own_names(["voice.example"])


@pytest.mark.parametrize(
    "host",
    ["127.0.0.1:10480", "192.168.1.7", "[::1]:10480", "localhost:1", "LOCALHOST", "Voice.example"],
)
def test_addresses_and_own_names_are_known(host: str) -> None:
    assert is_known_host(host, NAMES)


@pytest.mark.parametrize(
    "host",
    [
        "evil.example",
        "127.0.0.1.evil.example",
        "",
        "localhost@evil.example",
        "a b",
        "[::1",
        "x:y:z",
    ],
)
def test_a_name_that_was_made_to_point_here_is_refused(host: str) -> None:
    assert not is_known_host(host, NAMES)


@pytest.mark.parametrize(
    ("headers", "same"),
    [
        ({"host": "box:1", "origin": "http://box:1"}, True),
        ({"host": "box:1", "origin": "https://BOX:1", "sec-fetch-site": "same-origin"}, True),
        ({"host": "box:1", "origin": "http://box:2"}, False),
        ({"host": "box:1", "origin": "null"}, False),
        ({"host": "box:1"}, False),
        ({"host": "box:1", "origin": "http://box:1.evil.example"}, False),
        ({"host": "box:1", "origin": "http://box:1", "sec-fetch-site": "cross-site"}, False),
        ({"host": "", "origin": "ftp://"}, False),
    ],
)
def test_a_change_comes_from_the_page_itself(headers: dict[str, str], *, same: bool) -> None:
    assert is_same_origin(Headers(headers)) is same


async def answered(method: str, headers: list[tuple[bytes, bytes]]) -> list[Event]:
    async def endpoint(_: object) -> PlainTextResponse:
        return PlainTextResponse("done")

    route = Route("/", endpoint, methods=["GET", "POST"])
    guard = RequestGuard(Starlette(routes=[route]), [])
    sent: list[Event] = []

    async def send(event: Event) -> None:
        sent.append(event)

    async def receive() -> Event:
        return {"type": "http.request"}

    scope: Scope = {
        "type": "http",
        "method": method,
        "path": "/",
        "raw_path": b"/",
        "root_path": "",
        "query_string": b"",
        "headers": headers,
        "scheme": "http",
        "http_version": "1.1",
    }
    await guard(scope, receive, send)
    return sent


@pytest.mark.parametrize(
    ("method", "headers", "status"),
    [
        ("GET", [(b"host", b"127.0.0.1")], 200),
        ("GET", [(b"host", b"evil.example")], 421),
        ("GET", [], 421),
        ("GET", [(b"host", b"127.0.0.1"), (b"host", b"evil.example")], 421),
        ("POST", [(b"host", b"127.0.0.1")], 403),
        ("POST", [(b"host", b"127.0.0.1"), (b"origin", b"http://evil.example")], 403),
        ("POST", [(b"host", b"127.0.0.1"), (b"origin", b"http://127.0.0.1")], 200),
    ],
)
def test_each_request_is_guarded_and_each_answer_has_the_headers(
    method: str, headers: list[tuple[bytes, bytes]], status: int
) -> None:
    sent = asyncio.run(answered(method, headers))
    assert sent[0]["status"] == status
    given = {name.decode(): value.decode() for name, value in sent[0]["headers"]}
    assert "script-src 'self'" in given["content-security-policy"]
    assert "unsafe" not in given["content-security-policy"]
    assert given["x-frame-options"] == "DENY"
    assert given["x-content-type-options"] == "nosniff"
    assert given["cache-control"] == "no-store"
