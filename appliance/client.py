"""The other side of MQTT: for whoever reads what an appliance publishes."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Self

from paho.mqtt import client as paho
from paho.mqtt.enums import CallbackAPIVersion

if TYPE_CHECKING:
    from collections.abc import Callable


class Watcher:
    """Sees every message below a topic; a context manager, connected on entry.

    `on_message(topic, payload)` is called in a thread of the client's own and must not
    block.
    """

    def __init__(
        self,
        host: str,
        port: int,
        topics: str,
        on_message: Callable[[str, bytes], None],
    ) -> None:
        self._address = (host, port)
        self._topics = topics
        self._client = paho.Client(
            CallbackAPIVersion.VERSION2,
            protocol=paho.MQTTv5,
            # An exception in a callback would end the client's thread without a word.
            reconnect_on_failure=True,
        )
        self._client.suppress_exceptions = True
        self._client.on_connect = self._subscribe
        self._client.on_message = lambda _, __, message: on_message(
            message.topic, bytes(message.payload)
        )

    def __enter__(self) -> Self:
        self._client.connect_async(*self._address)
        self._client.loop_start()
        return self

    def __exit__(self, *_: object) -> None:
        self._client.disconnect()
        self._client.loop_stop()

    def _subscribe(self, client: paho.Client, *_: Any) -> None:
        client.subscribe(self._topics, qos=1)
