"""The connection to the broker; only this module and `paho_conversion` import paho."""

from __future__ import annotations

import dataclasses
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
from appliance.mqtt.connection_event_types import (
    Acknowledged,
    Connected,
    ConnectionEvent,
    Delivery,
    Lost,
    Subscribed,
    Woken,
)
from appliance.mqtt.inbound_backlog import InboundBacklog
from appliance.mqtt.paho_conversion import (
    IN_FLIGHT,
    MAXIMUM_PACKET,
    check_size,
    connect_properties,
    delivery_of,
    new_client,
    publish_properties,
    subscriptions,
)
from appliance.mqtt.retry_policy import ReconnectPolicy

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from paho.mqtt.properties import Properties
    from paho.mqtt.reasoncodes import ReasonCode

    from appliance.config import Config
    from appliance.mqtt.flood_limit import FloodLimit
    from appliance.values import Message

logger = logging.getLogger(__name__)

BATCH = 256
"""Maximum number of events dequeued at once."""


class Unpublishable(ValueError):
    """A message that cannot be published, now or later."""


class BrokerConnection:
    """One broker, one client id; events come out in the order in which they happened.

    paho's thread runs the callbacks, which only copy and enqueue. Nothing is published while
    there is no connection, because paho would keep it in memory; and paho must forget what was
    in flight when a connection broke, because the journal still has it.
    """

    def __init__(
        self, config: Config, will: Message, flood_limit: FloodLimit | None = None
    ) -> None:
        """`flood_limit` says which requests are not even taken in."""
        self._config = config
        self._flood_limit = flood_limit
        self._is_v5 = config.mqtt.version == "5"
        self._will = will
        self._password = credentials.password(config.mqtt)
        self._tls = credentials.tls_context(config.mqtt)
        try:
            config.broker_host.encode("idna")
        except UnicodeError:  # it would kill paho's thread at each attempt
            raise ConfigError(
                [f"mqtt.host: {config.broker_host!r} is not a valid host name"]
            ) from None
        self.window = IN_FLIGHT
        """Maximum number of messages in flight."""
        self.connections = 0
        """Number of connections since start."""
        self.inbound = InboundBacklog(config.requests.maximum_waiting_bytes)
        self._maximum_packet = MAXIMUM_PACKET
        self._events: queue.SimpleQueue[ConnectionEvent] = queue.SimpleQueue()
        # Held from the check "is it still this connection?" to the end of paho's call. Reentrant,
        # and never taken in `_on_publish`: paho runs that under the lock that publish() needs.
        self._lock = threading.RLock()
        self._epoch = 0
        self._connected = False
        self._connected_at = 0.0
        self._refusal: int | None = None
        self._filters: dict[int, Sequence[str]] = {}
        """Pending entries by packet id, until the broker answers."""
        self._reconnect = ReconnectPolicy()
        self._client = self._new_client()
        self._thread: threading.Thread | None = None

    @property
    def overrun(self) -> int:
        """Messages that were discarded without an answer."""
        unread = 0 if self._flood_limit is None else self._flood_limit.discarded
        return self.inbound.overrun + unread

    @property
    def connected(self) -> bool:
        """Whether there is a connection now."""
        return self._connected

    def alive(self) -> bool:
        """Whether paho's thread, if it was started, still runs."""
        return self._thread is None or self._thread.is_alive()

    def start(self) -> None:
        """Connect in the background, and reconnect after each loss."""
        self._client.loop_start()

    def stop(self, timeout: float) -> None:
        """Disconnect properly, so that the broker does not publish the last will."""
        with self._lock:
            self._connected = False
            self._client.on_disconnect = None  # this is not a loss
            self._client.disconnect()
        # Not loop_stop(), which waits for a hanging connect without a limit.
        if self._thread is not None:
            self._thread.join(timeout)

    def restart(self) -> None:
        """Start again with a new client: the thread died, or acknowledgements are overdue."""
        with self._lock:
            self.stop(timeout=0.0)
            self._thread = None
            self._epoch += 1
            self._client = self._new_client()  # callbacks of the old one are ignored
            self._events.put(Lost(self._epoch))
        self.start()

    def wait(self, timeout: float) -> list[ConnectionEvent]:
        """Return what happened; wait up to `timeout` seconds for the first event."""
        events: list[ConnectionEvent] = []
        try:
            events.append(self._events.get(timeout=timeout))
            while len(events) < BATCH:
                events.append(self._events.get_nowait())
        except queue.Empty:
            pass
        for event in events:
            if isinstance(event, Delivery):
                self.inbound.release(len(event.payload or b""))
        return events

    def wake(self) -> None:
        """Let `wait` return at once; from any thread."""
        self._events.put(Woken())

    def send(self, message: Message, qos: int = 1) -> int | None:
        """Send a message; return the id of its acknowledgement, or None without a connection.

        Raises:
            Unpublishable: no broker, or not this one, can ever take it.

        """
        try:
            properties = publish_properties(message) if self._is_v5 else None
            check_size(message, self._maximum_packet)
            with self._lock:
                if not self._connected:
                    return None
                info = self._client.publish(
                    message.topic, message.payload, qos, message.retain, properties
                )
        except (ValueError, TypeError, struct.error, MQTTException) as error:
            raise Unpublishable(str(error)) from error
        return info.mid if info.rc == paho.MQTT_ERR_SUCCESS else None

    def subscribe(self, filters: Sequence[str], *, with_retained: bool = False) -> None:
        """Subscribe; the broker's answer comes as an event.

        `with_retained` asks for the messages that the broker keeps, too.
        """
        with self._lock:
            if self._connected and filters:
                chosen = subscriptions(filters, is_v5=self._is_v5, with_retained=with_retained)
                _, mid = self._client.subscribe(chosen)
                self._filters[mid or 0] = filters

    def acknowledge(self, delivery: Delivery) -> bool:
        """Send PUBACK: the message is on our disk. False if its connection is gone.

        On another connection the same packet identifier may belong to another message.
        """
        with self._lock:
            if not self._connected or delivery.epoch != self._epoch:
                return False
            self._client.ack(delivery.mid, delivery.qos)
            return True

    def _new_client(self) -> paho.Client:
        client = new_client(self._config, self._will, self._password, self._tls)
        for name in ("pre_connect", "connect", "connect_fail", "disconnect"):
            setattr(client, f"on_{name}", self._guarded(getattr(self, f"_on_{name}")))
        for name in ("message", "publish", "subscribe"):
            setattr(client, f"on_{name}", self._guarded(getattr(self, f"_on_{name}")))
        mqtt = self._config.mqtt
        client.connect_async(
            self._config.broker_host,
            self._config.broker_port,
            mqtt.keepalive_s,
            # Never a clean start, not even the first one: a broker does not keep the session of
            # such a client over its own restart, and a clean start deletes what waits for us.
            clean_start=False,
            properties=connect_properties(self._config) if self._is_v5 else None,
        )
        return client

    def _guarded(self, callback: Callable[..., None]) -> Callable[..., None]:
        """Wrap a callback: it cannot kill paho's thread, and ignores calls of an old client."""

        @functools.wraps(callback)
        def guarded(client: paho.Client, _userdata: Any, *arguments: Any) -> None:
            try:
                if client is self._client:
                    callback(*arguments)
            except Exception:
                logger.exception(
                    "an event of the MQTT connection could not be handled; please report this"
                )

        return guarded

    def _on_pre_connect(self) -> None:
        self._thread = threading.current_thread()
        self._client.drop_out_messages()

    def _on_connect(self, flags: paho.ConnectFlags, code: ReasonCode, sent: Properties) -> None:
        if code.is_failure:
            self._refusal = code.value
            return  # paho calls _on_disconnect, too
        with self._lock:
            self._epoch += 1
            self.connections += 1
            self.window = min(IN_FLIGHT, getattr(sent, "ReceiveMaximum", IN_FLIGHT))
            self._maximum_packet = getattr(sent, "MaximumPacketSize", MAXIMUM_PACKET)
            self._refusal = None
            self._connected = True
            self._connected_at = time.monotonic()
            self._events.put(
                Connected(self._epoch, bool(getattr(sent, "SharedSubscriptionAvailable", 1)))
            )
        logger.info("connected to the broker at %s", self._address)

    def _on_connect_fail(self) -> None:
        self._schedule_reconnect(connect_errors.explain_failure(sys.exc_info()[1]))

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
        if refusal is not None:
            reason = connect_errors.explain_refusal(refusal, code.getName())
        elif was_connected:
            repeatedly = self._reconnect.failures > 1
            reason = connect_errors.explain_loss(self._config.client_id if repeatedly else None)
        else:
            silent = code.value == connect_errors.KEEPALIVE_TIMEOUT
            reason = connect_errors.SILENT if silent else connect_errors.NO_ANSWER
        lasted_s = time.monotonic() - self._connected_at if was_connected else 0.0
        slow = refusal in connect_errors.NEEDS_A_PERSON
        self._schedule_reconnect(reason, lasted_s=lasted_s, slow=slow)

    def _on_message(self, message: paho.MQTTMessage) -> None:
        if not self.inbound.reserve_row():
            return  # not acknowledged: the broker sends it again on the next connection
        delivery = delivery_of(message, self._epoch)
        if self._flood_limit is not None and self._flood_limit.must_discard(delivery):
            self.inbound.release(0)
            self._client.ack(message.mid, message.qos)
            return
        if self.inbound.reserve_bytes(len(message.payload)):
            delivery = dataclasses.replace(delivery, payload=bytes(message.payload))
        self._events.put(delivery)

    def _on_publish(self, mid: int, code: ReasonCode, _properties: Properties) -> None:
        self._events.put(Acknowledged(self._epoch, mid, code.value))

    def _on_subscribe(self, mid: int, codes: list[ReasonCode], _properties: Properties) -> None:
        with self._lock:  # the packet id is noted before its answer is handled
            filters = self._filters.pop(mid, ())
        refused = {
            topic_filter: connect_errors.explain_refusal(code.value, code.getName())
            for topic_filter, code in zip(filters, codes, strict=False)
            if code.is_failure
        }
        self._events.put(Subscribed(self._epoch, tuple(filters), refused))

    @property
    def _address(self) -> str:
        return f"{self._config.broker_host}:{self._config.broker_port}"

    def _schedule_reconnect(
        self, reason: str, *, lasted_s: float = 0.0, slow: bool = False
    ) -> None:
        """Set paho's delay, whose own backoff has no jitter, and log a new reason."""
        delay = self._reconnect.record_failure(lasted_s=lasted_s, slow=slow)
        self._client.reconnect_delay_set(delay, delay)  # type: ignore[arg-type]
        level = logging.WARNING if self._reconnect.is_new_reason(reason) else logging.DEBUG
        logger.log(
            level,
            "no connection to the broker at %s: %s; results wait on disk, reconnecting",
            self._address, reason,
        )  # fmt: skip
