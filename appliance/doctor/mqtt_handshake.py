"""A minimal MQTT handshake for `check`: CONNECT, CONNACK, DISCONNECT.

It has a client id of its own: with the appliance's id it would disconnect the running one.
"""

from __future__ import annotations

import contextlib
import socket
from typing import TYPE_CHECKING

from appliance.mqtt import credentials

if TYPE_CHECKING:
    from collections.abc import Iterator

    from appliance.config import Config

TIMEOUT_S = 5.0
"""Seconds for each network operation."""

CONNECT, CONNACK, DISCONNECT = 0x10, 0x20, b"\xe0\x00"
CLEAN, PASSWORD, USER_NAME = 0x02, 0x40, 0x80
KEEPALIVE_S = 10

AS_MQTT_5 = {1: 0x84, 2: 0x85, 3: 0x88, 4: 0x86, 5: 0x87}
"""Return codes of MQTT 3.1.1 as reason codes of MQTT 5."""


class NotMqtt(OSError):
    """The peer gave no answer, or one that an MQTT broker does not give."""


def handshake(config: Config) -> int:
    """Connect with the configured login; returns the broker's reason code, 0 for success.

    Raises:
        ConfigError: password file or TLS files cannot be used.
        OSError: there is no connection; NotMqtt if the peer is not a broker.

    """
    packet = _connect(config)
    with _connection(config) as broker:
        broker.sendall(packet)
        code = _answer(broker)
        if code == 0:
            broker.sendall(DISCONNECT)
    return AS_MQTT_5.get(code, code)


@contextlib.contextmanager
def _connection(config: Config) -> Iterator[socket.socket]:
    tls = credentials.tls_context(config.mqtt)
    host = config.broker_host
    with socket.create_connection((host, config.broker_port), TIMEOUT_S) as plain:
        if tls is None:
            yield plain
        else:
            with tls.wrap_socket(plain, server_hostname=host) as wrapped:
                yield wrapped


def _connect(config: Config) -> bytes:
    """The CONNECT packet."""
    mqtt = config.mqtt
    password = credentials.password(mqtt)
    flags = CLEAN | (USER_NAME if mqtt.username else 0) | (0 if password is None else PASSWORD)
    version_5 = mqtt.version == "5"
    body = (
        _with_length(b"MQTT")
        + bytes([5 if version_5 else 4, flags])
        + KEEPALIVE_S.to_bytes(2, "big")
    )
    body += b"\x00" if version_5 else b""  # no properties
    body += _with_length(f"{config.client_id}-check".encode())
    if mqtt.username:
        body += _with_length(mqtt.username.encode())
    if password is not None:
        body += _with_length(password)
    return bytes([CONNECT]) + _variable_byte_integer(len(body)) + body


def _answer(broker: socket.socket) -> int:
    """The code of CONNACK: packet type, length, flags, code."""
    head = b""
    while len(head) < 4:  # noqa: PLR2004
        part = broker.recv(4 - len(head))
        if not part:
            break
        head += part
    if not head:
        raise NotMqtt(None, "it closed the connection without an answer")
    if len(head) < 4 or head[0] != CONNACK or head[1] < 2:  # noqa: PLR2004
        raise NotMqtt(None, "it is not an MQTT broker")
    # A CONNACK of MQTT 5 has properties, and with 128 bytes of them a length of two bytes.
    return head[3] if head[1] < 0x80 else broker.recv(1)[0]  # noqa: PLR2004


def _with_length(content: bytes) -> bytes:
    return len(content).to_bytes(2, "big") + content


def _variable_byte_integer(count: int) -> bytes:
    """A variable byte integer (MQTT 5, section 1.5.5)."""
    encoded = bytearray()
    while True:
        count, digit = divmod(count, 128)
        encoded.append(digit | (128 if count else 0))
        if not count:
            return bytes(encoded)
