"""When the broker is asked again, and what the log says meanwhile; pure but for chance."""

from __future__ import annotations

import random

FIRST_DELAY, LONGEST_DELAY = 1.0, 30.0
"""Seconds before the broker is asked again, doubled each time."""

SLOW_DELAY, LONGEST_SLOW_DELAY = 10.0, 60.0
"""The same after a refusal that only a person can mend."""


GOOD_CONNECTION_S = 5.0
"""A connection that stood for longer ends a row of failures."""


class ReconnectBackoff:
    """Knows how often it failed, and what was said about it."""

    def __init__(self) -> None:
        self.failures = 0
        """In a row."""
        self._said = ""

    def delay(self, *, lasted: float, slow: bool) -> float:
        """Seconds until the next attempt, less up to a half by chance.

        `lasted` is how long the connection stood, in seconds: one that breaks again and again
        is no better than none. By chance, so that a house full of appliances does not come
        back in one instant.
        """
        if lasted > GOOD_CONNECTION_S:
            self.failures = 0
            self._said = ""
        first, longest = (SLOW_DELAY, LONGEST_SLOW_DELAY) if slow else (FIRST_DELAY, LONGEST_DELAY)
        whole: float = min(longest, first * 2 ** min(self.failures, 16))
        self.failures += 1
        delay: float = whole * random.uniform(0.5, 1.0)  # noqa: S311
        return delay

    def is_news(self, words: str) -> bool:
        """Whether this was not the last thing said."""
        news, self._said = words != self._said, words
        return news
