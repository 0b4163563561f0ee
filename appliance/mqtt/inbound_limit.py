"""How much of what came in waits in memory: bounded, whatever a client sends."""

from __future__ import annotations

import threading

MAXIMUM_ROWS = 10_000
"""Deliveries without their payload: a few hundred bytes each, kept to be told `busy`."""


class InboundLimit:
    """Counts what paho's thread has put down and nobody has picked up yet."""

    def __init__(self, maximum_bytes: int) -> None:
        self._maximum_bytes = maximum_bytes
        self._lock = threading.Lock()
        self._rows = 0
        self._bytes = 0
        self.overrun = 0
        """Deliveries that not even an answer was kept for."""

    def take(self, size: int) -> bool:
        """Whether a payload of `size` bytes may be kept, and count it."""
        with self._lock:
            self._rows += 1
            if self._bytes + size > self._maximum_bytes:
                return False
            self._bytes += size
            return True

    def full(self) -> bool:
        """Whether the next one is beyond an answer; it is counted as overrun."""
        with self._lock:
            if self._rows < MAXIMUM_ROWS:
                return False
            self.overrun += 1
            return True

    def give_back(self, size: int) -> None:
        """One was picked up, with a payload of `size` bytes."""
        with self._lock:
            self._rows -= 1
            self._bytes -= size
