"""Guards every request to the page: its Host, its Origin, and the headers of each answer."""

from __future__ import annotations

import ipaddress
import re
import socket
from typing import TYPE_CHECKING

from starlette.datastructures import Headers, MutableHeaders
from starlette.responses import PlainTextResponse

if TYPE_CHECKING:
    from collections.abc import Collection

    from appliance.http_server.site import Application, Event, Receive, Scope, Send

HEADERS = {  # without a referrer of its own pages, a browser would send "Origin: null"
    "content-security-policy": "default-src 'none'; script-src 'self'; style-src 'self'; "
    "img-src 'self' data:; connect-src 'self'; media-src 'self' blob:; form-action 'self'; "
    "base-uri 'none'; frame-ancestors 'none'",
    "x-content-type-options": "nosniff",
    "x-frame-options": "DENY",
    "referrer-policy": "same-origin",
    "cross-origin-opener-policy": "same-origin",
    "cross-origin-resource-policy": "same-origin",
    "permissions-policy": "microphone=(self), camera=(), geolocation=()",
}
"""Headers of every answer."""

HOST = re.compile(r"(?P<name>\[[0-9a-fA-F:.]+\]|[A-Za-z0-9._-]+)(:\d{1,5})?")

SAFE = frozenset({"GET", "HEAD"})
"""Methods that change nothing."""

WRONG_HOST = "This address is not one of the page's own names. Add it to page.names in config.toml."
WRONG_ORIGIN = "This request comes from another site. Nothing was done."


def is_known_host(host: str, names: Collection[str]) -> bool:
    """Whether a Host header names this appliance: by an IP address, or by a name of its own.

    A foreign site whose name is made to point here (DNS rebinding) has a name of its own, and an
    IP address cannot be made to point elsewhere.
    """
    found = HOST.fullmatch(host)
    if found is None:
        return False
    name = found["name"].strip("[]").rstrip(".").lower()
    try:
        ipaddress.ip_address(name)
    except ValueError:
        return name in names
    return True


def own_names(configured: Collection[str]) -> frozenset[str]:
    """The names by which a browser may reach the page, beside IP addresses."""
    machine = socket.gethostname().lower()
    return frozenset(
        {"localhost", machine, f"{machine}.local", *(name.lower() for name in configured)}
    )


def is_same_origin(headers: Headers) -> bool:
    """Whether a request that changes something comes from the page itself."""
    if headers.get("sec-fetch-site", "same-origin") != "same-origin":
        return False
    scheme, separator, authority = headers.get("origin", "").partition("://")
    host = headers.get("host", "")
    return scheme in ("http", "https") and bool(separator) and authority.lower() == host.lower()


class RequestGuard:
    """An ASGI application around the page's."""

    def __init__(self, app: Application, names: Collection[str]) -> None:
        self._app = app
        self._names = own_names(names)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Refuse a request, or pass it on; its answer gets the headers."""

        async def send_with_headers(event: Event) -> None:
            if event["type"] == "http.response.start":
                headers = MutableHeaders(scope=event)
                for name, value in HEADERS.items():
                    headers.setdefault(name, value)
                headers.setdefault("cache-control", "no-store")
            await send(event)

        headers = Headers(scope=scope)
        if len(headers.getlist("host")) != 1 or not is_known_host(headers["host"], self._names):
            await PlainTextResponse(WRONG_HOST, 421)(scope, receive, send_with_headers)
        elif scope["method"] not in SAFE and not is_same_origin(headers):
            await PlainTextResponse(WRONG_ORIGIN, 403)(scope, receive, send_with_headers)
        else:
            await self._app(scope, receive, send_with_headers)
