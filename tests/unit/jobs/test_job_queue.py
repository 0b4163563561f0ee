"""The queue of waiting jobs."""

import numpy as np

from appliance.jobs.job_queue import JobQueue
from appliance.values import Operation, Request, Trigger, Utterance


def utterance(name: str) -> Utterance:
    return Utterance(name, np.zeros(160, np.float32), Trigger.ALWAYS, 0.0, 0.0)


def request(name: str, priority: int = 0) -> Request:
    return Request(name, Operation.PARSE, b"hello", priority=priority)


def taken(jobs: JobQueue) -> list[str]:
    names = []
    while queued := jobs.dequeue_job(0.0):
        names.append(queued.job.id)
    return names


def test_speech_goes_first_then_priority_then_who_came_first() -> None:
    jobs = JobQueue(maximum_requests=10)
    for job in (request("a"), request("b"), request("urgent", 5), utterance("s"), request("c")):
        assert jobs.enqueue_job(job)
    assert taken(jobs) == ["s", "urgent", "a", "b", "c"]


def test_the_request_over_the_bound_is_turned_away_and_speech_still_comes_in() -> None:
    jobs = JobQueue(maximum_requests=2)
    assert [jobs.enqueue_job(request(name)) for name in "abc"] == [True, True, False]
    assert jobs.enqueue_job(utterance("s"))
    assert jobs.depth() == (1, 2)


def test_a_fifth_utterance_is_turned_away_and_requests_still_come_in() -> None:
    jobs = JobQueue(maximum_requests=2)
    assert [jobs.enqueue_job(utterance(name)) for name in "abcde"] == [True] * 4 + [False]
    assert jobs.enqueue_job(request("r"))


def test_an_answer_that_has_to_wait_keeps_its_place_and_lets_others_pass() -> None:
    jobs = JobQueue(maximum_requests=10)
    writes = Request("writes", Operation.ANSWER, b"why", priority=5)
    for job in (writes, request("a"), utterance("s")):
        jobs.enqueue_job(job)
    passed = [jobs.dequeue_job(0.0, lambda: False) for _ in range(3)]
    assert [queued and queued.job.id for queued in passed] == ["s", "a", None]
    jobs.enqueue_job(request("b"))
    assert taken(jobs) == ["writes", "b"]


def test_a_job_taken_makes_room_for_another() -> None:
    jobs = JobQueue(maximum_requests=1)
    jobs.enqueue_job(request("a"))
    jobs.dequeue_job(0.0)
    assert jobs.enqueue_job(request("b"))


def test_a_removed_job_is_never_taken_and_the_others_keep_their_order() -> None:
    jobs = JobQueue(maximum_requests=10)
    for name in "abcd":
        jobs.enqueue_job(request(name))
    removed = jobs.remove("b")
    assert removed is not None
    assert removed.id == "b"
    assert jobs.remove("b") is None
    assert taken(jobs) == ["a", "c", "d"]


def test_the_position_counts_all_that_go_before() -> None:
    jobs = JobQueue(maximum_requests=10)
    for job in (request("a"), request("b"), utterance("s"), request("urgent", 1)):
        jobs.enqueue_job(job)
    assert [jobs.position(name) for name in ("s", "urgent", "a", "b", "x")] == [0, 1, 2, 3, None]


def test_draining_gives_everything_in_order_and_leaves_nothing() -> None:
    jobs = JobQueue(maximum_requests=10)
    for job in (request("a"), utterance("s")):
        jobs.enqueue_job(job)
    assert [job.id for job in jobs.drain()] == ["s", "a"]
    assert jobs.dequeue_job(0.0) is None


def asked(requester: str, number: int, priority: int = 0) -> Request:
    return Request(
        f"{requester}{number}", Operation.PARSE, b"", None, priority, requester=requester
    )


def test_requesters_take_turns_however_many_requests_one_of_them_has_sent() -> None:
    jobs = JobQueue(maximum_requests=10)
    for job in (*(asked("a", number) for number in range(4)), asked("b", 0), asked("c", 0)):
        jobs.enqueue_job(job)
    assert taken(jobs) == ["a0", "b0", "c0", "a1", "a2", "a3"]


def test_a_requester_that_comes_later_waits_one_turn_and_gains_none() -> None:
    jobs = JobQueue(maximum_requests=10)
    for number in range(4):
        jobs.enqueue_job(asked("a", number))
    served = []
    for number in range(2):
        queued = jobs.dequeue_job(0.0)
        served.append(queued and queued.job.id)
        jobs.enqueue_job(asked("b", number))
    assert [*served, *taken(jobs)] == ["a0", "a1", "b0", "a2", "b1", "a3"]


def test_a_flood_under_ever_new_names_does_not_shut_out_who_has_one() -> None:
    jobs = JobQueue(maximum_requests=100)
    for number in range(3):
        jobs.enqueue_job(asked("a", number))
    served = []
    for number in range(12):
        jobs.enqueue_job(asked(f"new-{number}-", 0))
        queued = jobs.dequeue_job(0.0)
        served.append(queued and queued.job.id)
    assert {"a0", "a1", "a2"} < set(served)


def test_turns_are_shared_within_a_priority_and_never_over_it() -> None:
    jobs = JobQueue(maximum_requests=10)
    for job in (asked("a", 0), asked("a", 1), asked("b", 0), asked("a", 2, 5), asked("a", 3, 5)):
        jobs.enqueue_job(job)
    assert taken(jobs) == ["a2", "a3", "a0", "b0", "a1"]


def test_a_job_in_progress_counts_before_those_that_wait_and_can_be_cancelled() -> None:
    jobs = JobQueue(maximum_requests=10)
    for name in "ab":
        jobs.enqueue_job(request(name))
    first = jobs.dequeue_job(0.0)
    assert first is not None
    assert [job.id for job in jobs.in_progress()] == ["a"]
    assert jobs.position("b") == 1
    assert (jobs.cancel_in_progress("b"), jobs.cancel_in_progress("a")) == (False, True)
    assert jobs.is_cancelled(first.job)
    jobs.finish(first.job)
    assert (jobs.in_progress(), jobs.is_cancelled(first.job), jobs.position("b")) == ([], False, 0)
