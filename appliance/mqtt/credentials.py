"""Reads the password and the TLS files for the broker, once at the start."""

from __future__ import annotations

import ssl
from typing import TYPE_CHECKING

from appliance.errors import ConfigError
from appliance.system.credential_files import located

if TYPE_CHECKING:
    from pathlib import Path

    from appliance import config


def password(mqtt: config.MqttSettings) -> bytes | None:
    """Read the password file, without the newline that editors put at its end.

    Raises:
        ConfigError: the file cannot be read.

    """
    if not mqtt.password_file:
        return None
    path = located(mqtt.password_file)
    try:
        content = path.read_bytes()
    except OSError as error:
        what = f"mqtt.password_file: {path}: {error.strerror}"
        advice = "put the password into that file, or correct the key"
        raise ConfigError([f"{what}; {advice}"]) from error
    return content.removesuffix(b"\n").removesuffix(b"\r")


def tls_context(mqtt: config.MqttSettings) -> ssl.SSLContext | None:
    """Return a context for TLS 1.2 or later that checks the broker's name; None if TLS is off.

    Raises:
        ConfigError: a file cannot be read, or is not a certificate or key.

    """
    if not mqtt.tls:
        return None
    problems: list[str] = []
    context = ssl.create_default_context()
    if mqtt.ca_file:
        context = _context_trusting(located(mqtt.ca_file), problems)
    context.minimum_version = ssl.TLSVersion.TLSv1_2
    if mqtt.certificate_file:
        _load_certificate(context, mqtt, problems)
    if problems:
        raise ConfigError(problems)
    return context


def _context_trusting(path: Path, problems: list[str]) -> ssl.SSLContext:
    """Return a context that trusts only this authority; add what is wrong to `problems`."""
    try:
        return ssl.create_default_context(cafile=str(path))
    except ssl.SSLError as error:
        problems.append(f"mqtt.ca_file: {path}: not a certificate in PEM form ({error.reason})")
    except OSError as error:
        problems.append(f"mqtt.ca_file: {path}: {error.strerror}; put it there, or correct the key")
    return ssl.create_default_context()


def _load_certificate(
    context: ssl.SSLContext, mqtt: config.MqttSettings, problems: list[str]
) -> None:
    """Load our own certificate and key; add what is wrong to `problems`."""
    certificate, key = located(mqtt.certificate_file), located(mqtt.key_file)
    missing = False
    for name, path in (("certificate_file", certificate), ("key_file", key)):
        try:
            path.read_bytes()
        except OSError as error:
            what = f"mqtt.{name}: {path}: {error.strerror}"
            problems.append(f"{what}; put it there, or correct the key")
            missing = True
    if missing:
        return
    try:
        # With an empty password an encrypted key is an error; without one OpenSSL would ask on
        # the terminal, and a daemon would wait for ever.
        context.load_cert_chain(certificate, key, password="")
    except (ssl.SSLError, ValueError) as error:
        problems.append(
            f"mqtt.certificate_file, mqtt.key_file: {certificate} and {key} are not a "
            f"certificate and its unencrypted key in PEM form ({error})"
        )
