"""Loop: a thread that can be asked to stop, and keeps the error that ended it."""

from __future__ import annotations

import logging
import threading
import time
from abc import ABC, abstractmethod
from typing import Self

from appliance.errors import ApplianceError, ThreadStuck

logger = logging.getLogger(__name__)

STOP_BUDGET_S = 4.0
"""Seconds that all loops together may take to stop; the whole process has 5."""

LAST_LOOP_BUDGET_S = 1.3
"""Seconds of that budget for the loop that is stopped last; it publishes the ready messages."""

TURN_LIMIT_S = 10.0
"""Seconds after which a turn counts as stuck, unless its loop has a longer limit."""


class Deadline:
    """One budget of seconds shared by several waits."""

    def __init__(self, seconds: float) -> None:
        self._end = time.monotonic() + seconds

    def left(self) -> float:
        """Seconds left, never below zero."""
        return max(0.0, self._end - time.monotonic())


class StopSignal:
    """Asks a loop to stop. Long work calls `is_set` now and then, which also shows that it runs."""

    def __init__(self) -> None:
        self._event = threading.Event()
        self.beat = time.monotonic()
        """time.monotonic() of the last call of `is_set`."""

    def set(self) -> None:
        """Ask the loop to stop after its turn."""
        self._event.set()

    def is_set(self) -> bool:
        """Whether the loop was asked to stop."""
        self.beat = time.monotonic()
        return self._event.is_set()


class LoopBody(ABC):
    """The work of a loop."""

    def start(self) -> None:  # noqa: B027  (not every loop has something to do here)
        """Called once, before the first turn."""

    @abstractmethod
    def turn(self) -> None:
        """Do a piece of work, or return within about 0.2 s, so that a stop is noticed."""

    def stop(self) -> None:  # noqa: B027
        """Called once, after the last turn or an error."""


class Loop(threading.Thread):
    """Calls `body.turn` again and again until asked to stop; a crash is kept in `error`."""

    def __init__(
        self,
        name: str,
        body: LoopBody,
        *,
        turn_limit_s: float = TURN_LIMIT_S,
        stopping: StopSignal | None = None,
    ) -> None:
        super().__init__(name=name, daemon=True)
        self._turn_limit_s = turn_limit_s
        self._body = body
        self._stopping = stopping or StopSignal()
        self._asked = False
        self.ready = threading.Event()
        """Set when `body.start` has returned."""
        self.error: BaseException | None = None

    def run(self) -> None:
        try:
            self._body.start()
            self._stopping.is_set()  # a long start does not count as a stuck turn
            self.ready.set()
            while not self._stopping.is_set():
                self._body.turn()
        except BaseException as error:  # kept for the main thread, which ends the process
            self.error = error
            expected = isinstance(error, ApplianceError)  # the message is enough
            logger.critical(
                "the %s stopped working: %s", self.name, error, exc_info=None if expected else error
            )
        finally:
            self._body.stop()

    def is_stuck(self, since: float = 0.0) -> bool:
        """Whether a turn takes longer than its limit; start and stop have no limit.

        `since` is the time.monotonic() at which the process last resumed; while a process or board
        is suspended, no turn can go on.
        """
        began = max(self._stopping.beat, since)
        return (
            self.ready.is_set()
            and self.is_alive()
            and not self._asked
            and time.monotonic() - began > self._turn_limit_s
        )

    def stop(self, deadline: Deadline) -> None:
        """Ask the loop to stop and wait for it; ThreadStuck if it takes too long."""
        self._asked = True
        self._stopping.set()
        if self.ident is None:
            return
        self.join(deadline.left())
        if self.is_alive():
            raise ThreadStuck(f"the {self.name} did not stop in time")

    def __enter__(self) -> Self:
        self.start()
        return self

    def __exit__(self, *_: object) -> None:
        self.stop(Deadline(STOP_BUDGET_S))
