"""Lets recognising appliances connect to this satellite; the last one that asked is used."""

from __future__ import annotations

import logging
from typing import TYPE_CHECKING

from appliance.satellites.recogniser_connection import RecogniserConnection
from appliance.satellites.streamed_speech import StreamedSpeech
from appliance.wyoming_server import outgoing_events as outgoing
from appliance.wyoming_server.connection_server import ConnectionServer

if TYPE_CHECKING:
    import socket

    from appliance.config import Config
    from appliance.dialogue.listener_control import ListenerControl
    from appliance.dialogue.speech_output import SpeechOutput

logger = logging.getLogger(__name__)

MOST_CONNECTIONS = 4
"""One recognises; others ask what this is, such as Home Assistant while it is being set up."""


class SatelliteServer(ConnectionServer[RecogniserConnection]):
    """`start`, `turn` and `stop` belong to a Loop; the others are for any thread."""

    def __init__(self, config: Config, speech: SpeechOutput, control: ListenerControl) -> None:
        """Nothing is opened yet."""
        super().__init__("satellite", config.satellite, MOST_CONNECTIONS)
        self._info = outgoing.describe_satellite(
            config.name,
            config.device.area,
            config.wake_word.words if config.listening.trigger == "wake_word" else [],
        )
        self.speech = StreamedSpeech(self, speech, control, config.listening.wait_s)
        self._used: RecogniserConnection | None = None

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
        super().start()
        logger.info("waiting on %s for the recognising appliance", self._settings.listen)

    def connection_of(self, stream: socket.socket) -> RecogniserConnection:
        """Make the connection of an appliance that is let in."""
        return RecogniserConnection(stream, self, self._info)
