"""Circuit breaker: after the disk refused a write, leave it alone for some seconds."""

from __future__ import annotations

import logging
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable

    from appliance.errors import JournalError

logger = logging.getLogger(__name__)

RETRY_S = 5.0
"""Seconds before a disk that refused a write is tried again."""


class DiskCircuitBreaker:
    """Circuit breaker between the outbox and the disk; any thread may call it."""

    def __init__(self, clock: Callable[[], float]) -> None:
        self._clock = clock
        self._retry_at = 0.0
        self.error: str | None = None
        """Why the disk refused the last write; None if it did not."""

    def record_success(self) -> None:
        """Note that the disk took a write."""
        if self.error is not None:
            logger.info("the journal can be written again")
        self.error = None

    def record_failure(self, error: JournalError) -> None:
        """Note that the disk refused a write; the first in a row is logged."""
        if self.error is None:
            logger.error("%s", error)
        self.error = str(error)
        self._retry_at = self._clock() + RETRY_S

    def is_waiting(self) -> bool:
        """Whether the last refusal is too recent to try again."""
        return self._clock() < self._retry_at
