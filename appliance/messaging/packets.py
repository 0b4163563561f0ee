"""What goes into MQTT packets and what comes out of them, in paho's words and in ours."""

from __future__ import annotations

from typing import TYPE_CHECKING

from paho.mqtt.packettypes import PacketTypes
from paho.mqtt.properties import Properties

from appliance.messaging.delivery import Delivery

if TYPE_CHECKING:
    from paho.mqtt import client as paho

    from appliance.config import Config
    from appliance.values import Message

IN_FLIGHT = 20
"""Messages on their way in each direction: what mosquitto allows a client by default."""

MAXIMUM_PACKET = 268_435_455
"""Bytes, from the MQTT standard."""


def connect_properties(config: Config) -> Properties:
    """What the broker is told of us: how long it keeps our session, and what we can take."""
    properties = Properties(PacketTypes.CONNECT)  # type: ignore[no-untyped-call]
    properties.SessionExpiryInterval = config.mqtt.session_expiry_s
    properties.ReceiveMaximum = IN_FLIGHT
    # Twice what is accepted (base64 takes four thirds), so that who sends too much is told;
    # what is larger still the broker throws away, and our memory is safe.
    properties.MaximumPacketSize = min(MAXIMUM_PACKET, 2 * config.requests.maximum_bytes + 65_536)
    return properties


def publish_properties(message: Message) -> Properties:
    """What MQTT 5 carries beside a payload."""
    properties = Properties(PacketTypes.PUBLISH)  # type: ignore[no-untyped-call]
    if message.content_type is not None:
        properties.ContentType = message.content_type
    if message.correlation is not None:
        properties.CorrelationData = message.correlation
    if message.user_properties:
        properties.UserProperty = list(message.user_properties)
    return properties


def check_size(message: Message, largest: int) -> None:
    """ValueError if the packet might be larger; a broker would close the connection."""
    texts = [message.topic, message.content_type or ""]
    for name, value in message.user_properties:
        texts += (name, value)
    known = len(message.payload) + len(message.correlation or b"")
    size = known + sum(len(text.encode()) + 5 for text in texts) + 32
    if size > largest:
        raise ValueError(f"{size} bytes are more than the {largest} that the broker takes")


def delivery_of(message: paho.MQTTMessage, epoch: int, *, keep: bool) -> Delivery:
    """A copy of what came in, with its payload where it may be kept."""
    sent = message.properties
    return Delivery(
        epoch=epoch,
        topic=message.topic,
        payload=bytes(message.payload) if keep else None,
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
