"""The queue of waiting and running jobs: bounded, speech before requests, never blocking."""

from __future__ import annotations

import itertools
import threading
import time
from collections import defaultdict
from dataclasses import dataclass
from typing import TYPE_CHECKING, NamedTuple

from appliance.ids import boot_seconds
from appliance.values import ClientRequest, Operation, Request, Utterance

if TYPE_CHECKING:
    from collections.abc import Callable

    from appliance.values import Job

Rank = tuple[int, int, int, int]
"""Order of jobs: speech at the device, requests of clients, then other requests by priority, the
requester's turn and arrival."""

MAXIMUM_SPEECH = 4
"""Maximum number of waiting utterances; at a fifth one, the speaker has given up on the first."""

MAXIMUM_CLIENTS = 4
"""Maximum number of waiting client requests; each client has at most one."""


@dataclass(frozen=True, slots=True)
class QueuedJob:
    """A job in the queue."""

    job: Job
    queued_at: float
    """time.monotonic()"""
    rank: Rank


class Depth(NamedTuple):
    """Number of waiting jobs of each kind."""

    speech: int
    requests: int


class FairTurns:
    """Gives requesters fair turns: start-time fair queueing (Goyal, Vin, Cheng 1996).

    Each request joins the round after its requester's last one, but never a finished round. So if
    one requester sends a hundred at once, its second waits until every other requester has had a
    turn, and a later requester does not wait for the hundred.
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
        """Note that the turn of a request of this round has come."""
        if joined > self._round:
            self._round = joined
            self._last = {name: last for name, last in self._last.items() if last > joined}


class JobQueue:
    """The queue. Any thread may call any method; one thread dequeues."""

    def __init__(self, maximum_requests: int, maximum_speech: int = MAXIMUM_SPEECH) -> None:
        self._bounds = Depth(maximum_speech, maximum_requests)
        self._waiting: list[QueuedJob] = []
        self._in_progress: list[Job] = []
        """The job at work and, while it is interrupted, the speech that goes first."""
        self._cancelled: set[str] = set()
        self._turns: dict[int, FairTurns] = defaultdict(FairTurns)  # by priority
        self._order = itertools.count()
        self._changed = threading.Condition()

    def enqueue_job(self, job: Job) -> bool:
        """Add a job for `Worker.turn`; False, at once, if the queue is full for its kind."""
        with self._changed:
            depth = self._depth()
            full = {
                Utterance: depth.speech >= self._bounds.speech,
                ClientRequest: self._clients_waiting() >= MAXIMUM_CLIENTS,
            }.get(type(job), depth.requests >= self._bounds.requests)
            if full:
                return False
            self._add(job)
            return True

    def restore(self, request: Request) -> None:
        """Add a request that was accepted before the start, even if the queue is full."""
        with self._changed:
            self._add(request)

    def dequeue_job(
        self, timeout_s: float, answers_allowed: Callable[[], bool] = lambda: True
    ) -> QueuedJob | None:
        """The next job, now in progress; None if there was none within `timeout_s`.

        Unless `answers_allowed`, requests that need the language model and are not late keep their
        places, and later ones go first.
        """
        end = time.monotonic() + timeout_s
        with self._changed:
            while True:
                allowed = answers_allowed()
                ready = [one for one in self._waiting if allowed or not _is_deferred(one.job)]
                if ready:
                    return self._begin(min(ready, key=_rank))
                if not self._changed.wait(max(0.0, end - time.monotonic())):
                    return None

    def dequeue_speech(self) -> QueuedJob | None:
        """Take waiting speech, for which the worker interrupts another job."""
        with self._changed:
            speech = [one for one in self._waiting if _is_speech(one.job)]
            return self._begin(min(speech, key=_rank)) if speech else None

    def dequeue_quick(self) -> QueuedJob | None:
        """Take a text that waits to be parsed, for which the worker interrupts slow work."""
        with self._changed:
            quick = [one for one in self._waiting if is_quick(one.job)]
            return self._begin(min(quick, key=_rank)) if quick else None

    def finish(self, job: Job) -> None:
        """Note that the job is not in progress any more."""
        with self._changed:
            self._in_progress.remove(job)
            self._cancelled.discard(job.id)

    def in_progress(self) -> list[Job]:
        """The jobs that were dequeued and are not finished."""
        with self._changed:
            return list(self._in_progress)

    def cancel_in_progress(self, job_id: str) -> bool:
        """Cancel a job in progress; False if it is not in progress."""
        with self._changed:
            if all(job.id != job_id for job in self._in_progress):
                return False
            self._cancelled.add(job_id)
            return True

    def is_cancelled(self, job: Job) -> bool:
        """Whether this job in progress was cancelled."""
        return job.id in self._cancelled

    def remove(self, job_id: str) -> Job | None:
        """Remove a waiting job; None if it is not waiting."""
        with self._changed:
            found = next((one for one in self._waiting if one.job.id == job_id), None)
            if found is None:
                return None
            self._waiting.remove(found)
            return found.job

    def requests(self) -> list[Request]:
        """The requests that wait, in the order of their turns."""
        return [one.job for one in self._sorted() if isinstance(one.job, Request)]

    def position(self, job_id: str) -> int | None:
        """Number of jobs before this one, with the one in progress; None if it is not waiting."""
        with self._changed:
            at_work = bool(self._in_progress)
            for place, one in enumerate(self._sorted()):
                if one.job.id == job_id:
                    return place + at_work
            return None

    def drain(self) -> list[Job]:
        """Remove all waiting jobs, in order."""
        with self._changed:
            jobs = [one.job for one in self._sorted()]
            self._waiting.clear()
            return jobs

    def depth(self) -> Depth:
        """Number of jobs that wait now."""
        with self._changed:
            return self._depth()

    def _add(self, job: Job) -> None:
        self._waiting.append(QueuedJob(job, time.monotonic(), self._rank_of(job)))
        self._changed.notify()

    def _begin(self, chosen: QueuedJob) -> QueuedJob:
        self._waiting.remove(chosen)
        _, priority, joined, _ = chosen.rank
        if isinstance(chosen.job, Request):
            self._turns[-priority].begin(joined)
        self._in_progress.append(chosen.job)
        return chosen

    def _sorted(self) -> list[QueuedJob]:
        with self._changed:
            return sorted(self._waiting, key=_rank)

    def _rank_of(self, job: Job) -> Rank:
        order = next(self._order)
        if isinstance(job, Utterance):
            return (0, 0, 0, order)
        if isinstance(job, ClientRequest) and job.interrupts:
            return (0, 1, 0, order)
        if not isinstance(job, Request):
            return (1, 0, 0, order)
        return (1, -job.priority, self._turns[job.priority].join(job.requester), order)

    def _depth(self) -> Depth:
        speech = sum(isinstance(one.job, Utterance) for one in self._waiting)
        return Depth(speech, len(self._waiting) - speech - self._clients_waiting())

    def _clients_waiting(self) -> int:
        return sum(isinstance(one.job, ClientRequest) for one in self._waiting)


def _rank(queued: QueuedJob) -> Rank:
    return queued.rank


def _is_speech(job: Job) -> bool:
    """Whether a job interrupts an answer that is being written."""
    return isinstance(job, Utterance) or (isinstance(job, ClientRequest) and job.interrupts)


def is_quick(job: Job) -> bool:
    """Whether it is a request that takes milliseconds: `parse` of a text."""
    return isinstance(job, Request) and job.operation in (Operation.PARSE, Operation.COMMAND)


def _is_deferred(job: Job) -> bool:
    """Whether a job needs the language model and may still wait."""
    return (
        isinstance(job, Request)
        and job.operation is Operation.ANSWER
        and (job.expires_at is None or boot_seconds() < job.expires_at)
    )
