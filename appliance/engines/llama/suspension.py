"""Suspends the model server while speech needs the CPU, and times requests without that time."""

from __future__ import annotations

import contextlib
import threading
import time
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator

    from appliance.child_process import Child

MAXIMUM_FREE_S = 60.0
"""Seconds of suspension that do not count against a request's time limit. Endless speech, such as
a television, must not hold a request for ever."""


class Suspender:
    """Suspends a process while at least one holder asks for it; safe in every thread."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._child: Child | None = None
        self._holders: dict[object, int] = {}
        """Holder → its thread."""
        self._overridden = False
        self._since = 0.0
        self._suspended_s = 0.0

    def attach(self, child: Child | None) -> None:
        """Suspend this process from now on, and at once if there is a holder; None: no process."""
        with self._lock:
            self._child = child
            if self._holders:
                self._suspend()

    @contextlib.contextmanager
    def hold(self) -> Iterator[None]:
        """Suspend the process until this ends, or until `release_thread` in the same thread."""
        holder = object()
        with self._lock:
            if not self._holders:
                self._since = time.monotonic()
            self._holders[holder] = threading.get_ident()
            if not self._overridden:
                self._suspend()
        try:
            yield
        finally:
            with self._lock:
                self._release([holder])

    def release_thread(self) -> None:
        """End what the calling thread holds, as it is about to use the process; others last."""
        with self._lock:
            thread = threading.get_ident()
            self._release([one for one, owner in self._holders.items() if owner == thread])

    def is_held(self) -> bool:
        """Whether there is a holder."""
        return bool(self._holders)

    @contextlib.contextmanager
    def overridden(self) -> Iterator[None]:
        """Let the process run until this ends, also if it is held: a suspended one cannot stop."""
        with self._lock:
            self._overridden = True
            self._resume()
        try:
            yield
        finally:
            with self._lock:
                self._overridden = False
                if self._holders:
                    self._suspend()

    def suspended_s(self) -> float:
        """Seconds of suspension until now."""
        with self._lock:
            current = time.monotonic() - self._since if self._holders else 0.0
            return self._suspended_s + current

    def _release(self, holders: Iterable[object]) -> None:
        was_held = bool(self._holders)
        for holder in holders:
            self._holders.pop(holder, None)
        if not self._holders:
            if was_held:
                self._suspended_s += time.monotonic() - self._since
            self._resume()

    def _suspend(self) -> None:
        if self._child is not None:
            self._child.suspend()

    def _resume(self) -> None:
        if self._child is not None:
            self._child.resume()


class WorkClock:
    """Counts the time of one request, without suspension, up to its limit."""

    def __init__(self, limit_s: float, suspender: Suspender) -> None:
        self._limit_s = limit_s
        self._suspender = suspender
        self._suspended_before_s = suspender.suspended_s()
        self._started_at = time.monotonic()

    def seconds(self) -> float:
        """Seconds of work until now."""
        suspended = self._suspender.suspended_s() - self._suspended_before_s
        return time.monotonic() - self._started_at - min(MAXIMUM_FREE_S, suspended)

    def left_s(self) -> float:
        """Seconds until the limit; negative after it."""
        return self._limit_s - self.seconds()

    def excluding(self, check: Callable[[], bool]) -> bool:
        """The result of `check`, which may run other requests; its time does not count.

        Suspension during `check` is part of that time, and so is not subtracted again.
        """
        started, suspended = time.monotonic(), self._suspender.suspended_s()
        try:
            return check()
        finally:
            taken = time.monotonic() - started
            suspended_now = self._suspender.suspended_s()
            self._started_at += taken
            self._suspended_before_s += suspended_now - suspended
