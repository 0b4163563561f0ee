"""The HTTP server's thread: an event loop that serves every site, and ends them at a stop."""

from __future__ import annotations

import asyncio
import logging
import socket
from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING

from appliance.errors import NeededError
from appliance.http_server.connection import SiteConnections
from appliance.threads import LoopBody

if TYPE_CHECKING:
    from collections.abc import Sequence

    from appliance.http_server.site import Site

logger = logging.getLogger(__name__)

POLL_S = 0.2
"""Seconds that a turn serves clients; a stop is noticed no later."""

STOP_S = 0.8
"""Seconds for all open answers to end at a stop."""

THREADS = 4
"""Number of threads for blocking work of handlers."""


class HttpServer(LoopBody):
    """The server. A Loop calls `start`, `turn` and `stop`; the event loop runs in its thread."""

    def __init__(self, sites: Sequence[Site]) -> None:
        """Nothing is opened yet."""
        self._sites = sites
        self._loop: asyncio.AbstractEventLoop | None = None
        self._executor = ThreadPoolExecutor(THREADS, thread_name_prefix="http")
        self._connections: list[SiteConnections] = []
        self._accepting: list[tuple[asyncio.Task[None], socket.socket]] = []

    def start(self) -> None:
        """Listen.

        Raises:
            NeededError: an address cannot be used, or a certificate cannot be read.

        """
        self._loop = asyncio.new_event_loop()
        self._loop.set_default_executor(self._executor)
        for site in self._sites:
            self._open(site, self._loop)

    def turn(self) -> None:
        """Serve clients for a moment."""
        assert self._loop is not None  # noqa: S101  (start was called)
        self._loop.run_until_complete(asyncio.sleep(POLL_S))

    def stop(self) -> None:
        """Accept no more clients, and end every connection."""
        self._executor.shutdown(wait=False, cancel_futures=True)
        if self._loop is None:
            return
        try:
            self._loop.run_until_complete(self._close())
        finally:
            self._loop.close()

    def _open(self, site: Site, loop: asyncio.AbstractEventLoop) -> None:
        connections = _connections_of(site)
        listening = _listening(site)
        self._connections.append(connections)
        task = loop.create_task(connections.accept_from(listening))
        self._accepting.append((task, listening))
        logger.info("HTTP clients are served on %s (%s)", site.settings.listen, site.name)

    async def _close(self) -> None:
        for task, listening in self._accepting:
            task.cancel()
            listening.close()
        for one in self._connections:
            one.finish()
        if tasks := {task for one in self._connections for task in one.tasks}:
            await asyncio.wait(tasks, timeout=STOP_S)
        for one in self._connections:
            one.abort()
        await asyncio.sleep(0)  # the cancelled tasks end, and the sockets are closed
        if tasks := {task for one in self._connections for task in one.tasks}:
            await asyncio.wait(tasks, timeout=0.2)
        # What a site does in the background ends, too.
        if left := asyncio.all_tasks() - {asyncio.current_task()}:
            for task in left:
                task.cancel()
            await asyncio.wait(left, timeout=0.2)


def _connections_of(site: Site) -> SiteConnections:
    try:
        return SiteConnections(site)
    except OSError as error:  # an error of TLS is one, too
        reason = error.strerror or str(error)
        files = f"{site.certificate_file} and {site.key_file}"
        raise NeededError(
            f"{site.name}: the certificate cannot be used: {files}: {reason}"
        ) from error


def _listening(site: Site) -> socket.socket:
    assert site.settings.address is not None  # noqa: S101  (it is checked at the start)
    host, port = site.settings.address
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    try:
        listening = socket.create_server((host, port), family=family, backlog=64)
    except OSError as error:
        reason = error.strerror or str(error)
        where = f"{site.name}.listen: {site.settings.listen}"
        raise NeededError(f"{where} cannot be used: {reason}") from error
    # Connections inherit it; asyncio sets it for its own servers only. Without, the body of an
    # answer waits for the client's acknowledgement of the header, which many delay by 40 ms.
    listening.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    return listening
