"""Why there is no connection, in the owner's words."""

from __future__ import annotations

import socket
import ssl

REFUSALS = {
    0x84: "it does not speak this version of MQTT; set mqtt.version",
    0x85: "it does not like the client id; set mqtt.client_id",
    0x86: "the user name or password is wrong; see mqtt.username and mqtt.password_file",
    # What mosquitto says of a wrong password, too.
    0x87: "the user name or password is wrong, or this user is not allowed in; see "
    "mqtt.username and mqtt.password_file",
    0x88: "it is not available now",
    0x89: "it is busy",
    0x8A: "this client is banned; see the broker's access list",
    0x8E: "another client has connected with the same client id; give each appliance its own "
    "device.name or mqtt.client_id",
    0x95: "one of our messages is larger than it allows",
    0x97: "its quota is used up",
    0x9D: "it asks us to use another broker; set mqtt.host",
}
"""By MQTT 5 reason code, of CONNACK and DISCONNECT."""

NEEDS_A_PERSON = frozenset({0x84, 0x85, 0x86, 0x87, 0x8A, 0x8C, 0x8E, 0x9D})
"""Refusals that do not go away by themselves: ask again slowly."""

NEVER = frozenset({0x90, 0x95, 0x99})
"""PUBACK codes of a message that the broker will not take tomorrow either: a bad topic, a
packet too large, a bad payload format."""


def of_refusal(code: int, name: str) -> str:
    """What a reason code of the broker means; `name` is the standard's own word."""
    return REFUSALS.get(code, f"it says: {name.lower()}")


FAILURES: dict[type[OSError], str] = {
    ConnectionRefusedError: "nothing listens there; is the broker running?",
    socket.gaierror: "its name is not known; see mqtt.host",
    TimeoutError: "it does not answer; see mqtt.host and the network",
}

PUBLICATION = {
    0x87: "this user may not publish there; see the broker's access list",
    0x90: "it finds the topic's name invalid",
    0x95: "the message is larger than it allows",
    0x97: "its quota is used up",
    0x99: "it finds the payload's format invalid",
}


def of_publication(code: int) -> str:
    """What a failing reason code of PUBACK means."""
    return PUBLICATION.get(code, f"reason code 0x{code:02x}")


NO_ANSWER = "it hung up without an answer; see mqtt.port, mqtt.tls and mqtt.version"


def of_loss(client_id: str | None) -> str:
    """What a connection that broke means; with our id where it happens again and again."""
    if client_id is None:
        return "the connection broke"
    return (
        "the connection breaks again and again; see the broker's log, and whether another "
        f"client uses the client id {client_id}"
    )


def of_failure(error: BaseException | None) -> str:
    """What an exception on the way to the broker means."""
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
    return getattr(error, "strerror", None) or f"no reason is known ({error})"
