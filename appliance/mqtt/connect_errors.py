"""Why the broker refuses a connection or a message, in words that say what to do."""

from __future__ import annotations

import socket
import ssl

REFUSALS = {
    0x84: "it does not support this version of MQTT; set mqtt.version",
    0x85: "it rejects the client id; set mqtt.client_id",
    0x86: "the user name or password is wrong; see mqtt.username and mqtt.password_file",
    # mosquitto sends this code for a wrong password, too.
    0x87: "the user name or password is wrong, or this user may not connect; see "
    "mqtt.username and mqtt.password_file",
    0x88: "it is not available now",
    0x89: "it is busy",
    0x8A: "this client is banned; see the broker's access list",
    0x8E: "another client has connected with the same client id; give each appliance its own "
    "device.name or mqtt.client_id",
    0x95: "one of our messages is larger than it allows",
    0x97: "its quota is used up",
    0x9D: "it asks us to use another broker; set mqtt.host",
    0x9E: "it has no shared subscriptions, which mqtt.group needs",
}
"""Explanations by MQTT 5 reason code of CONNACK and DISCONNECT."""

KEEPALIVE_TIMEOUT = 0x8D
"""Reason code for a peer that has said nothing during the keep-alive interval."""

NEEDS_A_PERSON = frozenset({0x84, 0x85, 0x86, 0x87, 0x8A, 0x8C, 0x8E, 0x9D, 0x9E})
"""Refusals that do not go away by themselves, so they are retried slowly."""

PERMANENT_PUBACKS = frozenset({0x90, 0x95, 0x99})
"""PUBACK codes of a message that the broker will never take: invalid topic name, packet too
large, invalid payload format."""


def explain_refusal(code: int, name: str) -> str:
    """Return what a reason code of the broker means; `name` is the MQTT standard's word."""
    return REFUSALS.get(code, f"it says: {name.lower()}")


FAILURES: dict[type[OSError], str] = {
    ConnectionRefusedError: "nothing listens there; is the broker running?",
    socket.gaierror: "its name cannot be resolved; see mqtt.host",
    TimeoutError: "it does not answer; see mqtt.host and the network",
}

PUBACKS = {
    0x87: "this user may not publish there; see the broker's access list",
    0x90: "the topic name is invalid",
    0x95: "the message is larger than the broker allows",
    0x97: "the broker's quota is used up",
    0x99: "the payload format is invalid",
}


def explain_puback(code: int) -> str:
    """Return what a failing reason code of PUBACK means."""
    return PUBACKS.get(code, f"reason code 0x{code:02x}")


SILENT = "it accepts the connection and does not answer; see mqtt.host, mqtt.port and mqtt.tls"

NO_ANSWER = "it closed the connection without an answer; see mqtt.port, mqtt.tls and mqtt.version"


def explain_loss(client_id: str | None) -> str:
    """Return what a broken connection means; give our client id if it breaks repeatedly."""
    if client_id is None:
        return "the connection broke"
    return (
        "the connection breaks repeatedly; see the broker's log, and whether another "
        f"client uses the client id {client_id}"
    )


def explain_failure(error: BaseException | None) -> str:
    """Return what an exception while connecting to the broker means."""
    if isinstance(error, ssl.SSLCertVerificationError):
        return (
            f"its certificate is not trusted ({error.verify_message}); see mqtt.ca_file, "
            "whether mqtt.host is the name in the certificate, and this device's clock"
        )
    if isinstance(error, ssl.SSLError):
        return f"TLS failed ({error}); see mqtt.tls, mqtt.port and the files"
    for kind, words in FAILURES.items():
        if isinstance(error, kind):
            return words
    return getattr(error, "strerror", None) or f"for an unknown reason ({error})"
