"""An MQTT client outside the appliance: it subscribes at once and keeps what it receives."""

from __future__ import annotations

import queue
import time
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Self

import pytest
from paho.mqtt import client as paho
from paho.mqtt.enums import CallbackAPIVersion, MQTTProtocolVersion
from paho.mqtt.packettypes import PacketTypes
from paho.mqtt.properties import Properties

from support.waiting import TIMEOUT_S, until

if TYPE_CHECKING:
    from support.mosquitto import Certificates


@dataclass(frozen=True)
class ReceivedMessage:
    """A message that a client got."""

    topic: str
    payload: bytes
    retain: bool
    correlation: bytes | None
    content_type: str | None
    at: float
    """time.monotonic()."""


class MqttClient:
    """Subscribes at once to the topic filters given, and keeps all that it receives."""

    def __init__(
        self,
        port: int,
        *filters: str,
        version: MQTTProtocolVersion = MQTTProtocolVersion.MQTTv5,
        username: str | None = None,
        password: str | None = None,
        tls: Certificates | None = None,
    ) -> None:
        self.heard: queue.SimpleQueue[ReceivedMessage] = queue.SimpleQueue()
        self._filters = filters
        self._port = port
        self._paho = paho.Client(CallbackAPIVersion.VERSION2, protocol=version)
        self._paho.username_pw_set(username, password)
        if tls is not None:
            self._paho.tls_set(str(tls.authority), str(tls.client[0]), str(tls.client[1]))
        self._paho.reconnect_delay_set(1, 1)
        self._paho.on_connect = self._subscribe
        self._paho.on_subscribe = lambda *_: self._subscribed.put(None)
        self._paho.on_message = self._keep
        self._subscribed: queue.SimpleQueue[None] = queue.SimpleQueue()

    def __enter__(self) -> Self:
        self._paho.connect("127.0.0.1", self._port)
        self._paho.loop_start()
        if self._filters:
            self._subscribed.get(timeout=TIMEOUT_S)
        else:
            until(self._paho.is_connected, "the client did not connect")
        return self

    def __exit__(self, *_: object) -> None:
        self._paho.disconnect()
        self._paho.loop_stop()

    def publish(
        self,
        topic: str,
        payload: bytes | str,
        *,
        retain: bool = False,
        qos: int = 1,
        **properties: Any,
    ) -> None:
        """Send and wait for the broker; `properties` by their names in paho."""
        sent = self.send(topic, payload, retain=retain, qos=qos, **properties)
        sent.wait_for_publish(TIMEOUT_S)

    def send(
        self,
        topic: str,
        payload: bytes | str,
        *,
        retain: bool = False,
        qos: int = 1,
        **properties: Any,
    ) -> paho.MQTTMessageInfo:
        """Send without waiting."""
        sent = None
        if properties:
            sent = Properties(PacketTypes.PUBLISH)  # type: ignore[no-untyped-call]
            for name, value in properties.items():
                setattr(sent, name, value)
        return self._paho.publish(topic, payload, qos, retain, sent)

    def next(self, topic: str | None = None, seconds: float = TIMEOUT_S) -> ReceivedMessage:
        """The next message, or the next on `topic` with others passed over."""
        end = time.monotonic() + seconds
        while True:
            try:
                heard = self.heard.get(timeout=max(0.0, end - time.monotonic()))
            except queue.Empty:
                pytest.fail(f"nothing came on {topic or 'any topic'} in {seconds:g} s")
            if topic in (None, heard.topic):
                return heard

    def silent(self, seconds: float = 0.3) -> bool:
        """Whether nothing comes for so long."""
        time.sleep(seconds)
        return self.heard.empty()

    def _subscribe(self, client: paho.Client, *_: Any) -> None:
        if self._filters:
            client.subscribe([(topic, 1) for topic in self._filters])

    def _keep(self, _client: paho.Client, _userdata: Any, message: paho.MQTTMessage) -> None:
        sent = message.properties
        self.heard.put(
            ReceivedMessage(
                message.topic,
                bytes(message.payload),
                message.retain,
                getattr(sent, "CorrelationData", None),
                getattr(sent, "ContentType", None),
                time.monotonic(),
            )
        )
