"""A clock whose time passes only if a test wants it."""

from __future__ import annotations


class FakeClock:
    """Seconds; call it, or set it in place of the module `time`."""

    def __init__(self, now: float = 1000.0) -> None:
        self.now = now

    def __call__(self) -> float:
        return self.now

    def monotonic(self) -> float:
        return self.now

    def sleep(self, seconds: float) -> None:
        self.now += seconds
