"""A site: an ASGI application with an address of its own. How to mount one is said here.

To add a site: give it a table in the configuration that is a `ServerSettings` (and list it in
`Config.servers`, so that `check --offline` and the service's IP rules know it); build a Starlette
application with its routes and its own guards (tokens, Host, Origin); and pass it to `HttpServer`
in `daemon/site_wiring.py`:

    if config.page.listen:
        sites.append(Site(name="page", settings=config.page, app=page_application(...)))

The server lets in who is in `allow`, limits connections, headers, body and time (`limits.py`,
`connection.py`), and answers 500 for an error of the application. The application runs in the event
loop of the server's thread. So a handler waits for anything only by `await`: what blocks (the
journal, a file) goes through `asyncio.to_thread`, and what another thread says comes back through
`loop.call_soon_threadsafe`.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, MutableMapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from appliance.config import ServerSettings

Scope = MutableMapping[str, Any]
Event = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[Event]]
Send = Callable[[Event], Awaitable[None]]
Application = Callable[[Scope, Receive, Send], Awaitable[None]]
"""An application as the ASGI specification 3.0 defines it; Starlette's is one."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Site:
    """The application and limits of one address."""

    name: str
    """The table of the configuration, for messages."""
    settings: ServerSettings
    """Its address, and the allowed clients."""
    app: Application
    maximum_body_bytes: int = 65_536
    """Maximum size of the body of one request."""
    certificate_file: str = ""
    """Path of the certificate (PEM); empty: without TLS."""
    key_file: str = ""
    """Path of its private key (PEM)."""
