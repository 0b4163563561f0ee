"""What keeps the language model from opening, and when it is worth another try."""

from __future__ import annotations

import logging
import time
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable

logger = logging.getLogger(__name__)

LONGEST_PAUSE = 300.0
"""Seconds between two tries to open a model that cannot be opened; the first comes at once."""

MANY = 8
"""Deaths in a row after which it is not tried at each request any more, either."""


class RetryPolicy:
    """Counts the failures since something went well; the pause behind each is twice the last."""

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self.fault: str | None = None
        """What kept it from opening the last time, for an owner; None once it is open."""
        self._clock = clock
        self._count = 0
        self._again_at = float("-inf")
        self._refused = False

    def note(self, reason: str, *, refused: bool) -> None:
        """It could not be opened. `refused`: the next try will say the same, most likely."""
        self._count += 1
        pause = min(LONGEST_PAUSE, 2.0 ** min(self._count - 1, 16)) if self._count > 1 else 0.0
        self._again_at = self._clock() + pause
        self._refused = refused or self._count >= MANY
        self.fault = reason
        # The same words each time: of equal faults one is kept, with their number.
        logger.error("the language model cannot be used, all else goes on: %s", reason)

    def opened(self) -> None:
        """It is open; it may still die at once, so the next pause is no shorter."""
        if self.fault is not None:
            logger.info("the language model is open")
        self.fault = None
        self._again_at = float("-inf")

    def worked(self) -> None:
        """It has done some work."""
        self._count = 0

    def too_early(self) -> bool:
        """Whether the pause behind the last failure still lasts."""
        return self._clock() < self._again_at

    def refuses(self) -> str | None:
        """The reason why it is not even tried for a request now; None where it is."""
        return self.fault if self._refused and self.too_early() else None
