"""The Wyoming server: an address where clients connect, each with a thread of its own."""

from __future__ import annotations

import contextlib
import logging
import threading
from typing import TYPE_CHECKING

from appliance.wyoming_server import outgoing_events
from appliance.wyoming_server.announcement import ZeroconfAnnouncement
from appliance.wyoming_server.connection import BUSY, WyomingConnection
from appliance.wyoming_server.connection_server import POLL_S, ConnectionServer

if TYPE_CHECKING:
    import socket

    from appliance.wyoming_server.services import Services

logger = logging.getLogger(__name__)

MOST_CONNECTIONS = 16
"""Maximum number of open connections; most of them wait, or listen for a wake word."""

MOST_SERVED = 4
"""Maximum number of clients whose sound or text is processed at the same time."""


class WyomingServer(ConnectionServer[WyomingConnection]):
    """The server. A Loop calls `start`, `turn` and `stop`."""

    def __init__(self, services: Services) -> None:
        """Nothing is opened yet."""
        settings = services.config.wyoming
        super().__init__("wyoming", settings, MOST_CONNECTIONS)
        self._services = services
        self._served = threading.Semaphore(MOST_SERVED)
        self._announcement = ZeroconfAnnouncement(services.config) if settings.announce else None

    def connection_of(self, stream: socket.socket) -> WyomingConnection:
        """Make the connection of a client that is let in."""
        return WyomingConnection(stream, self._services, self._served)

    def refuse(self, stream: socket.socket) -> None:
        """Tell a client that there are too many."""
        with contextlib.suppress(OSError):
            stream.settimeout(POLL_S)
            stream.sendall(outgoing_events.failed(BUSY, "busy"))

    def start(self) -> None:
        """Listen, and announce it.

        Raises:
            NeededError: the address cannot be used.

        """
        super().start()
        if self._announcement is not None:
            self._announcement.start()
        logger.info("Wyoming clients are served on %s", self._settings.listen)

    def stop(self) -> None:
        """Accept no more clients, and end every connection."""
        if self._announcement is not None:
            self._announcement.stop()
        super().stop()
