"""Link: the connection to the broker; it and `packets` import paho, and nobody else here."""

from __future__ import annotations

import functools
import logging
import queue
import struct
import sys
import threading
import time
from typing import TYPE_CHECKING, Any

from paho.mqtt import client as paho
from paho.mqtt.exception import MQTTException

from appliance.errors import ConfigError
from appliance.mqtt import connect_errors, credentials
from appliance.mqtt.connection_events import (
    Acknowledged,
    Connected,
    Delivery,
    Event,
    Lost,
    Subscribed,
    Woken,
)
from appliance.mqtt.inbound_limit import InboundLimit
from appliance.mqtt.packets import (
    IN_FLIGHT,
    MAXIMUM_PACKET,
    check_size,
    client_of,
    connect_properties,
    delivery_of,
    publish_properties,
    subscriptions,
)
from appliance.mqtt.retry_policy import ReconnectPolicy

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from paho.mqtt.properties import Properties
    from paho.mqtt.reasoncodes import ReasonCode

    from appliance.config import Config
    from appliance.values import Message

logger = logging.getLogger(__name__)

BATCH = 256
"""Events picked up at once."""


class Unpublishable(ValueError):
    """A message that cannot be published now or ever."""


class BrokerConnection:
    """One broker, one client id; says what happens in the order in which it did.

    paho's thread runs the callbacks, which only copy and enqueue. What is published while
    there is no connection is refused, for paho would keep it in memory; what is under way
    when a connection breaks is forgotten, for the journal has it.
    """

    def __init__(self, config: Config, will: Message) -> None:
        self._config = config
        self._is_v5 = config.mqtt.version == "5"
        self._will = will
        self._password = credentials.password(config.mqtt)
        self._tls = credentials.tls_context(config.mqtt)
        try:
            config.broker_host.encode("idna")
        except UnicodeError:  # it would kill paho's thread at every attempt
            raise ConfigError([f"mqtt.host: {config.broker_host!r} is not a name"]) from None
        self.window = IN_FLIGHT
        """How many messages the broker takes before it has acknowledged the first."""
        self.connections = 0
        """Since start."""
        self.backlog = InboundLimit(config.requests.maximum_waiting_bytes)
        self._largest = MAXIMUM_PACKET
        self._events: queue.SimpleQueue[Event] = queue.SimpleQueue()
        # Guards the step from "is it still that connection?" to paho's call. Reentrant, and
        # never taken in `_on_publish`, which paho runs under the lock that publish() needs.
        self._lock = threading.RLock()
        self._epoch = 0
        self._connected = False
        self._since = 0.0
        self._refusal: int | None = None
        self._reconnect = ReconnectPolicy()
        self._client = self._new_client()
        self._thread: threading.Thread | None = None

    @property
    def connected(self) -> bool:
        """Whether a broker hears us."""
        return self._connected

    def alive(self) -> bool:
        """Whether paho's thread, if it has begun, still runs."""
        return self._thread is None or self._thread.is_alive()

    def start(self) -> None:
        """Begin to connect, again and again, in the background."""
        self._client.loop_start()

    def stop(self, timeout: float) -> None:
        """Say good-bye, so that the broker does not publish the last will."""
        with self._lock:
            self._connected = False
            self._client.on_disconnect = None  # not a loss
            self._client.disconnect()
        # Not loop_stop(), which waits without a limit through a connect that hangs.
        if self._thread is not None:
            self._thread.join(timeout)

    def restart(self) -> None:
        """Begin anew with another client: the thread died, or the broker went deaf."""
        with self._lock:
            self.stop(timeout=0.0)
            self._thread = None
            self._epoch += 1
            self._client = self._new_client()  # what the old one still says is not heard
            self._events.put(Lost(self._epoch))
        self.start()

    def wait(self, timeout: float) -> list[Event]:
        """What has happened, waiting up to `timeout` seconds for something to."""
        events: list[Event] = []
        try:
            events.append(self._events.get(timeout=timeout))
            while len(events) < BATCH:
                events.append(self._events.get_nowait())
        except queue.Empty:
            pass
        for event in events:
            if isinstance(event, Delivery):
                self.backlog.give_back(len(event.payload or b""))
        return events

    def wake(self) -> None:
        """Let `wait` come back at once."""
        self._events.put(Woken())

    def publish(self, message: Message, qos: int = 1) -> int | None:
        """Send; the id that its acknowledgement will carry, or None when nobody hears us.

        Unpublishable when no broker, or not this one, can ever take it.
        """
        try:
            properties = publish_properties(message) if self._is_v5 else None
            check_size(message, self._largest)
            with self._lock:
                if not self._connected:
                    return None
                info = self._client.publish(
                    message.topic, message.payload, qos, message.retain, properties
                )
        except (ValueError, TypeError, struct.error, MQTTException) as error:
            raise Unpublishable(str(error)) from error
        return info.mid if info.rc == paho.MQTT_ERR_SUCCESS else None

    def subscribe(self, filters: Sequence[str]) -> None:
        """Ask for messages; the broker's word on it comes as an event."""
        with self._lock:
            if self._connected:
                self._client.subscribe(subscriptions(filters, is_v5=self._is_v5))

    def ack(self, delivery: Delivery) -> bool:
        """Tell the broker that a delivery is ours now; False when that connection is gone.

        On another connection the same packet identifier may belong to another message.
        """
        with self._lock:
            if not self._connected or delivery.epoch != self._epoch:
                return False
            self._client.ack(delivery.mid, delivery.qos)
            return True

    def _new_client(self) -> paho.Client:
        client = client_of(self._config, self._will, self._password, self._tls)
        for name in ("pre_connect", "connect", "connect_fail", "disconnect"):
            setattr(client, f"on_{name}", self._guarded(getattr(self, f"_on_{name}")))
        for name in ("message", "publish", "subscribe"):
            setattr(client, f"on_{name}", self._guarded(getattr(self, f"_on_{name}")))
        mqtt = self._config.mqtt
        client.connect_async(
            self._config.broker_host,
            self._config.broker_port,
            mqtt.keepalive_s,
            # Never a clean start, not even the first one: brokers do not keep the session of
            # such a client over their own restart, and ours would wipe what waits for us.
            clean_start=False,
            properties=connect_properties(self._config) if self._is_v5 else None,
        )
        return client

    def _guarded(self, callback: Callable[..., None]) -> Callable[..., None]:
        """A callback that cannot kill paho's thread, and is silent when its client is old."""

        @functools.wraps(callback)
        def guarded(client: paho.Client, _userdata: Any, *arguments: Any) -> None:
            try:
                if client is self._client:
                    callback(*arguments)
            except Exception:
                logger.exception("a message to or from the broker could not be dealt with")

        return guarded

    def _on_pre_connect(self) -> None:
        self._thread = threading.current_thread()
        self._client.drop_out_messages()

    def _on_connect(self, flags: paho.ConnectFlags, code: ReasonCode, sent: Properties) -> None:
        if code.is_failure:
            self._refusal = code.value
            return  # paho reports the end of this connection, too
        with self._lock:
            self._epoch += 1
            self.connections += 1
            self.window = min(IN_FLIGHT, getattr(sent, "ReceiveMaximum", IN_FLIGHT))
            self._largest = getattr(sent, "MaximumPacketSize", MAXIMUM_PACKET)
            self._refusal = None
            self._connected = True
            self._since = time.monotonic()
            self._events.put(Connected(self._epoch))
        logger.info("connected to the broker at %s", self._address)

    def _on_connect_fail(self) -> None:
        self._wait_before_next(connect_errors.of_failure(sys.exc_info()[1]))

    def _on_disconnect(
        self, flags: paho.DisconnectFlags, code: ReasonCode, _properties: Properties
    ) -> None:
        with self._lock:
            was_connected, self._connected = self._connected, False
            refusal, self._refusal = self._refusal, None
            if was_connected:
                self._events.put(Lost(self._epoch))
        if flags.is_disconnect_packet_from_server:
            refusal = code.value
        again = self._reconnect.failures > 1
        if refusal is not None:
            words = connect_errors.of_refusal(refusal, code.getName())
        else:
            client_id = self._config.client_id if again else None
            words = connect_errors.of_loss(client_id) if was_connected else connect_errors.NO_ANSWER
        lasted = time.monotonic() - self._since if was_connected else 0.0
        self._wait_before_next(words, lasted=lasted, slow=refusal in connect_errors.NEEDS_A_PERSON)

    def _on_message(self, message: paho.MQTTMessage) -> None:
        if self.backlog.full():
            return  # not acknowledged: the broker sends it again on the next connection
        keep = self.backlog.take(len(message.payload))
        self._events.put(delivery_of(message, self._epoch, keep=keep))

    def _on_publish(self, mid: int, code: ReasonCode, _properties: Properties) -> None:
        self._events.put(Acknowledged(self._epoch, mid, code.value))

    def _on_subscribe(self, _mid: int, codes: list[ReasonCode], _properties: Properties) -> None:
        refusal = next((code.getName() for code in codes if code.is_failure), None)
        self._events.put(Subscribed(self._epoch, refusal))

    @property
    def _address(self) -> str:
        return f"{self._config.broker_host}:{self._config.broker_port}"

    def _wait_before_next(self, words: str, *, lasted: float = 0.0, slow: bool = False) -> None:
        """Set paho's delay, which has no element of chance by itself; and tell the owner."""
        delay = self._reconnect.record_failure(lasted_s=lasted, slow=slow)
        self._client.reconnect_delay_set(delay, delay)  # type: ignore[arg-type]
        level = logging.WARNING if self._reconnect.is_new_reason(words) else logging.DEBUG
        logger.log(
            level,
            "no connection to the broker at %s (%s): results wait on disk, trying again",
            self._address, words,
        )  # fmt: skip
