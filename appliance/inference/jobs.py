"""The work that waits: bounded, speech before requests, never blocking whoever brings it."""

from __future__ import annotations

import heapq
import itertools
import threading
import time
from dataclasses import dataclass
from typing import TYPE_CHECKING, NamedTuple

from appliance.values import Request, Utterance

if TYPE_CHECKING:
    from collections.abc import Callable

    from appliance.values import Job

MAXIMUM_SPEECH = 4
"""Utterances that may wait: whoever said the fifth has long given up on the first."""


@dataclass(frozen=True, slots=True)
class Ticket:
    """A job in the queue."""

    job: Job
    offered_at: float
    """time.monotonic() when it came."""


class Depth(NamedTuple):
    """How many jobs of each kind wait."""

    speech: int
    requests: int


class Jobs:
    """A queue for any number of threads that bring, and one that takes."""

    def __init__(self, maximum_requests: int, maximum_speech: int = MAXIMUM_SPEECH) -> None:
        self._bounds = Depth(maximum_speech, maximum_requests)
        self._waiting: list[tuple[tuple[int, int, int], Ticket]] = []
        self._order = itertools.count()
        self._changed = threading.Condition()

    def offer(self, job: Job) -> bool:
        """Add a job; False, at once, when the queue holds as many of its kind as it may."""
        speech = isinstance(job, Utterance)
        with self._changed:
            depth = self._depth()
            if depth[not speech] >= self._bounds[not speech]:
                return False
            rank = (0 if speech else 1, -_priority(job), next(self._order))
            heapq.heappush(self._waiting, (rank, Ticket(job, time.monotonic())))
            self._changed.notify()
            return True

    def take(
        self, timeout: float, deferred: Callable[[Job], bool] = lambda _: False
    ) -> Ticket | None:
        """The next job, or None when none came within `timeout` seconds.

        A `deferred` one keeps its place, and those behind it go first.
        """
        end = time.monotonic() + timeout
        with self._changed:
            while True:
                ready = [entry for entry in self._waiting if not deferred(entry[1].job)]
                if ready:
                    first = min(ready, key=lambda entry: entry[0])
                    self._waiting.remove(first)
                    heapq.heapify(self._waiting)
                    return first[1]
                if not self._changed.wait(max(0.0, end - time.monotonic())):
                    return None

    def remove(self, job_id: str) -> Job | None:
        """Take a job out before its turn; None when it does not wait (any more)."""
        with self._changed:
            for index, (_, ticket) in enumerate(self._waiting):
                if ticket.job.id == job_id:
                    del self._waiting[index]
                    heapq.heapify(self._waiting)
                    return ticket.job
            return None

    def position(self, job_id: str) -> int | None:
        """1 for the job whose turn is next; None when it does not wait."""
        with self._changed:
            for place, (_, ticket) in enumerate(sorted(self._waiting, key=lambda w: w[0]), 1):
                if ticket.job.id == job_id:
                    return place
            return None

    def drain(self) -> list[Job]:
        """Take out all that waits, in order."""
        with self._changed:
            jobs = [ticket.job for _, ticket in sorted(self._waiting, key=lambda w: w[0])]
            self._waiting.clear()
            return jobs

    def depth(self) -> Depth:
        """How many wait now."""
        with self._changed:
            return self._depth()

    def _depth(self) -> Depth:
        speech = sum(isinstance(ticket.job, Utterance) for _, ticket in self._waiting)
        return Depth(speech, len(self._waiting) - speech)


def _priority(job: Job) -> int:
    return job.priority if isinstance(job, Request) else 0
