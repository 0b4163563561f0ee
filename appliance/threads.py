"""Loop: a thread that can be asked to stop, and keeps the error that killed it."""

from __future__ import annotations

import logging
import threading
import time
from typing import TYPE_CHECKING, Self

from appliance.errors import ApplianceError, ThreadStuck

if TYPE_CHECKING:
    from collections.abc import Callable

logger = logging.getLogger(__name__)

STOP_BUDGET = 4.0
"""Seconds that all loops together may take to stop; the contract allows the process 5."""

LAST_WORDS = 1.3
"""Seconds of that which are left for the loop that is stopped last: it sends what is ready."""

PATIENCE = 10.0
"""Seconds that one turn may take, unless a loop is given more: then it counts as stuck."""


class Deadline:
    """One budget of seconds shared by several waits."""

    def __init__(self, seconds: float) -> None:
        self._end = time.monotonic() + seconds

    def left(self) -> float:
        """Seconds left, never below zero."""
        return max(0.0, self._end - time.monotonic())


class Loop(threading.Thread):
    """Calls `turn` again and again until asked to stop; a crash is kept in `error`.

    `turn` must come back within about 0.2 s when there is nothing to do, so that a
    stop is noticed. `beat` is when it last came back, on the monotonic clock.
    """

    def __init__(
        self,
        name: str,
        turn: Callable[[], None],
        *,
        starting: Callable[[], None] | None = None,
        ending: Callable[[], None] | None = None,
        patience: float = PATIENCE,
    ) -> None:
        super().__init__(name=name, daemon=True)
        self._patience = patience
        self._turn = turn
        self._starting = starting
        self._ending = ending
        self.stopping = threading.Event()
        self.ready = threading.Event()
        """Set when `starting` has been done."""
        self.error: BaseException | None = None
        self.beat = time.monotonic()

    def run(self) -> None:
        try:
            if self._starting is not None:
                self._starting()
            self.beat = time.monotonic()
            self.ready.set()
            while not self.stopping.is_set():
                self.beat = time.monotonic()
                self._turn()
        except BaseException as error:  # kept for the caretaker, which ends the process
            self.error = error
            expected = isinstance(error, ApplianceError)  # then its words say all that helps
            logger.critical(
                "the %s stopped working: %s", self.name, error, exc_info=None if expected else error
            )
        finally:
            if self._ending is not None:
                self._ending()

    def asked_to_stop(self) -> bool:
        """For long work to ask now and then; that it asks shows that the loop is alive."""
        self.beat = time.monotonic()
        return self.stopping.is_set()

    def is_stuck(self) -> bool:
        """Whether a turn has taken longer than it may; starting and ending may take their time."""
        working = self.ready.is_set() and self.is_alive() and not self.stopping.is_set()
        return working and time.monotonic() - self.beat > self._patience

    def stop(self, deadline: Deadline) -> None:
        """Ask the loop to stop and wait for it; ThreadStuck if it takes too long."""
        self.stopping.set()
        if self.ident is None:
            return
        self.join(deadline.left())
        if self.is_alive():
            raise ThreadStuck(f"the {self.name} did not stop in time")

    def __enter__(self) -> Self:
        self.start()
        return self

    def __exit__(self, *_: object) -> None:
        self.stop(Deadline(STOP_BUDGET))
