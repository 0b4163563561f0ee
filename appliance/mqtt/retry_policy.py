"""Retry policies: when to connect again, and when to publish again on a topic that was refused."""

from __future__ import annotations

import time
from dataclasses import dataclass
from typing import TYPE_CHECKING

from appliance.backoff import Backoff

if TYPE_CHECKING:
    from collections.abc import Callable

RECONNECT = Backoff(first_s=1.0, longest_s=30.0, jitter=0.5)
"""The jitter keeps all appliances of a site from connecting at the same instant."""

RECONNECT_SLOWLY = Backoff(first_s=10.0, longest_s=60.0, jitter=0.5)
"""Delays after a refusal that only a person can resolve."""

REFUSED_TOPIC = Backoff(first_s=5.0, longest_s=300.0)

MOST_REFUSED = 1000
"""Topics whose refusals are remembered after they may be tried again."""

GOOD_CONNECTION_S = 5.0
"""A connection that lasted longer ends a row of failures."""


class ReconnectPolicy:
    """Retry policy of the connection: counts failures in a row, says when to connect again."""

    def __init__(self) -> None:
        self.failures = 0
        """Number of failures in a row."""
        self._last_reason = ""

    def record_failure(self, *, lasted_s: float, slow: bool) -> float:
        """Return the seconds until the next attempt.

        `lasted_s` is how long the connection lasted: one that breaks again and again is no
        better than no connection, so only a good one resets the backoff.
        """
        if lasted_s > GOOD_CONNECTION_S:
            self.failures = 0
            self._last_reason = ""
        self.failures += 1
        return (RECONNECT_SLOWLY if slow else RECONNECT).delay_s(self.failures)

    def is_new_reason(self, reason: str) -> bool:
        """Whether the failure before this one had another reason; the log repeats none."""
        is_new, self._last_reason = reason != self._last_reason, reason
        return is_new


@dataclass(frozen=True, slots=True)
class _RefusedTopic:
    failures: int
    retry_at: float


class TopicRetryPolicy:
    """Retry policy of refused topics, during one connection; one thread calls it."""

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._refused: dict[str, _RefusedTopic] = {}

    def record_failure(self, topic: str) -> bool:
        """Note that the broker refused a message; True if this topic worked until now."""
        before = self._refused.get(topic)
        if before is not None and before.retry_at > self._clock():
            return False  # sent before the first refusal came back: not a new attempt
        if len(self._refused) >= MOST_REFUSED:
            self._refused = {
                name: one for name, one in self._refused.items() if one.retry_at > self._clock()
            }
        failures = before.failures + 1 if before else 1
        retry_at = self._clock() + REFUSED_TOPIC.delay_s(failures)
        self._refused[topic] = _RefusedTopic(failures, retry_at)
        return before is None

    def failures(self, topic: str) -> int:
        """Return the number of refusals in a row."""
        refused = self._refused.get(topic)
        return 0 if refused is None else refused.failures

    def record_success(self, topic: str) -> None:
        """Note that the broker took a message on this topic."""
        self._refused.pop(topic, None)

    def reset(self) -> None:
        """Try every topic again: this is a new connection, perhaps with other rights."""
        self._refused.clear()

    def waiting(self) -> set[str]:
        """Topics that must not be tried yet."""
        now = self._clock()
        return {topic for topic, refused in self._refused.items() if refused.retry_at > now}
