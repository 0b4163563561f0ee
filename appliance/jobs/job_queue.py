"""The work that waits: bounded, speech before requests, never blocking whoever brings it."""

from __future__ import annotations

import heapq
import itertools
import threading
import time
from collections import defaultdict
from dataclasses import dataclass
from typing import TYPE_CHECKING, NamedTuple

from appliance.values import Request, Utterance

if TYPE_CHECKING:
    from collections.abc import Callable

    from appliance.values import Job

Rank = tuple[int, int, int, int]
"""What goes first: speech, then priority, then the requester's turn, then who came first."""

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


class FairTurns:
    """Shares turns out among requesters: start-time fair queueing (Goyal, Vin, Cheng 1996).

    Each request joins the round after its requester's last one, but never a round that is
    over. So who sends a hundred at once waits with the second until everybody else who is
    here has had a turn, and who comes later does not wait behind the hundred.
    """

    def __init__(self) -> None:
        self._round = 0
        self._last: dict[str, int] = {}

    def join(self, requester: str) -> int:
        """The round of a new request."""
        joined = max(self._round, self._last.get(requester, 0)) + 1
        self._last[requester] = joined
        return joined

    def begin(self, joined: int) -> None:
        """The turn of a request of this round has come."""
        if joined > self._round:
            self._round = joined
            self._last = {name: last for name, last in self._last.items() if last > joined}


class JobQueue:
    """A queue for any number of threads that bring, and one that takes."""

    def __init__(
        self,
        maximum_requests: int,
        maximum_speech: int = MAXIMUM_SPEECH,
        *,
        begin: Callable[[Job], None] = lambda _: None,
    ) -> None:
        """`begin` is told of each job that is taken, in the thread that takes it."""
        self._begin = begin
        self._in_hand: Job | None = None
        self._bounds = Depth(maximum_speech, maximum_requests)
        self._waiting: list[tuple[Rank, Ticket]] = []
        self._turns: dict[int, FairTurns] = defaultdict(FairTurns)  # by priority
        self._order = itertools.count()
        self._changed = threading.Condition()

    def offer(self, job: Job) -> bool:
        """Add a job; False, at once, when the queue holds as many of its kind as it may."""
        speech = isinstance(job, Utterance)
        with self._changed:
            depth = self._depth()
            if depth[not speech] >= self._bounds[not speech]:
                return False
            heapq.heappush(self._waiting, (self._rank(job), Ticket(job, time.monotonic())))
            self._changed.notify()
            return True

    def bring_back(self, request: Request) -> None:
        """Add a request that was accepted before the start: no bound applies to it any more."""
        with self._changed:
            heapq.heappush(self._waiting, (self._rank(request), Ticket(request, time.monotonic())))
            self._changed.notify()

    def take(
        self, timeout: float, deferred: Callable[[Job], bool] = lambda _: False
    ) -> Ticket | None:
        """The next job, or None when none came within `timeout` seconds.

        A `deferred` one keeps its place, and those behind it go first. Call `done` after it.
        """
        ticket = self._next(timeout, deferred)
        if ticket is not None:
            self._begin(ticket.job)
        return ticket

    def take_speech(self) -> Ticket | None:
        """Speech that waits, for who is at work on something else and lets it go first."""
        with self._changed:
            speech = [entry for entry in self._waiting if isinstance(entry[1].job, Utterance)]
            if not speech:
                return None
            first = min(speech, key=lambda entry: entry[0])
            self._waiting.remove(first)
            heapq.heapify(self._waiting)
        self._begin(first[1].job)
        return first[1]

    def done(self) -> None:
        """The job that was taken last is over."""
        with self._changed:
            self._in_hand = None

    @property
    def in_hand(self) -> Job | None:
        """The job that was taken and is not over."""
        with self._changed:
            return self._in_hand

    def _next(self, timeout: float, deferred: Callable[[Job], bool]) -> Ticket | None:
        end = time.monotonic() + timeout
        with self._changed:
            while True:
                ready = [entry for entry in self._waiting if not deferred(entry[1].job)]
                if ready:
                    first = min(ready, key=lambda entry: entry[0])
                    self._waiting.remove(first)
                    heapq.heapify(self._waiting)
                    self._turns[-first[0][1]].begin(first[0][2])
                    self._in_hand = first[1].job
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

    def requests(self) -> list[Request]:
        """The requests that wait, in the order of their turns."""
        with self._changed:
            jobs = [ticket.job for _, ticket in sorted(self._waiting, key=lambda w: w[0])]
        return [job for job in jobs if isinstance(job, Request)]

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

    def _rank(self, job: Job) -> Rank:
        order = next(self._order)
        if isinstance(job, Utterance):
            return (0, 0, 0, order)
        if not isinstance(job, Request):
            return (1, 0, 0, order)
        return (1, -job.priority, self._turns[job.priority].join(job.requester), order)

    def _depth(self) -> Depth:
        speech = sum(isinstance(ticket.job, Utterance) for _, ticket in self._waiting)
        return Depth(speech, len(self._waiting) - speech)
