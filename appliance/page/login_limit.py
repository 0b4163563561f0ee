"""Limits login failures: few for each address, some more for all addresses together."""

from __future__ import annotations

from collections import deque

from appliance.system import local_addresses

WINDOW_S = 60.0
"""Seconds for which a failure counts."""

PER_ADDRESS = 5
ALL_TOGETHER = 20
"""Failures of all addresses in the window, after which every login is refused."""


class LoginLimit:
    """Counts failures. It belongs to one thread; `now` is a monotonic time in seconds."""

    def __init__(self) -> None:
        self._failures: deque[tuple[float, str]] = deque(maxlen=ALL_TOGETHER)

    def wait_s(self, address: str, now: float) -> float:
        """Seconds until this address may try again; 0.0 at once."""
        while self._failures and self._failures[0][0] <= now - WINDOW_S:
            self._failures.popleft()
        source = local_addresses.source_of(address)
        own = [at for at, who in self._failures if who == source]
        if len(self._failures) >= ALL_TOGETHER:
            return self._failures[0][0] + WINDOW_S - now
        if len(own) >= PER_ADDRESS:
            return own[-PER_ADDRESS] + WINDOW_S - now
        return 0.0

    def count_failure(self, address: str, now: float) -> None:
        """Count a wrong password from this address."""
        self._failures.append((now, local_addresses.source_of(address)))

    def take_back(self, address: str) -> None:
        """Remove the last attempt of this address, which had the right password.

        Earlier failures still count: a viewer's password must not allow more guesses at the
        owner's.
        """
        for number in reversed(range(len(self._failures))):
            if self._failures[number][1] == local_addresses.source_of(address):
                del self._failures[number]
                return
