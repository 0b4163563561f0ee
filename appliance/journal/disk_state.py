"""Whether the disk takes what is written: said once when it does not, and tried again later."""

from __future__ import annotations

import logging
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable

    from appliance.errors import JournalError

logger = logging.getLogger(__name__)

RETRY_S = 5.0
"""Before a disk that refused is tried again."""


class DiskState:
    """What is known of it; for any thread."""

    def __init__(self, clock: Callable[[], float]) -> None:
        self._clock = clock
        self._until = 0.0
        self.error: str | None = None
        """Why it took nothing the last time; None when it did."""

    def works(self) -> None:
        """It takes what is written again."""
        if self.error is not None:
            logger.info("the journal can be written again")
        self.error = None

    def refused(self, error: JournalError) -> None:
        """It does not take what is written."""
        if self.error is None:
            logger.error("%s", error)
        self.error = str(error)
        self._until = self._clock() + RETRY_S

    def may_be_tried(self) -> bool:
        """Whether it did not refuse just now."""
        return self._clock() >= self._until
