"""Lets recognising appliances connect to this satellite; the last one that asked is used."""

from __future__ import annotations

import logging
import socket
import threading
from typing import TYPE_CHECKING

from appliance.errors import NeededError
from appliance.satellites.recogniser_connection import RecogniserConnection
from appliance.satellites.streamed_speech import StreamedSpeech
from appliance.system import local_addresses
from appliance.threads import Deadline, LoopBody
from appliance.wyoming_server import outgoing_events as outgoing

if TYPE_CHECKING:
    from appliance.config import Config
    from appliance.dialogue.listener_control import ListenerControl
    from appliance.dialogue.speech_output import SpeechOutput

logger = logging.getLogger(__name__)

POLL_S = 0.2
"""Seconds that a turn waits for a connection; a stop is noticed no later."""

MOST_CONNECTIONS = 4
"""One recognises; others ask what this is, such as Home Assistant while it is being set up."""

STOP_S = 1.0
"""Seconds for all connections to end at a stop."""


class SatelliteServer(LoopBody):
    """`start`, `turn` and `stop` belong to a Loop; the others are for any thread."""

    def __init__(self, config: Config, speech: SpeechOutput, control: ListenerControl) -> None:
        """Nothing is opened yet."""
        self._settings = config.satellite
        self._info = outgoing.describe_satellite(
            config.name,
            config.device.area,
            config.wake_word.words if config.listening.trigger == "wake_word" else [],
        )
        self.speech = StreamedSpeech(self, speech, control, config.listening.wait_s)
        self._listening: socket.socket | None = None
        self._connections: dict[RecogniserConnection, threading.Thread] = {}
        self._used: RecogniserConnection | None = None
        self._lock = threading.Lock()
        self._turned_away: set[str] = set()

    @property
    def is_connected(self) -> bool:
        """Whether somebody recognises what is said here."""
        return self._used is not None

    def send(self, events: bytes) -> bool:
        """Send events to the recognising appliance (`Uplink`)."""
        used = self._used
        return used is not None and used.send(events)

    def uses(self, connection: RecogniserConnection) -> bool:
        """Whether this is the one that recognises."""
        return self._used is connection

    def use(self, connection: RecogniserConnection) -> None:
        """Let this one recognise, in place of another one."""
        if self._used is not connection:
            self._used = connection
            logger.info("connected: speech here is recognised by another appliance")

    def stop_using(self, connection: RecogniserConnection) -> None:
        """It does not recognise any more."""
        with self._lock:
            was_used = self._used is connection
            if was_used:
                self._used = None
        if was_used:
            logger.info("no appliance is connected that recognises speech here")
            self.speech.on_disconnected()

    def start(self) -> None:
        """Listen.

        Raises:
            NeededError: the address cannot be used.

        """
        assert self._settings.address is not None  # noqa: S101  (it is checked at the start)
        host, port = self._settings.address
        family = socket.AF_INET6 if ":" in host else socket.AF_INET
        try:
            self._listening = socket.create_server((host, port), family=family)
        except OSError as error:
            reason = error.strerror or str(error)
            raise NeededError(
                f"satellite.listen: {self._settings.listen} cannot be used: {reason}"
            ) from error
        self._listening.settimeout(POLL_S)
        logger.info("waiting on %s for the recognising appliance", self._settings.listen)

    def turn(self) -> None:
        """Let a connection in, or wait a moment for one."""
        if self._listening is None:
            return
        try:
            stream, address = self._listening.accept()
        except OSError:  # none came, or it left at once
            return
        self._let_in(stream, str(address[0]))

    def stop(self) -> None:
        """Accept no more connections, and end every one."""
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
        with self._lock:
            full = len(self._connections) >= MOST_CONNECTIONS
        if full or not local_addresses.is_allowed(peer, self._settings.allow):
            stream.close()
            if not full and peer not in self._turned_away and len(self._turned_away) < 16:  # noqa: PLR2004
                self._turned_away.add(peer)
                logger.warning("%s was turned away: see satellite.allow", peer)
            return
        connection = RecogniserConnection(stream, self, self._info)
        thread = threading.Thread(
            target=self._serve, args=(connection, stream), name="satellite", daemon=True
        )
        with self._lock:
            self._connections[connection] = thread
        thread.start()

    def _serve(self, connection: RecogniserConnection, stream: socket.socket) -> None:
        try:
            with stream:
                connection.run()
        finally:
            with self._lock:
                del self._connections[connection]
