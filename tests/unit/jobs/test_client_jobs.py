"""A client's request goes to the queue, and its result to the client alone."""

from __future__ import annotations

import select

import pytest

from appliance.events import JobFinished
from appliance.ids import Ids
from appliance.jobs.client_jobs import ClientJobs, ResultInbox
from appliance.jobs.job_queue import MAXIMUM_CLIENTS, JobQueue
from appliance.jobs.result_builder import ResultBuilder
from appliance.system.board_state import BoardState
from appliance.values import ClientRequest, Operation, Outcome, Request


def finished(job: ClientRequest) -> JobFinished:
    builder = ResultBuilder(job, "en", BoardState())
    builder.end(Outcome.NOT_UNDERSTOOD)
    return JobFinished(job, builder.result())


def has_result(inbox: ResultInbox) -> bool:
    poll = select.poll()
    poll.register(inbox, select.POLLIN)
    return bool(poll.poll(0))


def test_the_result_comes_to_whoever_asked() -> None:
    queue, inbox, other = JobQueue(10), ResultInbox(), ResultInbox()
    jobs = ClientJobs(queue, Ids())
    job_id = jobs.submit(inbox, Operation.PARSE, text="stop")
    jobs.submit(other, Operation.PARSE, text="go")
    assert not has_result(inbox)
    queued = queue.dequeue_job(0.0)
    assert queued is not None
    assert isinstance(queued.job, ClientRequest)
    jobs.on_event(finished(queued.job))

    assert has_result(inbox)
    assert not has_result(other)
    result = inbox.take()
    assert result is not None
    assert result.id == job_id
    assert not has_result(inbox)
    assert inbox.take() is None


def test_a_cancelled_request_leaves_the_queue_and_its_result_is_dropped() -> None:
    queue, inbox = JobQueue(10), ResultInbox()
    jobs = ClientJobs(queue, Ids())
    waiting = jobs.submit(inbox, Operation.PARSE, text="stop")
    assert waiting is not None
    jobs.cancel(waiting)
    assert queue.dequeue_job(0.0) is None

    at_work = jobs.submit(inbox, Operation.PARSE, text="stop")
    assert at_work is not None
    queued = queue.dequeue_job(0.0)
    assert queued is not None
    jobs.cancel(at_work)
    assert queue.is_cancelled(queued.job)
    assert isinstance(queued.job, ClientRequest)
    jobs.on_event(finished(queued.job))
    assert not has_result(inbox)


def test_a_result_after_the_end_of_the_connection_is_dropped() -> None:
    queue, inbox = JobQueue(10), ResultInbox()
    jobs = ClientJobs(queue, Ids())
    jobs.submit(inbox, Operation.PARSE, text="stop")
    queued = queue.dequeue_job(0.0)
    inbox.close()
    assert queued is not None
    assert isinstance(queued.job, ClientRequest)
    jobs.on_event(finished(queued.job))


def test_more_requests_than_clients_are_refused() -> None:
    jobs = ClientJobs(JobQueue(10), Ids())
    inbox = ResultInbox()
    for _ in range(MAXIMUM_CLIENTS):
        assert jobs.submit(inbox, Operation.PARSE, text="stop") is not None
    assert jobs.submit(inbox, Operation.PARSE, text="stop") is None


@pytest.mark.parametrize(
    ("operation", "first"), [(Operation.PARSE, True), (Operation.ANSWER, False)]
)
def test_what_was_said_to_a_client_goes_before_requests_and_interrupts_an_answer(
    operation: Operation, *, first: bool
) -> None:
    queue = JobQueue(10)
    request = Request(id="r", operation=Operation.TRANSCRIBE, payload=b"")
    queue.enqueue_job(request)
    ClientJobs(queue, Ids()).submit(ResultInbox(), operation, text="stop")
    assert (queue.dequeue_speech() is not None) is first
