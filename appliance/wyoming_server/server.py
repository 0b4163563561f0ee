"""The Wyoming server's thread: lets clients in, one thread each, and ends them at a stop."""

from __future__ import annotations

import contextlib
import logging
import socket
import threading
from typing import TYPE_CHECKING

from appliance.errors import NeededError
from appliance.system import local_addresses
from appliance.threads import Deadline, LoopBody
from appliance.wyoming_server import outgoing_events
from appliance.wyoming_server.announcement import ZeroconfAnnouncement
from appliance.wyoming_server.connection import BUSY, WyomingConnection

if TYPE_CHECKING:
    from appliance.wyoming_server.services import Services

logger = logging.getLogger(__name__)

POLL_S = 0.2
"""Seconds that a turn waits for a client; a stop is noticed no later."""

MOST_CONNECTIONS = 16
"""Maximum number of open connections; most of them wait, or listen for a wake word."""

MOST_SERVED = 4
"""Maximum number of clients whose sound or text is processed at the same time."""

STOP_S = 1.0
"""Seconds for all connections to end at a stop."""


class WyomingServer(LoopBody):
    """The server. A Loop calls `start`, `turn` and `stop`."""

    def __init__(self, services: Services) -> None:
        """Nothing is opened yet."""
        self._services = services
        self._settings = services.config.wyoming
        self._served = threading.Semaphore(MOST_SERVED)
        self._announcement = (
            ZeroconfAnnouncement(services.config) if self._settings.announce else None
        )
        self._listening: socket.socket | None = None
        self._connections: dict[WyomingConnection, threading.Thread] = {}
        self._lock = threading.Lock()
        self._turned_away: set[str] = set()

    def start(self) -> None:
        """Listen.

        Raises:
            NeededError: the address cannot be used.

        """
        assert self._settings.address is not None  # noqa: S101  (it is checked at the start)
        host, port = self._settings.address
        family = socket.AF_INET6 if ":" in host else socket.AF_INET
        try:
            self._listening = socket.create_server((host, port), family=family, backlog=64)
        except OSError as error:
            reason = error.strerror or str(error)
            raise NeededError(
                f"wyoming.listen: {self._settings.listen} cannot be used: {reason}"
            ) from error
        self._listening.settimeout(POLL_S)
        if self._announcement is not None:
            self._announcement.start()
        logger.info("Wyoming clients are served on %s", self._settings.listen)

    def turn(self) -> None:
        """Let a client in, or wait a moment for one."""
        if self._listening is None:
            return
        try:
            stream, address = self._listening.accept()
        except OSError:  # none came, or it left at once
            return
        self._let_in(stream, str(address[0]))

    def stop(self) -> None:
        """Accept no more clients, and end every connection."""
        if self._announcement is not None:
            self._announcement.stop()
        if self._listening is not None:
            self._listening.close()
        deadline = Deadline(STOP_S)
        with self._lock:
            ending = dict(self._connections)
        for connection in ending:
            connection.close()
        for thread in ending.values():
            thread.join(deadline.left())

    def _let_in(self, stream: socket.socket, peer: str) -> None:
        if not local_addresses.is_allowed(peer, self._settings.allow):
            stream.close()
            if peer not in self._turned_away and len(self._turned_away) < MOST_CONNECTIONS:
                self._turned_away.add(peer)
                logger.warning("a Wyoming client at %s was turned away: see wyoming.allow", peer)
            return
        with self._lock:
            full = len(self._connections) >= MOST_CONNECTIONS
        if full:
            with stream, contextlib.suppress(OSError):
                stream.settimeout(POLL_S)
                stream.sendall(outgoing_events.failed(BUSY, "busy"))
            return
        connection = WyomingConnection(stream, self._services, self._served)
        thread = threading.Thread(
            target=self._serve, args=(connection, stream), name="wyoming", daemon=True
        )
        with self._lock:
            self._connections[connection] = thread
        thread.start()

    def _serve(self, connection: WyomingConnection, stream: socket.socket) -> None:
        try:
            with stream:
                connection.run()
        finally:
            with self._lock:
                del self._connections[connection]
