"""Converts between our messages and paho's packets, properties and options."""

from __future__ import annotations

from typing import TYPE_CHECKING

from paho.mqtt import client as paho
from paho.mqtt.enums import CallbackAPIVersion
from paho.mqtt.packettypes import PacketTypes
from paho.mqtt.properties import Properties
from paho.mqtt.subscribeoptions import SubscribeOptions

from appliance.mqtt.connection_event_types import Delivery

if TYPE_CHECKING:
    import ssl
    from collections.abc import Sequence

    from appliance.config import Config
    from appliance.values import Message

IN_FLIGHT = 20
"""Messages in flight in each direction: mosquitto's default limit."""

MAXIMUM_PACKET = 268_435_455
"""Bytes, from the MQTT standard."""


def new_client(
    config: Config, will: Message, password: bytes | None, tls: ssl.SSLContext | None
) -> paho.Client:
    """Return a paho client with our settings, which does not connect yet."""
    is_v5 = config.mqtt.version == "5"
    client = paho.Client(
        CallbackAPIVersion.VERSION2,
        client_id=config.client_id,
        protocol=paho.MQTTv5 if is_v5 else paho.MQTTv311,
        clean_session=None if is_v5 else False,
        manual_ack=True,
    )
    client.suppress_exceptions = True
    client.will_set(will.topic, will.payload, qos=1, retain=will.retain)
    if config.mqtt.username:
        client.username_pw_set(config.mqtt.username, password)  # type: ignore[arg-type]
    if tls is not None:
        client.tls_set_context(tls)
    return client


def subscriptions(
    filters: Sequence[str], *, is_v5: bool, with_retained: bool = False
) -> list[tuple[str, SubscribeOptions]] | list[tuple[str, int]]:
    """Return topic filters in the form that paho takes."""
    if not is_v5:
        return [(topic_filter, 1) for topic_filter in filters]
    # Requests without retained messages, which would come again on every connection.
    handling = (
        SubscribeOptions.RETAIN_SEND_ON_SUBSCRIBE
        if with_retained
        else SubscribeOptions.RETAIN_DO_NOT_SEND
    )
    options = SubscribeOptions(qos=1, retainHandling=handling)
    return [(topic_filter, options) for topic_filter in filters]


def connect_properties(config: Config) -> Properties:
    """Return how long the broker must keep our session, and what we can receive."""
    properties = Properties(PacketTypes.CONNECT)  # type: ignore[no-untyped-call]
    properties.SessionExpiryInterval = config.mqtt.session_expiry_s
    properties.ReceiveMaximum = IN_FLIGHT
    # Twice the accepted size (base64 takes four thirds), so that a client that sends too much gets
    # an answer; the broker discards larger messages, which protects our memory.
    properties.MaximumPacketSize = min(MAXIMUM_PACKET, 2 * config.requests.maximum_bytes + 65_536)
    return properties


def publish_properties(message: Message) -> Properties:
    """Return the MQTT 5 properties of a message."""
    properties = Properties(PacketTypes.PUBLISH)  # type: ignore[no-untyped-call]
    if message.content_type is not None:
        properties.ContentType = message.content_type
    if message.correlation is not None:
        properties.CorrelationData = message.correlation
    if message.fresh_s is not None:
        properties.MessageExpiryInterval = max(1, round(message.fresh_s))
    if message.user_properties:
        properties.UserProperty = list(message.user_properties)
    return properties


def check_size(message: Message, maximum_packet: int) -> None:
    """Raise ValueError if the packet may be too large: a broker would close the connection."""
    texts = [message.topic, message.content_type or ""]
    for name, value in message.user_properties:
        texts += (name, value)
    known = len(message.payload) + len(message.correlation or b"")
    size = known + sum(len(text.encode()) + 5 for text in texts) + 32
    if size > maximum_packet:
        raise ValueError(f"{size} bytes are more than the {maximum_packet} that the broker allows")


def delivery_of(message: paho.MQTTMessage, epoch: int) -> Delivery:
    """Copy a received message without its payload."""
    sent = message.properties
    return Delivery(
        epoch=epoch,
        topic=message.topic,
        payload=None,
        mid=message.mid,
        qos=message.qos,
        repeated=message.dup,
        retained=message.retain,
        response_topic=getattr(sent, "ResponseTopic", None),
        correlation=getattr(sent, "CorrelationData", None),
        content_type=getattr(sent, "ContentType", None),
        expiry_s=getattr(sent, "MessageExpiryInterval", None),
        user_properties=tuple(getattr(sent, "UserProperty", ())),
    )
