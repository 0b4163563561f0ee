"""One inference at a time: callers of a speech model take turns, the most urgent first."""

from __future__ import annotations

import contextlib
import enum
import heapq
import itertools
import threading
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator


class Urgency(enum.IntEnum):
    """The purpose of a turn; a lower value goes first."""

    WAKE_WORD = -1
    """The check of a possible wake word; it takes some hundredths of a second."""
    UTTERANCE = 0
    """A finished sentence at the device, whose speaker waits for its result."""
    EARLY_LOOK = 1
    """A sentence that is still being spoken."""
    CLIENT_UTTERANCE = 2
    """A finished sentence of a client."""
    CLIENT_EARLY_LOOK = 3
    TRANSCRIPTION = 4
    """A recording from a request; it may be long."""


class InferenceTurns:
    """A lock with a queue in order of urgency. Any thread; not reentrant."""

    def __init__(self) -> None:
        self._changed = threading.Condition()
        self._waiting: list[tuple[Urgency, int]] = []
        self._order = itertools.count()
        self._taken = False

    @contextlib.contextmanager
    def turn(self, urgency: Urgency) -> Iterator[None]:
        """Wait for a turn, and hold it within the context."""
        self._take(urgency)
        try:
            yield
        finally:
            self._give_back()

    @contextlib.contextmanager
    def turn_within(self, urgency: Urgency, seconds: float) -> Iterator[bool]:
        """As `turn`, but yield False and hold no turn if none is free in time."""
        taken = self._take(urgency, seconds)
        try:
            yield taken
        finally:
            if taken:
                self._give_back()

    @contextlib.contextmanager
    def break_in(self, urgency: Urgency) -> Iterator[None]:
        """Release the turn within the context, then wait for the next one."""
        self._give_back()
        try:
            yield
        finally:
            self._take(urgency)

    def _take(self, urgency: Urgency, seconds: float | None = None) -> bool:
        with self._changed:
            ticket = (urgency, next(self._order))
            heapq.heappush(self._waiting, ticket)
            is_ours = self._changed.wait_for(
                lambda: not self._taken and self._waiting[0] == ticket, seconds
            )
            if not is_ours:
                self._waiting.remove(ticket)
                heapq.heapify(self._waiting)
                self._changed.notify_all()
                return False
            heapq.heappop(self._waiting)
            self._taken = True
            return True

    def _give_back(self) -> None:
        with self._changed:
            self._taken = False
            self._changed.notify_all()
