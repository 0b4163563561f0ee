"""Decides when to try again to open a language model that does not open."""

from __future__ import annotations

import logging
import time
from typing import TYPE_CHECKING

from appliance.backoff import Backoff

if TYPE_CHECKING:
    from collections.abc import Callable

logger = logging.getLogger(__name__)

LONGEST_PAUSE_S = 300.0
BACKOFF = Backoff(first_s=2.0, longest_s=LONGEST_PAUSE_S)
"""Pauses from the second failure on; the second attempt is made at once."""

MISSING_PAUSE_S = 5.0
"""Seconds between two checks for a library that is being built."""

FAIL_FAST_AFTER = 8
"""Number of crashes in a row after which requests, too, fail at once until the pause is over."""


class ModelCircuitBreaker:
    """Counts failures since the last success, and spaces out the attempts to open the model."""

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self.fault: str | None = None
        """Why the last attempt to open the model failed; None if it is open."""
        self._clock = clock
        self._failures = 0
        self._retry_at = float("-inf")
        self._fails_fast = False

    def record_failure(self, reason: str, *, permanent: bool) -> None:
        """The model did not open. `permanent`: the next attempt will most likely fail, too."""
        self._failures += 1
        pause_s = BACKOFF.delay_s(self._failures - 1) if self._failures > 1 else 0.0
        self._retry_at = self._clock() + pause_s
        self._fails_fast = permanent or self._failures >= FAIL_FAST_AFTER
        self.fault = reason
        # The text is always the same, because the fault log counts equal faults as one.
        logger.error("language model unavailable, everything else works: %s", reason)

    def record_missing(self, reason: str) -> None:
        """Record that the library is not installed. A check costs nothing, so there are many."""
        self._retry_at = self._clock() + MISSING_PAUSE_S
        self._fails_fast = True
        if self.fault != reason:
            self.fault = reason
            logger.warning("no language model, everything else works: %s", reason)

    def record_opened(self) -> None:
        """The model is open. The next pause is no shorter: it may still die at once."""
        if self.fault is not None:
            logger.info("the language model is open")
        self.fault = None
        self._retry_at = float("-inf")

    def record_success(self) -> None:
        """The model has served a request."""
        self._failures = 0

    def is_waiting(self) -> bool:
        """Whether the pause after the last failure is not over yet."""
        return self._clock() < self._retry_at

    def reason_to_refuse(self) -> str | None:
        """Why a request fails at once, without another attempt; None if one is made."""
        return self.fault if self._fails_fast and self.is_waiting() else None
