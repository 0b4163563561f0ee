"""How often a password may be tried: few failures for each address, some more for all together."""

from __future__ import annotations

from collections import deque

WINDOW_S = 60.0
"""For which a failure counts."""

PER_ADDRESS = 5
ALL_TOGETHER = 20
"""Failures in the window, after which nobody is asked for a password."""


class LoginLimit:
    """Belongs to one thread; `now` is a monotonic time in seconds."""

    def __init__(self) -> None:
        self._failures: deque[tuple[float, str]] = deque(maxlen=ALL_TOGETHER)

    def wait_s(self, address: str, now: float) -> float:
        """Seconds until this address may try again; 0.0 at once."""
        while self._failures and self._failures[0][0] <= now - WINDOW_S:
            self._failures.popleft()
        own = [at for at, who in self._failures if who == address]
        if len(self._failures) >= ALL_TOGETHER:
            return self._failures[0][0] + WINDOW_S - now
        if len(own) >= PER_ADDRESS:
            return own[-PER_ADDRESS] + WINDOW_S - now
        return 0.0

    def count_failure(self, address: str, now: float) -> None:
        """A wrong password came from there."""
        self._failures.append((now, address))

    def forgive(self, address: str) -> None:
        """The right password came from there."""
        left = [one for one in self._failures if one[1] != address]
        self._failures = deque(left, maxlen=ALL_TOGETHER)
