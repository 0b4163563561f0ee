"""Queues the requests of clients with a connection of their own, and returns the results."""

from __future__ import annotations

import os
import threading
from typing import TYPE_CHECKING, Protocol

from appliance.events import JobFinished
from appliance.values import ClientRequest

if TYPE_CHECKING:
    from appliance.events import Event
    from appliance.ids import Ids
    from appliance.jobs.job_queue import JobQueue
    from appliance.values import Operation, Result, Samples


class ResultReceiver(Protocol):
    """The interface of a receiver of one result."""

    def deliver(self, result: Result) -> None:
        """Take the result, from another thread; it must return at once."""


class ResultInbox:
    """Lets a thread wait for a result and for its client's socket at the same time.

    `fileno` is readable when a result is there.
    """

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._signal = os.eventfd(0, os.EFD_NONBLOCK | os.EFD_CLOEXEC)
        self._closed = False
        self._result: Result | None = None

    def fileno(self) -> int:
        """The descriptor for `select.poll`."""
        return self._signal

    def deliver(self, result: Result) -> None:
        """Take the result, from another thread."""
        with self._lock:
            if not self._closed:
                self._result = result
                os.eventfd_write(self._signal, 1)

    def take(self) -> Result | None:
        """Return the result once; None if it is not there yet."""
        with self._lock:
            result, self._result = self._result, None
            if result is not None:
                os.eventfd_read(self._signal)
            return result

    def close(self) -> None:
        """Close the descriptor; a later result is dropped."""
        with self._lock:
            self._closed = True
            os.close(self._signal)


class ClientJobs:
    """Client requests and their receivers. Results come as the event JobFinished. Any thread."""

    def __init__(self, queue: JobQueue, ids: Ids) -> None:
        self._queue = queue
        self._ids = ids
        self._lock = threading.Lock()
        self._receivers: dict[str, ResultReceiver] = {}

    def submit(
        self,
        receiver: ResultReceiver,
        operation: Operation,
        *,
        text: str = "",
        samples: Samples | None = None,
        area: str = "",
        names: tuple[str, ...] = (),
    ) -> str | None:
        """Queue a request for `receiver`; return its id, or None if the queue is full."""
        request = ClientRequest(self._ids.new(), operation, text, samples, area, names)
        with self._lock:
            self._receivers[request.id] = receiver
        if self._queue.enqueue_job(request):
            return request.id
        with self._lock:
            del self._receivers[request.id]
        return None

    def cancel(self, job_id: str) -> None:
        """Cancel a request without a receiver; its work ends as soon as possible."""
        with self._lock:
            self._receivers.pop(job_id, None)
        if self._queue.remove(job_id) is None:
            self._queue.cancel_in_progress(job_id)

    def on_event(self, event: Event) -> None:
        """Deliver a finished request's result to its receiver."""
        if isinstance(event, JobFinished) and isinstance(event.job, ClientRequest):
            with self._lock:
                receiver = self._receivers.pop(event.job.id, None)
            if receiver is not None:
                receiver.deliver(event.result)
