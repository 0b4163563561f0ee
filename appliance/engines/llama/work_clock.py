"""The time that an order to the language model takes, without the time that was given to others."""

from __future__ import annotations

import contextlib
import threading
import time
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator

GIVEN_AT_MOST = 60.0
"""Seconds of standing still that an order is not charged for: who talks on and on in the room
(a television) must not keep a request for ever."""


class Pauses:
    """Who has the process stand still just now, and how long it stood in all; for any thread."""

    def __init__(self) -> None:
        self._changing = threading.Lock()
        self._who: dict[object, int] = {}
        self._lifted = False
        self._since = 0.0
        self._seconds = 0.0

    def begin(self, one: object, stand_still: Callable[[], None]) -> None:
        """`one` wants it to stand still."""
        with self._changing:
            if not self._who:
                self._since = time.monotonic()
            self._who[one] = threading.get_ident()
            if not self._lifted:
                stand_still()

    def end(self, one: object, go_on: Callable[[], None]) -> None:
        """`one` is done; it goes on if nobody else wants it to stand still."""
        with self._changing:
            self._leave([one])
            if not self._who:
                go_on()

    def end_own(self, go_on: Callable[[], None]) -> None:
        """The caller asks something of it: the pauses of its thread are over, others last."""
        with self._changing:
            thread = threading.get_ident()
            self._leave([one for one, whose in self._who.items() if whose == thread])
            if not self._who:
                go_on()

    def held(self) -> bool:
        """Whether somebody wants it to stand still."""
        return bool(self._who)

    def keep(self, stand_still: Callable[[], None]) -> None:
        """A new process stands still as the one before it would."""
        with self._changing:
            if self._who:
                stand_still()

    @contextlib.contextmanager
    def lifted(self, go_on: Callable[[], None], stand_still: Callable[[], None]) -> Iterator[None]:
        """It goes on meanwhile, whoever wants what: what stands still cannot end."""
        with self._changing:
            self._lifted = True
            go_on()
        try:
            yield
        finally:
            with self._changing:
                self._lifted = False
                if self._who:
                    stand_still()

    def seconds(self) -> float:
        """That it has stood still until now."""
        with self._changing:
            return self._seconds + (time.monotonic() - self._since if self._who else 0.0)

    def _leave(self, gone: Iterable[object]) -> None:
        held = bool(self._who)
        for one in gone:
            self._who.pop(one, None)
        if held and not self._who:
            self._seconds += time.monotonic() - self._since


class WorkClock:
    """Counts the time of one order, up to its limit."""

    def __init__(self, limit: float, pauses: Pauses) -> None:
        self._limit = limit
        self._pauses = pauses
        self._paused_before = pauses.seconds()
        self._began = time.monotonic()

    def seconds(self) -> float:
        """That the order has taken, but for looks and pauses."""
        paused = min(GIVEN_AT_MOST, self._pauses.seconds() - self._paused_before)
        return time.monotonic() - self._began - paused

    def left(self) -> float:
        """Seconds until the limit; less than none when it is over."""
        return self._limit - self.seconds()

    def without(self, look: Callable[[], bool]) -> bool:
        """What `look` says; the order is not charged for the time that it takes.

        Others may have done their work in it, with the process paused: that counts once.
        """
        began, paused = time.monotonic(), self._pauses.seconds()
        try:
            return look()
        finally:
            taken, paused_now = time.monotonic() - began, self._pauses.seconds()
            self._began += taken
            self._paused_before += paused_now - paused
