"""Quarantine: finds the outbox message that makes the broker close the connection."""

from __future__ import annotations

import logging
import time
from dataclasses import dataclass
from typing import TYPE_CHECKING

from appliance.backoff import Backoff

if TYPE_CHECKING:
    from collections.abc import Callable, Collection

logger = logging.getLogger(__name__)

BREAKS_ALONE = 2
"""Connections that may break with only this message in flight before it is held back."""

HOLD = Backoff(first_s=5.0, longest_s=300.0)


@dataclass(slots=True)
class QuarantinedMessage:
    """The evidence against a message."""

    breaks_alone: int = 0
    """Connections that broke with only this message in flight."""
    retry_at: float = 0.0


class Quarantine:
    """Quarantine of outbox messages, by rank: a bad one must not block those after it.

    If the broker finds a packet too large, or the client library fails on the broker's
    answer, the connection closes, and would close again after each retry. Each message that
    was in flight is therefore sent alone once, and one that breaks the connection alone is
    held back. It is not dropped, because a bad network looks the same: it waits longer each
    time, until it is older than `journal.maximum_age_days`.
    """

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._messages: dict[int, QuarantinedMessage] = {}

    def record_failure(self, in_flight: Collection[int]) -> None:
        """Note that a connection broke with these messages in flight."""
        for rank in in_flight:
            self._messages.setdefault(rank, QuarantinedMessage())
        if len(in_flight) != 1:
            return
        (rank,) = in_flight
        message = self._messages[rank]
        message.breaks_alone += 1
        if message.breaks_alone >= BREAKS_ALONE:
            delay_s = HOLD.delay_s(message.breaks_alone - BREAKS_ALONE + 1)
            message.retry_at = self._clock() + delay_s
            logger.warning(
                "the connection to the broker broke again with only message %d of the outbox in "
                "flight; it is retried in %.0f s, after the others", rank, delay_s,
            )  # fmt: skip

    def record_success(self, rank: int) -> None:
        """Note that the broker took this message."""
        self._messages.pop(rank, None)

    def waiting(self) -> set[int]:
        """Messages that must not be tried yet, so that the others can go."""
        now = self._clock()
        return {rank for rank, message in self._messages.items() if message.retry_at > now}

    def must_go_alone(self, rank: int) -> bool:
        """Whether a message may only be sent with nothing else in flight."""
        return rank in self._messages
