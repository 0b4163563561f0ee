"""Who may hear the same call: this appliance, its satellites, and others on the broker."""

from __future__ import annotations

import threading
from typing import TYPE_CHECKING

from appliance.listening.wake_election import WakeElection

if TYPE_CHECKING:
    from appliance.listening.wake_election import Canceller
    from appliance.mqtt.publisher import Publisher
    from appliance.values import Message


class Earshot:
    """Brings each announced wake to every election here. Any thread."""

    def __init__(self, topic: str | None, publisher: Publisher) -> None:
        """Wakes are announced to other appliances on `topic`; None: there are none."""
        self._topic = topic
        self._publisher = publisher
        self._lock = threading.Lock()
        self._elections: list[WakeElection] = []

    def join(self, name: str, control: Canceller) -> WakeElection:
        """One more that hears; `control` is told if another one heard better."""
        election = WakeElection(name, self._topic or "", self, control)
        with self._lock:
            self._elections.append(election)
        return election

    def leave(self, election: WakeElection) -> None:
        """It hears nothing any more."""
        with self._lock:
            self._elections.remove(election)

    def publish(self, message: Message) -> None:
        """A wake that was heard here."""
        self.on_announced(message.payload or b"")
        if self._topic is not None:
            self._publisher.publish(message)

    def on_announced(self, payload: bytes) -> None:
        """A wake that was announced, here or on the broker."""
        with self._lock:
            elections = tuple(self._elections)
        for election in elections:
            election.on_announced(payload)
