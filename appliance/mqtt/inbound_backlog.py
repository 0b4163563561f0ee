"""Limits how much received data waits in memory, whatever clients send."""

from __future__ import annotations

import threading

MAXIMUM_ROWS = 10_000
"""Maximum number of messages without payload, a few hundred bytes each, that wait for `busy`."""


class InboundBacklog:
    """Counts the messages that paho's thread has enqueued and that are not dequeued yet."""

    def __init__(self, maximum_bytes: int) -> None:
        self._maximum_bytes = maximum_bytes
        self._lock = threading.Lock()
        self._rows = 0
        self._bytes = 0
        self.overrun = 0
        """Messages that were discarded without an answer."""

    def reserve_row(self) -> bool:
        """Count a message; False if it must be discarded, because too many wait."""
        with self._lock:
            if self._rows >= MAXIMUM_ROWS:
                self.overrun += 1
                return False
            self._rows += 1
            return True

    def reserve_bytes(self, size: int) -> bool:
        """Count a payload; False if it must not be kept, because too many bytes wait."""
        with self._lock:
            if self._bytes + size > self._maximum_bytes:
                return False
            self._bytes += size
            return True

    def release(self, size: int) -> None:
        """Note that a message with a payload of `size` bytes was dequeued."""
        with self._lock:
            self._rows -= 1
            self._bytes -= size
