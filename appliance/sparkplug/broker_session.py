"""One MQTT session of the edge node: a connection with its own last will, and a clean start."""

from __future__ import annotations

import queue
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from paho.mqtt import client as paho
from paho.mqtt.client import MQTT_CLEAN_START_FIRST_ONLY
from paho.mqtt.enums import CallbackAPIVersion

from appliance.mqtt import credentials

if TYPE_CHECKING:
    from collections.abc import Sequence

    from appliance.config import Config

CLOSE_S = 0.5
"""Seconds that the death certificate may take before the connection ends."""

MOST_UNREAD = 1000
"""Messages that wait to be read; a host that sends more is not answered."""

LARGEST_PAYLOAD = 65_536
"""Bytes; a larger message is dropped."""


@dataclass(frozen=True, slots=True)
class SessionReady:
    """The broker has accepted the subscriptions."""


@dataclass(frozen=True, slots=True)
class Ended:
    """The connection has ended, or could not be made."""

    reason: str


@dataclass(frozen=True, slots=True)
class Arrived:
    """A message came."""

    topic: str
    payload: bytes
    is_retained: bool
    """Whether it was on the broker before this session."""


SessionEvent = SessionReady | Ended | Arrived


class BrokerSession:
    """paho's thread only enqueues; the owner's thread takes the events and publishes."""

    def __init__(self, config: Config, will: tuple[str, bytes], filters: Sequence[str]) -> None:
        """Connect in the background; the broker publishes `will` if the connection breaks.

        Raises:
            ConfigError: the password or a certificate cannot be read.

        """
        mqtt = config.mqtt
        is_v5 = mqtt.version == "5"
        self._filters = [(name, 1) for name in filters]
        self._events: queue.Queue[SessionEvent] = queue.Queue()
        client = paho.Client(
            CallbackAPIVersion.VERSION2,
            client_id=f"{config.client_id}-sparkplug",
            protocol=paho.MQTTv5 if is_v5 else paho.MQTTv311,
            clean_session=None if is_v5 else True,
            reconnect_on_failure=False,  # each session needs a will with its own number
        )
        client.suppress_exceptions = True
        client.will_set(*will, qos=1, retain=False)
        if mqtt.username:
            client.username_pw_set(mqtt.username, credentials.password(mqtt))  # type: ignore[arg-type]
        if (tls := credentials.tls_context(mqtt)) is not None:
            client.tls_set_context(tls)
        client.on_connect = self._on_connect
        client.on_connect_fail = lambda *_: self._put(Ended("it cannot be reached"))
        client.on_subscribe = lambda *_: self._put(SessionReady())
        client.on_disconnect = self._on_disconnect
        client.on_message = lambda _client, _userdata, message: self._put(
            Arrived(message.topic, bytes(message.payload), is_retained=message.retain)
        )
        self._client = client
        client.connect_async(
            config.broker_host,
            config.broker_port,
            mqtt.keepalive_s,
            clean_start=True if is_v5 else MQTT_CLEAN_START_FIRST_ONLY,
        )
        client.loop_start()

    def next_event(self, wait_s: float) -> SessionEvent | None:
        """The next event; None if there is none within `wait_s`."""
        try:
            return self._events.get(timeout=wait_s)
        except queue.Empty:
            return None

    def publish(self, topic: str, payload: bytes, qos: int = 0) -> bool:
        """Send a message that is not retained; False without a connection."""
        if not self._client.is_connected():
            return False
        return self._client.publish(topic, payload, qos).rc == paho.MQTT_ERR_SUCCESS

    def close(self, death: tuple[str, bytes] | None = None) -> None:
        """End the connection; with `death`, after that was published."""
        self._client.on_disconnect = None
        if death is not None and self._client.is_connected():
            sent = self._client.publish(*death, qos=1)
            if sent.rc == paho.MQTT_ERR_SUCCESS:
                sent.wait_for_publish(CLOSE_S)
        self._client.disconnect()
        self._client.loop_stop()

    def _put(self, event: SessionEvent) -> None:
        """Only messages are dropped: without the end of a session there would be no next one."""
        if isinstance(event, Arrived) and (
            len(event.payload) > LARGEST_PAYLOAD or self._events.qsize() >= MOST_UNREAD
        ):
            return
        self._events.put_nowait(event)

    def _on_connect(
        self, client: paho.Client, _userdata: Any, _flags: Any, code: Any, _properties: Any
    ) -> None:
        if code.is_failure:
            self._put(Ended(f"it refuses the edge node: {code.getName()}"))
        else:
            client.subscribe(self._filters)

    def _on_disconnect(self, _client: Any, _userdata: Any, _flags: Any, code: Any, _: Any) -> None:
        self._put(Ended(f"the connection ended: {code.getName()}"))
