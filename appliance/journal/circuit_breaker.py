"""Circuit breaker: after the disk refused a write, do not write for some seconds."""

from __future__ import annotations

import logging
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable

    from appliance.errors import JournalError

logger = logging.getLogger(__name__)

RETRY_S = 5.0
"""Seconds before a disk that refused a write is tried again."""

LOG_EVERY_S = 60.0
"""Shortest interval between two log lines about a refusing disk, in seconds."""


class DiskCircuitBreaker:
    """Circuit breaker between the outbox and the disk; any thread may call it."""

    def __init__(self, clock: Callable[[], float]) -> None:
        self._clock = clock
        self._retry_at = self._log_again_at = 0.0
        self._is_logged = False
        self.error: str | None = None
        """Why the disk refused the last write; None if it did not."""

    def record_success(self) -> None:
        """Note that the disk took a write."""
        if self.error is not None and self._is_logged:
            logger.info("the journal can be written again")
            self._is_logged = False
        self.error = None

    def record_failure(self, error: JournalError) -> None:
        """Note that the disk refused a write; one in LOG_EVERY_S is logged.

        On a nearly full disk small writes succeed between others that fail.
        """
        if self.error is None and self._clock() >= self._log_again_at:
            logger.error("%s", error)
            self._log_again_at = self._clock() + LOG_EVERY_S
            self._is_logged = True
        self.error = str(error)
        self._retry_at = self._clock() + RETRY_S

    def is_waiting(self) -> bool:
        """Whether the last refusal is too recent to try again."""
        return self._clock() < self._retry_at
