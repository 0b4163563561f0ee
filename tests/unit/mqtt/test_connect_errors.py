"""Errors of the connection tell the owner what to do."""

from __future__ import annotations

import socket
import ssl

import pytest

from appliance.mqtt import connect_errors


@pytest.mark.parametrize(
    ("error", "words"),
    [
        (ConnectionRefusedError(111, "Connection refused"), "is the broker running"),
        (socket.gaierror(-2, "Name or service not known"), "mqtt.host"),
        (TimeoutError("timed out"), "does not answer"),
        (ssl.SSLError(1, "[SSL: WRONG_VERSION_NUMBER]"), "mqtt.tls"),
        (OSError(101, "Network is unreachable"), "Network is unreachable"),
        (None, "unknown reason"),
    ],
)
def test_an_explained_failure_names_the_key_or_the_cause(
    error: BaseException | None, words: str
) -> None:
    assert words in connect_errors.explain_failure(error)


def test_a_refusal_that_we_do_not_explain_has_the_words_of_the_standard() -> None:
    assert "mqtt.password_file" in connect_errors.explain_refusal(0x86, "Bad user name or password")
    assert connect_errors.explain_refusal(0x9F, "Connection rate exceeded") == (
        "it says: connection rate exceeded"
    )
    assert connect_errors.explain_puback(0x80) == "reason code 0x80"
