"""Log handler that sends records with extra fields to systemd's journal."""

from __future__ import annotations

import logging
import re
import socket
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

SOCKET = "/run/systemd/journal/socket"

FIELDS = "fields"
"""Key in a logger's `extra=`: a mapping of field names to values."""


class Journald(logging.Handler):
    """Sends a record that has fields to the journal, every other one to `fallback`.

    A record that the journal does not accept at once goes to `fallback`, too: nothing waits.
    """

    def __init__(
        self,
        fallback: logging.Handler,
        priority: Callable[[int], int],
        path: str = SOCKET,
    ) -> None:
        super().__init__()
        self.fallback = fallback
        self._priority = priority
        self._path = path
        self._socket = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM | socket.SOCK_CLOEXEC)
        self._socket.settimeout(0)

    def emit(self, record: logging.LogRecord) -> None:
        fields = getattr(record, FIELDS, None)
        try:
            if fields is None:
                self.fallback.handle(record)
            else:
                self._socket.sendto(self._entry(record, fields), self._path)
        except OSError:
            self.fallback.handle(record)

    def close(self) -> None:
        self._socket.close()
        self.fallback.close()
        super().close()

    def _entry(self, record: logging.LogRecord, fields: Mapping[str, object]) -> bytes:
        return entry(
            {
                "MESSAGE": record.getMessage(),
                "PRIORITY": self._priority(record.levelno),
                "SYSLOG_IDENTIFIER": "appliance",
                "LOGGER": record.name,
                **{key.upper(): value for key, value in fields.items()},
            }
        )


def entry(fields: Mapping[str, object]) -> bytes:
    """A datagram of systemd's native journal protocol (systemd.io/JOURNAL_NATIVE_PROTOCOL).

    A field without a value is left out. A value of several lines is preceded by its length, so
    that no line of it can be taken for a field.
    """
    parts = []
    for name, value in fields.items():
        if value is None:
            continue
        key = re.sub(r"[^A-Z0-9_]", "_", name).lstrip("_0123456789").encode()
        text = str(value).encode("utf-8", "backslashreplace")
        if b"\n" in text:
            parts += [key, b"\n", len(text).to_bytes(8, "little"), text, b"\n"]
        else:
            parts += [key, b"=", text, b"\n"]
    return b"".join(parts)
