"""One HTTP connection: uvicorn's, with limits of number, peers and time that it does not have."""

from __future__ import annotations

import asyncio
import contextlib
import logging
from typing import TYPE_CHECKING

from uvicorn.config import Config as UvicornConfig
from uvicorn.protocols.http.h11_impl import H11Protocol
from uvicorn.server import ServerState

from appliance.http_server.limits import MAXIMUM_HEADER_BYTES, RequestLimits
from appliance.system import local_addresses
from appliance.system.credential_files import located

if TYPE_CHECKING:
    import socket
    from typing import Any

    from appliance.http_server.site import Site

logger = logging.getLogger(__name__)

WATCH_S = 10.0
"""Seconds between idle checks; a connection with no new request between two checks is closed."""

MOST_CONNECTIONS = 32
"""Maximum number of connections of one site, those in a TLS handshake included."""

MOST_OF_ONE_ADDRESS = 16
"""Maximum number of connections of one remote address, so that others have room."""

HANDSHAKE_S = 5.0
"""Time limit for a TLS handshake."""

ACCEPT_AGAIN_S = 0.1

BUSY = b"HTTP/1.1 503 Service Unavailable\r\nconnection: close\r\ncontent-length: 0\r\n\r\n"


class SiteConnections:
    """The open connections of one site; makes the protocol of each new one."""

    def __init__(self, site: Site) -> None:
        """Nothing is opened.

        Raises:
            OSError: the certificate or its key cannot be read.

        """
        self.site = site
        self.settings = UvicornConfig(
            RequestLimits(site.app, site.maximum_body_bytes),
            http=BoundedConnection,
            ws="none",
            lifespan="off",
            log_config=None,
            log_level=logging.CRITICAL,  # what is malformed would fill the log
            access_log=False,
            proxy_headers=False,
            server_header=False,
            date_header=False,
            h11_max_incomplete_event_size=MAXIMUM_HEADER_BYTES,
            ssl_certfile=located(site.certificate_file) if site.certificate_file else None,
            ssl_keyfile=str(located(site.key_file)) if site.key_file else None,
        )
        self.settings.load()
        self.state = ServerState()
        self._open: dict[BoundedConnection, str] = {}
        """Each open connection with its address."""
        self._turned_away: set[str] = set()

    async def accept_from(self, listening: socket.socket) -> None:
        """Let clients in, until it is cancelled.

        asyncio's own server counts a TLS client, and tells its address, only after the handshake.
        """
        loop, handshakes = asyncio.get_running_loop(), set[asyncio.Task[None]]()
        listening.setblocking(False)  # noqa: FBT003
        while True:
            try:
                client, address = await loop.sock_accept(listening)
            except OSError as error:  # the client has left already, or no file is free
                logger.debug("an HTTP client could not be let in: %s", error)
                await asyncio.sleep(ACCEPT_AGAIN_S)
                continue
            if self._may_enter(client, str(address[0])):
                connection = BoundedConnection(self)
                self._open[connection] = str(address[0])
                task = loop.create_task(self._begin(connection, client))
                handshakes.add(task)
                task.add_done_callback(handshakes.discard)
            else:
                client.close()

    def left(self, connection: BoundedConnection) -> None:
        """Forget a connection that has ended."""
        self._open.pop(connection, None)

    def _may_enter(self, client: socket.socket, peer: str) -> bool:
        if not self._is_allowed(peer):
            return False
        source = local_addresses.source_of(peer)
        of_this_peer = sum(local_addresses.source_of(one) == source for one in self._open.values())
        one_too_many = not local_addresses.is_loopback(peer) and of_this_peer >= MOST_OF_ONE_ADDRESS
        if len(self._open) < MOST_CONNECTIONS and not one_too_many:
            return True
        if self.settings.ssl is None:
            with contextlib.suppress(OSError):
                client.send(BUSY)
        return False

    async def _begin(self, connection: BoundedConnection, client: socket.socket) -> None:
        context = self.settings.ssl
        limits = {"ssl_handshake_timeout": HANDSHAKE_S, "ssl_shutdown_timeout": HANDSHAKE_S}
        try:
            await asyncio.get_running_loop().connect_accepted_socket(
                lambda: connection, client, ssl=context, **(limits if context else {})
            )
        except OSError as error:
            logger.debug("a TLS handshake failed: %s", error)
            client.close()
            self.left(connection)

    def _is_allowed(self, peer: str) -> bool:
        """Whether a client may come in; the first refusals are logged."""
        if local_addresses.is_allowed(peer, self.site.settings.allow):
            return True
        if peer not in self._turned_away and len(self._turned_away) < MOST_CONNECTIONS:
            self._turned_away.add(peer)
            name = self.site.name
            logger.warning("an HTTP client at %s was turned away: see %s.allow", peer, name)
        return False

    @property
    def tasks(self) -> set[asyncio.Task[None]]:
        """The requests that are worked on."""
        return set(self.state.tasks)

    def finish(self) -> None:
        """End each connection after the answer that it gives now."""
        for connection in list(self.state.connections):
            connection.shutdown()

    def abort(self) -> None:
        """End what is left at once."""
        for task in self.tasks:
            task.cancel()
        for connection in list(self.state.connections):
            connection.transport.abort()


class BoundedConnection(H11Protocol):
    """Belongs to the event loop."""

    def __init__(self, site: SiteConnections) -> None:
        super().__init__(site.settings, site.state, {})
        self._site = site
        self._watch: asyncio.TimerHandle | None = None
        self._last_seen: tuple[Any, bool] = (None, False)

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        super().connection_made(transport)
        self._watch = self.loop.call_later(WATCH_S, self._end_if_idle)

    def connection_lost(self, exc: Exception | None) -> None:
        if self._watch is not None:
            self._watch.cancel()
        self._site.left(self)
        super().connection_lost(exc)

    def data_received(self, data: bytes) -> None:
        if not self.transport.is_closing():
            super().data_received(data)

    def _end_if_idle(self) -> None:
        """Whoever sends no whole header, or does not take the end of an answer, is let go."""
        at_work = self.cycle is not None and not self.cycle.response_complete
        seen = (self.cycle, at_work)
        if self.transport.is_closing() or (not at_work and seen == self._last_seen):
            self.transport.abort()
            return
        self._last_seen = seen
        self._watch = self.loop.call_later(WATCH_S, self._end_if_idle)
