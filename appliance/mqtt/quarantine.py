"""Messages that may be why the broker hangs up: found by sending them alone."""

from __future__ import annotations

import logging
from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Collection

logger = logging.getLogger(__name__)

ALONE = 2
"""Connections that may break with a message alone under way before it is held back."""

FIRST_HOLD_S, LONGEST_HOLD_S = 5.0, 300.0


@dataclass(slots=True)
class QuarantinedMessage:
    """What speaks against a message."""

    alone: int = 0
    """Connections that broke while nothing else was under way."""
    held_until: float = 0.0


class Quarantine:
    """By rank in the outbox. One bad message must not stop all that come after it.

    A broker that finds a packet too large, or a client library that chokes on the broker's
    answer to it, closes the connection; sent again, the message would do so for ever. It is
    not dropped, for a bad network looks the same: it waits longer each time, and ages.
    """

    def __init__(self) -> None:
        self._suspects: dict[int, QuarantinedMessage] = {}

    def broke(self, under_way: Collection[int], now: float) -> None:
        """A connection broke with these under way."""
        for rank in under_way:
            self._suspects.setdefault(rank, QuarantinedMessage())
        if len(under_way) != 1:
            return
        (rank,) = under_way
        suspect = self._suspects[rank]
        suspect.alone += 1
        if suspect.alone >= ALONE:
            hold = min(LONGEST_HOLD_S, FIRST_HOLD_S * 2.0 ** min(suspect.alone - ALONE, 16))
            suspect.held_until = now + hold
            logger.warning(
                "the connection broke again with nothing but message %d of the outbox under way; "
                "the others go first, it is tried again in %.0f s", rank, hold,
            )  # fmt: skip

    def cleared(self, rank: int) -> None:
        """The broker took it."""
        self._suspects.pop(rank, None)

    def held(self, now: float) -> set[int]:
        """Ranks that wait, so that the others can go."""
        return {rank for rank, one in self._suspects.items() if one.held_until > now}

    def alone(self, rank: int) -> bool:
        """Whether a message must be the only one under way."""
        return rank in self._suspects
