"""Accepts connections on an address, within limits, with a thread for each."""

from __future__ import annotations

import logging
import socket
import threading
import time
from abc import abstractmethod
from typing import TYPE_CHECKING, Generic, Protocol, TypeVar

from appliance.errors import NeededError
from appliance.system import local_addresses
from appliance.threads import Deadline, LoopBody

if TYPE_CHECKING:
    from appliance.config import ServerSettings

logger = logging.getLogger(__name__)

POLL_S = 0.2
"""Seconds that a turn waits for a connection; a stop is noticed no later."""

STOP_S = 1.0
"""Seconds for all connections to end at a stop."""

MOST_LOGGED = 16
"""Addresses that were turned away and are in the log."""


class ServedConnection(Protocol):
    """One connection."""

    def run(self) -> None:
        """Serve it to its end, in its thread."""

    def close(self) -> None:
        """End it, from another thread."""


Client = TypeVar("Client", bound=ServedConnection)


class ConnectionServer(LoopBody, Generic[Client]):
    """`start`, `turn` and `stop` belong to a Loop."""

    def __init__(self, name: str, settings: ServerSettings, most: int) -> None:
        """Nothing is opened yet.

        Args:
            name: the table of config.toml with `listen` and `allow`.
            settings: that table.
            most: maximum number of open connections.

        """
        self._name = name
        self._settings = settings
        self._most = most
        self._listening: socket.socket | None = None
        self._connections: dict[Client, threading.Thread] = {}
        self._lock = threading.Lock()
        self._turned_away: set[str] = set()

    @abstractmethod
    def connection_of(self, stream: socket.socket) -> Client:
        """Make the connection of a client that is let in."""

    def refuse(self, stream: socket.socket) -> None:
        """Tell a client that there are too many, if there is a way to say it."""

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
                f"{self._name}.listen: {self._settings.listen} cannot be used: {reason}"
            ) from error
        self._listening.settimeout(POLL_S)

    def turn(self) -> None:
        """Let a client in, or wait a moment for one."""
        if self._listening is None:
            return
        try:
            stream, address = self._listening.accept()
        except TimeoutError:
            return
        except OSError as error:  # it left at once; or no file is free, which lasts
            logger.debug("a client of %s could not be let in: %s", self._name, error)
            time.sleep(POLL_S)
            return
        self._let_in(stream, str(address[0]))

    def stop(self) -> None:
        """Accept no more clients, and end every connection."""
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
            if peer not in self._turned_away and len(self._turned_away) < MOST_LOGGED:
                self._turned_away.add(peer)
                logger.warning("%s was turned away: see %s.allow", peer, self._name)
            return
        with self._lock:
            full = len(self._connections) >= self._most
        if full:
            with stream:
                self.refuse(stream)
            return
        connection = self.connection_of(stream)
        thread = threading.Thread(
            target=self._serve, args=(connection, stream), name=self._name, daemon=True
        )
        with self._lock:
            self._connections[connection] = thread
        thread.start()

    def _serve(self, connection: Client, stream: socket.socket) -> None:
        try:
            with stream:
                connection.run()
        finally:
            with self._lock:
                del self._connections[connection]
